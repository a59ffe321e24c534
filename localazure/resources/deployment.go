package resources

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/entra"
	"github.com/kars-dev/kars/localazure/requests"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

const kindDeployment = "deployment"

func (p *Provider) deployments() arm.Type {
	return arm.Type{
		Name:         deploymentType,
		APIVersions:  []string{"2022-09-01", "2021-04-01"},
		Subscription: true,
		NoContent:    true,
		NameRule:     regexp.MustCompile(`^[A-Za-z0-9._()-]{1,64}$`),
		Preflight:    p.preflight,
		Prepare:      p.prepareDeployment,
		Remove:       removeDeployment,
		List:         p.listDeployments,
		Poll:         pollDeployment,
		Operations:   map[string]arm.Handler{"validate": p.validate},
	}
}

// deploymentInput is what a deployment needs to run, kept with its operation
// until that ends, because it may hold secure parameters.
type deploymentInput struct {
	Template   store.Tree   `json:"template"`
	Parameters store.Tree   `json:"parameters"`
	Caller     entra.Claims `json:"caller"`
}

// readDeployment reads the resources of a deployment's template.
func readDeployment(id armid.ID, body store.Tree) ([]item, error) {
	properties := resource.Properties(body)
	if mode := resource.Text(properties, "mode"); !strings.EqualFold(mode, "Incremental") {
		return nil, arm.Errorf(http.StatusBadRequest, "InvalidDeploymentMode",
			"The deployment mode '%s' is not supported here; 'Incremental' is.", mode)
	}
	if id.ResourceGroup == "" && resource.Text(body, "location") == "" {
		return nil, arm.Errorf(http.StatusBadRequest, "LocationRequired", "The 'location' property is required for the deployment '%s'.", id.Name())
	}
	template, _ := properties["template"].(store.Tree)
	parameters, _ := properties["parameters"].(store.Tree)
	return readTemplate(template, parameters, containerOf(id))
}

func containerOf(id armid.ID) armid.ID {
	return armid.ID{Subscription: id.Subscription, ResourceGroup: id.ResourceGroup}
}

// preflight checks the template, and that the caller may write every resource
// in it, before anything is done.
func (p *Provider) preflight(ctx context.Context, w *arm.Write) error {
	items, err := readDeployment(w.ID, w.New)
	if err != nil {
		return err
	}
	return p.checkItems(ctx, w, items, func(*arm.Error) bool { return false })
}

// checkItems checks that the caller may write every resource of a template, and
// that neither a policy nor a provider refuses one. Refusals that will have
// fallen away by then are left out.
func (p *Provider) checkItems(ctx context.Context, w *arm.Write, items []item, lifted func(*arm.Error) bool) error {
	var denied []*arm.Error
	for _, it := range items {
		err := p.service.AuthorizePut(ctx, w.Caller, it.ID, it.Body)
		if err == nil {
			continue
		}
		e := arm.AsError(err)
		if e.Status != http.StatusForbidden {
			return err
		}
		if !lifted(e) {
			denied = append(denied, denial(w.Caller, it, e))
		}
	}
	if err := summarize(w.ID.Name(), denied); err != nil {
		return err
	}
	if err := p.checkWithPolicies(ctx, items); err != nil {
		return err
	}
	return p.checkWithProviders(ctx, w, items)
}

// denial says of one resource what ARM says when its write is not allowed.
func denial(c entra.Claims, it item, e *arm.Error) *arm.Error {
	if e.Code != "AuthorizationFailed" {
		return e
	}
	return arm.Errorf(http.StatusForbidden, "AuthorizationFailed",
		"Authorization failed for template resource '%s' of type '%s'. The client '%s' with object id '%s' does not have permission to perform action '%s/write' at scope '%s'.",
		it.ID.FullName(), it.ID.Type(), arm.Client(c), c.ObjectID, it.ID.Type(), it.ID)
}

func summarize(name string, denied []*arm.Error) error {
	if len(denied) == 0 {
		return nil
	}
	var messages []string
	for _, d := range denied {
		if d.Code != "AuthorizationFailed" {
			return &arm.Error{
				Status: http.StatusForbidden, Code: "InvalidTemplateDeployment",
				Message: fmt.Sprintf("The template deployment '%s' is not valid according to the validation procedure. See inner errors for details.", name),
				Details: denied,
			}
		}
		messages = append(messages, d.Message)
	}
	if len(denied) == 1 {
		return arm.Errorf(http.StatusForbidden, "InvalidTemplateDeployment", "The template deployment failed with error: '%s'.", messages[0])
	}
	return &arm.Error{
		Status: http.StatusForbidden, Code: "InvalidTemplateDeployment",
		Message: fmt.Sprintf("Deployment failed with multiple errors: '%s'", strings.Join(messages, ":")),
		Details: denied,
	}
}

func (p *Provider) prepareDeployment(_ context.Context, w *arm.Write) error {
	if state := resource.Text(w.Old, "properties", "provisioningState"); state == "Running" {
		return arm.Errorf(http.StatusConflict, "DeploymentActive",
			"Unable to edit or replace deployment '%s': previous deployment is still active. Please see https://aka.ms/arm-deploy for usage details.", w.ID.Name())
	}
	items, err := readDeployment(w.ID, w.New)
	if err != nil {
		return err
	}
	sent := resource.Properties(w.New)
	template, _ := sent["template"].(store.Tree)
	parameters, _ := sent["parameters"].(store.Tree)
	input, err := tree(deploymentInput{Template: template, Parameters: parameters, Caller: w.Caller})
	if err != nil {
		return err
	}
	raw, err := json.Marshal(template)
	if err != nil {
		return err
	}
	w.New["properties"] = store.Tree{
		"mode": "Incremental", "provisioningState": "Running", "templateHash": hash(raw),
		"parameters": shown(template, parameters), "timestamp": stamp(p.service.Now()), "duration": "PT0S",
		"correlationId": p.service.NewID(), "dependencies": dependencies(items), "outputResources": []any{},
	}
	w.Operation = &arm.Operation{Kind: kindDeployment, ResourceID: w.ID.String(), Input: input}
	return forget(w.Tx, w.ID)
}

func removeDeployment(_ context.Context, w *arm.Write) error { return forget(w.Tx, w.ID) }

// hash is a template's, in the form that ARM prints: the digits of a number.
func hash(raw []byte) string {
	sum := sha256.Sum256(raw)
	var n uint64
	for _, b := range sum[:8] {
		n = n<<8 | uint64(b)
	}
	return strconv.FormatUint(n, 10)
}

// shown returns the parameters that a deployment may print: all but secure ones.
func shown(template, parameters store.Tree) store.Tree {
	out := store.Tree{}
	declared, _ := template["parameters"].(store.Tree)
	for name, d := range declared {
		declaration, _ := d.(store.Tree)
		kind := resource.Text(declaration, "type")
		value := store.Tree{"type": kind}
		if !strings.HasPrefix(strings.ToLower(kind), "secure") {
			value["value"] = declaration["defaultValue"]
			if given, ok := parameters[name].(store.Tree); ok {
				value["value"] = given["value"]
			}
		}
		out[name] = value
	}
	return out
}

func dependencies(items []item) []any {
	list := []any{}
	describe := func(id armid.ID) store.Tree {
		return store.Tree{"id": id.String(), "resourceType": id.Type(), "resourceName": id.FullName()}
	}
	for _, it := range items {
		if len(it.DependsOn) == 0 {
			continue
		}
		on := []any{}
		for _, d := range it.DependsOn {
			for _, other := range items {
				if armid.Equal(other.ID.String(), d) {
					on = append(on, describe(other.ID))
				}
			}
		}
		entry := describe(it.ID)
		entry["dependsOn"] = on
		list = append(list, entry)
	}
	return list
}

// validate checks a deployment as creating it would, and does nothing.
func (p *Provider) validate(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	requests.SetRead(ctx)
	if r.Body == nil {
		return nil, arm.Errorf(http.StatusBadRequest, "InvalidRequestContent", "The request content is empty.")
	}
	if err := p.preflight(ctx, &arm.Write{ID: r.ID, APIVersion: r.APIVersion, Caller: r.Caller, New: r.Body}); err != nil {
		return nil, err
	}
	items, err := readDeployment(r.ID, r.Body)
	if err != nil {
		return nil, err
	}
	validated := []any{}
	for _, it := range items {
		validated = append(validated, store.Tree{"id": it.ID.String()})
	}
	return arm.OK(store.Tree{
		"id": r.ID.String(), "name": r.ID.Name(), "type": deploymentType,
		"properties": store.Tree{
			"mode": "Incremental", "provisioningState": arm.Succeeded, "timestamp": stamp(p.service.Now()),
			"correlationId": p.service.NewID(), "validatedResources": validated, "dependencies": dependencies(items),
		},
	}), nil
}

// listDeployments lists the deployments of a group, or of a subscription
// without those of its groups.
func (p *Provider) listDeployments(_ context.Context, r *arm.Request) (*arm.Response, error) {
	return p.listAt(r, deploymentType)
}

// listAt lists what of a type lies at a scope, and not below it.
func (p *Provider) listAt(r *arm.Request, kind string) (*arm.Response, error) {
	container := containerOf(r.ID).String()
	var trees []store.Tree
	err := p.service.Store.View(func(tx *store.Tx) error {
		return resource.OfType(tx, container, kind, func(d resource.Resource) error {
			if armid.Equal(d.ID.Parent().String(), container) {
				trees = append(trees, d.Tree)
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	page, err := arm.Paged(r, trees)
	if err != nil {
		return nil, err
	}
	return arm.OK(page), nil
}

func pollDeployment(r *arm.Request, operation string) http.Header {
	h := arm.RetryHeader()
	path := r.ID.String() + "/operationStatuses/" + operation
	h.Set("Azure-AsyncOperation", arm.Link(r.Request, path, url.Values{"api-version": {r.APIVersion}}))
	return h
}

func (p *Provider) deploymentStatus(_ context.Context, r *arm.Request) (*arm.Response, error) {
	o, err := p.service.Polled(r)
	if err != nil {
		return nil, err
	}
	body := store.Tree{"status": o.Status}
	if o.Status == arm.InProgress {
		body["status"] = "Running"
		return &arm.Response{Status: http.StatusOK, Header: arm.RetryHeader(), Body: body}, nil
	}
	if o.Error != nil {
		body["error"] = o.Error
	}
	return arm.OK(body), nil
}

// tree turns a value into what the store keeps.
func tree(value any) (store.Tree, error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var out store.Tree
	return out, json.Unmarshal(raw, &out)
}

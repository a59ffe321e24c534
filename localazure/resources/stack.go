package resources

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"github.com/kars-dev/kars/localazure/action"
	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/entra"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

const (
	stackType       = "Microsoft.Resources/deploymentStacks"
	kindStack       = "deploymentStack"
	kindStackDelete = "deleteDeploymentStack"
)

// Deny modes of a stack.
const (
	denyNone           = "none"
	denyDelete         = "denyDelete"
	denyWriteAndDelete = "denyWriteAndDelete"
)

// Provisioning states of a stack; a stack is at rest in the last two.
const (
	stackDeploying = "deploying"
	stackDeleting  = "deleting"
	stackSucceeded = "succeeded"
	stackFailed    = "failed"
)

// stacks are deployment stacks in a group or a subscription: a template whose
// resources are kept together, and which deny assignments protect. They are the
// one way in which a customer makes deny assignments. Templates are given in
// full, not by link;
// learn.microsoft.com/azure/azure-resource-manager/bicep/deployment-stacks.
func (p *Provider) stacks() arm.Type {
	return arm.Type{
		Name:         stackType,
		APIVersions:  []string{"2024-03-01"},
		Subscription: true,
		NameRule:     regexp.MustCompile(`^[-\w._()]{1,90}$`),
		Preflight:    p.preflightStack,
		Prepare:      p.prepareStack,
		List:         p.listStacks,
	}
}

// stackInput is what a stack's operation needs to run, kept until it ends.
type stackInput struct {
	Template        store.Tree   `json:"template,omitempty"`
	Parameters      store.Tree   `json:"parameters,omitempty"`
	Caller          entra.Claims `json:"caller"`
	DeleteResources bool         `json:"deleteResources"`
	DeleteGroups    bool         `json:"deleteGroups"`
}

// preflightStack checks what the caller needs for a stack: to deny anything, or
// to change a stack that does, an action that the role Contributor lacks;
// github.com/Azure/deployment-stacks/issues/163.
func (p *Provider) preflightStack(ctx context.Context, w *arm.Write) error {
	stored, err := p.storedTree(w.ID)
	if err != nil {
		return err
	}
	if err := p.mayDeny(ctx, w.Caller, w.ID, w.New, stored); err != nil {
		return err
	}
	items, err := readStack(w.ID, w.New)
	if err != nil {
		return err
	}
	return p.checkItems(ctx, w, items, func(e *arm.Error) bool {
		return e.Code == "DenyAssignmentAuthorizationFailed" && strings.Contains(strings.ToLower(e.Message), strings.ToLower(madeBy(w.ID)))
	})
}

func (p *Provider) storedTree(id armid.ID) (tree store.Tree, err error) {
	err = p.service.Store.View(func(tx *store.Tx) error {
		tree, _, err = resource.Get(tx, id.String())
		return err
	})
	return tree, err
}

// mayDeny asks for the right to manage deny settings, if one of the trees of a
// stack has any.
func (p *Provider) mayDeny(ctx context.Context, c entra.Claims, id armid.ID, trees ...store.Tree) error {
	for _, tree := range trees {
		mode := resource.Text(tree, "properties", "denySettings", "mode")
		if mode == "" || strings.EqualFold(mode, denyNone) {
			continue
		}
		return p.service.Authorize(ctx, c, action.Need{Action: stackType + "/manageDenySetting/action", Scope: id.String()}, nil)
	}
	return nil
}

// readStack reads the resources of a stack's template.
func readStack(id armid.ID, tree store.Tree) ([]item, error) {
	properties := resource.Properties(tree)
	if id.ResourceGroup == "" && resource.Text(tree, "location") == "" {
		return nil, arm.Errorf(http.StatusBadRequest, "LocationRequired", "The 'location' property is required for the deployment stack '%s'.", id.Name())
	}
	container := containerOf(id)
	if scope := resource.Text(properties, "deploymentScope"); scope != "" {
		at, err := armid.Parse(scope)
		if err != nil || len(at.Providers) > 0 || !armid.Within(at.String(), container.String()) {
			return nil, arm.Errorf(http.StatusBadRequest, "InvalidDeploymentStackDeploymentScope",
				"The deployment scope '%s' of the deployment stack '%s' is not at or below the stack's own.", scope, id.Name())
		}
		container = at
	}
	template, _ := properties["template"].(store.Tree)
	parameters, _ := properties["parameters"].(store.Tree)
	return readTemplate(template, parameters, container)
}

func (p *Provider) prepareStack(_ context.Context, w *arm.Write) error {
	if state := resource.Text(w.Old, "properties", "provisioningState"); w.Old != nil && state != stackSucceeded && state != stackFailed {
		return arm.Errorf(http.StatusConflict, "DeploymentStackInNonTerminalState",
			"The deployment stack '%s' is in the non-terminal state '%s'.", w.ID.Name(), state)
	}
	if _, err := readStack(w.ID, w.New); err != nil {
		return err
	}
	sent := resource.Properties(w.New)
	settings, err := denySettings(w.ID, sent)
	if err != nil {
		return err
	}
	unmanage, err := actionOnUnmanage(w.ID, sent)
	if err != nil {
		return err
	}
	template, _ := sent["template"].(store.Tree)
	parameters, _ := sent["parameters"].(store.Tree)
	input, err := tree(stackInput{
		Template: template, Parameters: parameters, Caller: w.Caller,
		DeleteResources: unmanage["resources"] == unmanageDelete, DeleteGroups: unmanage["resourceGroups"] == unmanageDelete,
	})
	if err != nil {
		return err
	}
	properties := store.Tree{
		"actionOnUnmanage": unmanage, "denySettings": settings, "parameters": shown(template, parameters),
		"provisioningState": stackDeploying, "correlationId": p.service.NewID(), "resources": []any{},
		"deletedResources": []any{}, "detachedResources": []any{}, "failedResources": []any{},
	}
	for _, key := range []string{"deploymentScope", "description"} {
		if sent[key] != nil {
			properties[key] = sent[key]
		}
	}
	if was := resource.Value(w.Old, "properties", "resources"); was != nil {
		properties["resources"] = was
	}
	w.New["properties"] = properties
	w.Operation = &arm.Operation{Kind: kindStack, ResourceID: w.ID.String(), Input: input}
	return nil
}

const (
	unmanageDelete = "delete"
	unmanageDetach = "detach"
)

// actionOnUnmanage reads what becomes of what a stack no longer has.
func actionOnUnmanage(id armid.ID, properties store.Tree) (store.Tree, error) {
	sent, _ := properties["actionOnUnmanage"].(store.Tree)
	out := store.Tree{}
	for _, key := range []string{"resources", "resourceGroups", "managementGroups"} {
		switch v := resource.Text(sent, key); {
		case strings.EqualFold(v, unmanageDelete):
			out[key] = unmanageDelete
		case strings.EqualFold(v, unmanageDetach), v == "" && key != "resources":
			out[key] = unmanageDetach
		default:
			return nil, arm.Errorf(http.StatusBadRequest, "InvalidRequestContent",
				"The deployment stack '%s' must say in 'actionOnUnmanage.%s' whether to 'delete' or to 'detach'.", id.Name(), key)
		}
	}
	return out, nil
}

// listStacks lists the stacks of a group, or of a subscription without those of
// its groups.
func (p *Provider) listStacks(_ context.Context, r *arm.Request) (*arm.Response, error) {
	return p.listAt(r, stackType)
}

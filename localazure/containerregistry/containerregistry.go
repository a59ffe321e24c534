// Package containerregistry is the local Azure's Microsoft.ContainerRegistry:
// registries as resources. What they hold is in package registry.
package containerregistry

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/globalname"
	"github.com/kars-dev/kars/localazure/registry"
	"github.com/kars-dev/kars/localazure/requests"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// Type is the resource type of registries.
const Type = "Microsoft.ContainerRegistry/registries"

const (
	kindImport = "importImage"
	domain     = ".azurecr.io"
)

// Contents are what registries hold.
type Contents interface {
	Import(ctx context.Context, loginServer string, r registry.ImportRequest) error
	Remove(ctx context.Context, loginServer string) error
}

// Provider is Microsoft.ContainerRegistry.
type Provider struct {
	service  *arm.Service
	contents Contents
}

// New returns the provider for a Resource Manager.
func New(s *arm.Service, contents Contents) arm.Provider {
	p := &Provider{service: s, contents: contents}
	s.Handle(kindImport, p.runImport)
	return arm.Provider{
		Namespace: "Microsoft.ContainerRegistry",
		Types: []arm.Type{{
			Name: Type, APIVersions: []string{"2025-04-01", "2023-07-01"}, Regional: true,
			NameRule: nameRule(), NameError: nameError,
			Validate: p.validate, Prepare: p.prepare, Provision: arm.Immediately, Destroy: p.destroy,
			Operations: map[string]arm.Handler{"importimage": p.importImage, "listcredentials": p.listCredentials},
		}},
		Routes: append(s.PollingRoutes("Microsoft.ContainerRegistry"), arm.Route{
			Method: http.MethodPost, Read: true, Registered: true, Handle: p.checkName,
			Pattern: "/subscriptions/{subscription}/providers/Microsoft.ContainerRegistry/checkNameAvailability",
		}),
	}
}

func nameRule() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9]{5,50}$`) }

func nameError(name string) *arm.Error {
	return arm.Errorf(http.StatusBadRequest, "InvalidResourceName",
		"The registry name '%s' is invalid. It may contain alpha numeric characters only and must be between 5 and 50 characters.", name)
}

// prepare completes a registry;
// learn.microsoft.com/rest/api/containerregistry/registries/create.
func (p *Provider) prepare(_ context.Context, w *arm.Write) error {
	if w.Created() {
		if err := checkFree(w.Tx, w.ID.Name()); err != nil {
			return err
		}
	}
	sku := resource.Text(w.New, "sku", "name")
	switch sku {
	case "Basic", "Standard", "Premium":
	default:
		return arm.Errorf(http.StatusBadRequest, "InvalidSku", "The SKU '%s' is invalid. It must be Basic, Standard or Premium.", sku)
	}
	w.New["sku"] = store.Tree{"name": sku, "tier": sku}
	properties := resource.Properties(w.New)
	if enabled, _ := properties["adminUserEnabled"].(bool); enabled {
		return arm.Errorf(http.StatusBadRequest, "AdminUserNotSupported",
			"The local Azure's registries have no admin user. Set 'adminUserEnabled' to false and assign the role AcrPull or AcrPush instead.")
	}
	properties["loginServer"] = LoginServer(w.ID.Name())
	resource.Default(properties, "adminUserEnabled", false)
	resource.Default(properties, "anonymousPullEnabled", false)
	resource.Default(properties, "publicNetworkAccess", "Enabled")
	resource.Default(properties, "networkRuleBypassOptions", "AzureServices")
	resource.Default(properties, "zoneRedundancy", "Disabled")
	properties["creationDate"] = p.service.Now().UTC().Format("2006-01-02T15:04:05.0000000Z")
	if w.Old != nil {
		properties["creationDate"] = resource.Value(w.Old, "properties", "creationDate")
	}
	return nil
}

// LoginServer returns a registry's host.
func LoginServer(name string) string { return strings.ToLower(name) + domain }

// holder returns the id of the registry with a login server, or "".
func holder(tx *store.Tx, loginServer string) (id string, err error) {
	err = resource.OfType(tx, "", Type, func(r resource.Resource) error {
		if strings.EqualFold(LoginServer(r.ID.Name()), loginServer) {
			id = r.ID.String()
		}
		return nil
	})
	return id, err
}

func nameTaken(tx *store.Tx, name string) (bool, error) {
	if id, err := holder(tx, LoginServer(name)); err != nil || id != "" {
		return id != "", err
	}
	return globalname.Taken(tx, Type, name)
}

func checkFree(tx *store.Tx, name string) error {
	taken, err := nameTaken(tx, name)
	if err != nil || !taken {
		return err
	}
	return &arm.Error{
		Status: http.StatusConflict, Code: "AlreadyInUse", Target: name,
		Message: "The registry DNS name " + LoginServer(name) + " is already in use. You can check if the name is already claimed using following API: https://docs.microsoft.com/en-us/rest/api/containerregistry/registries/checknameavailability",
	}
}

// validate checks a registry's name before the template that it is in is
// deployed.
func (p *Provider) validate(_ context.Context, w *arm.Write) error {
	if !w.Created() {
		return nil
	}
	err := checkFree(w.Tx, w.ID.Name())
	var taken *arm.Error
	if !errors.As(err, &taken) {
		return err
	}
	return &arm.Error{
		Status: http.StatusBadRequest, Code: "PreflightValidationCheckFailed",
		Message: "Preflight validation failed. Please refer to the details for the specific errors.", Details: []*arm.Error{taken},
	}
}

func (p *Provider) destroy(ctx context.Context, id armid.ID) error {
	return p.contents.Remove(ctx, LoginServer(id.Name()))
}

func (p *Provider) checkName(_ context.Context, r *arm.Request) (*arm.Response, error) {
	name := resource.Text(r.Body, "name")
	if !nameRule().MatchString(name) {
		return arm.OK(store.Tree{"nameAvailable": false, "reason": "Invalid", "message": nameError(name).Message}), nil
	}
	var taken bool
	err := p.service.Store.View(func(tx *store.Tx) (err error) {
		taken, err = nameTaken(tx, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	if taken {
		return arm.OK(store.Tree{"nameAvailable": false, "reason": "AlreadyExists", "message": "The registry " + name + " is already in use."}), nil
	}
	return arm.OK(store.Tree{"nameAvailable": true}), nil
}

// importInput is the body of importImage.
type importInput struct {
	Source struct {
		RegistryURI string `json:"registryUri"`
		ResourceID  string `json:"resourceId"`
		SourceImage string `json:"sourceImage"`
	} `json:"source"`
	TargetTags []string `json:"targetTags"`
	Mode       string   `json:"mode"`
}

// importImage starts an import;
// learn.microsoft.com/rest/api/containerregistry/registries/import-image.
func (p *Provider) importImage(_ context.Context, r *arm.Request) (*arm.Response, error) {
	if _, err := p.service.Stored(r.ID); err != nil {
		return nil, err
	}
	input, err := readImport(r.Body)
	if err != nil {
		return nil, err
	}
	if input.Source.RegistryURI == "" || input.Source.SourceImage == "" {
		return nil, arm.Errorf(http.StatusBadRequest, "InvalidParameters", "The source needs 'registryUri' and 'sourceImage'.")
	}
	operation, err := p.service.InTx(func(tx *store.Tx) (string, error) {
		return p.service.Enqueue(tx, arm.Operation{Kind: kindImport, ResourceID: r.ID.String(), Input: r.Body})
	})
	if err != nil {
		return nil, err
	}
	return &arm.Response{Status: http.StatusAccepted, Header: arm.PollingHeader(r, operation)}, nil
}

func readImport(body store.Tree) (input importInput, err error) {
	raw, err := json.Marshal(body)
	if err == nil {
		err = json.Unmarshal(raw, &input)
	}
	if err != nil {
		return input, arm.Errorf(http.StatusBadRequest, "InvalidParameters", "The import parameters could not be read: %v.", err)
	}
	return input, nil
}

func (p *Provider) runImport(ctx context.Context, o arm.Operation) error {
	id, err := armid.Parse(o.ResourceID)
	if err != nil {
		return err
	}
	input, err := readImport(o.Input)
	if err != nil {
		return err
	}
	err = p.contents.Import(ctx, LoginServer(id.Name()), registry.ImportRequest{
		SourceRegistry: input.Source.RegistryURI, SourceImage: input.Source.SourceImage, TargetTags: input.TargetTags, Mode: input.Mode,
	})
	var refused *registry.ImportError
	if errors.As(err, &refused) {
		return arm.Errorf(refused.Status, refused.Code, "%s", refused.Message)
	}
	return err
}

func (p *Provider) listCredentials(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	requests.SetRead(ctx)
	if _, err := p.service.Stored(r.ID); err != nil {
		return nil, err
	}
	return nil, arm.Errorf(http.StatusBadRequest, "UnAuthorizedForCredentialOperations",
		"Cannot perform credential operations for %s as admin user is disabled. Kindly enable admin user as per docs: https://docs.microsoft.com/en-us/azure/container-registry/container-registry-authentication#admin-account", r.ID)
}

// Lookup finds registries for their data plane.
type Lookup struct {
	Store    *store.Store
	TenantID string
}

// Registry returns the registry with a login server.
func (l Lookup) Registry(_ context.Context, loginServer string) (registry.Registry, bool, error) {
	var id string
	err := l.Store.View(func(tx *store.Tx) (err error) {
		id, err = holder(tx, loginServer)
		return err
	})
	return registry.Registry{ID: id, LoginServer: strings.ToLower(loginServer), TenantID: l.TenantID}, id != "", err
}

// Package cognitiveservices is the local Azure's Microsoft.CognitiveServices:
// accounts (Azure OpenAI, Foundry), their projects and model deployments, and
// what becomes of deleted accounts. The models answer in package model.
package cognitiveservices

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/globalname"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// Resource types of this provider.
const (
	AccountType    = "Microsoft.CognitiveServices/accounts"
	projectType    = AccountType + "/projects"
	deploymentType = AccountType + "/deployments"
)

// Provider is Microsoft.CognitiveServices.
type Provider struct {
	service *arm.Service
}

// New returns the provider for a Resource Manager.
func New(s *arm.Service) *Provider { return &Provider{service: s} }

// Provider returns what the Resource Manager serves.
func (p *Provider) Provider() arm.Provider {
	const namespace = "/subscriptions/{subscription}/providers/Microsoft.CognitiveServices/"
	const deleted = namespace + "locations/{location}/resourceGroups/{group}/deletedAccounts/{name}"
	versions := []string{"2025-06-01", "2024-10-01"}
	name := regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{1,63}$`)
	return arm.Provider{
		Namespace: "Microsoft.CognitiveServices",
		Types: []arm.Type{
			{
				Name: AccountType, APIVersions: versions, Regional: true, NameRule: name,
				Validate: p.validateAccount, Prepare: p.prepareAccount, Remove: p.softDelete, Provision: arm.Immediately,
				Operations: map[string]arm.Handler{"listkeys": p.listKeys},
			},
			{
				Name: projectType, APIVersions: versions, Regional: true, Regions: projectRegions(), NameRule: name,
				Prepare: p.prepareProject, Provision: arm.Immediately,
			},
			{
				Name: deploymentType, APIVersions: versions, NameRule: name,
				Validate: p.validateDeployment, Prepare: p.prepareDeployment, Provision: arm.Immediately,
			},
		},
		Routes: append(p.service.PollingRoutes("Microsoft.CognitiveServices"),
			arm.Route{Method: http.MethodPost, Pattern: namespace + "checkDomainAvailability", Read: true, Registered: true, Handle: p.checkDomain},
			arm.Route{Method: http.MethodGet, Pattern: namespace + "locations/{location}/models", Registered: true, Handle: p.listModels},
			arm.Route{Method: http.MethodGet, Pattern: namespace + "locations/{location}/usages", Registered: true, Handle: p.listUsages},
			arm.Route{Method: http.MethodGet, Pattern: namespace + "deletedAccounts", Handle: p.listDeleted},
			arm.Route{Method: http.MethodGet, Pattern: deleted, Handle: p.getDeleted},
			arm.Route{Method: http.MethodDelete, Pattern: deleted, Handle: p.purge},
		),
	}
}

// prepareAccount completes an account;
// learn.microsoft.com/rest/api/aiservices/accountmanagement/accounts/create.
func (p *Provider) prepareAccount(_ context.Context, w *arm.Write) error {
	if err := checkKind(w.New); err != nil {
		return err
	}
	properties := resource.Properties(w.New)
	if err := p.reclaim(w, properties); err != nil {
		return err
	}
	domain := strings.ToLower(resource.Text(properties, "customSubDomainName"))
	if err := p.claimDomain(w, domain); err != nil {
		return err
	}
	properties["endpoint"], properties["endpoints"] = endpoints(domain, resource.Text(w.New, "kind"), resource.Text(w.New, "location"))
	properties["internalId"] = resource.Text(w.Old, "properties", "internalId")
	if w.Created() {
		properties["internalId"] = strings.ReplaceAll(p.service.NewID(), "-", "")
	}
	resource.Default(properties, "publicNetworkAccess", "Enabled")
	resource.Default(properties, "disableLocalAuth", false)
	resource.Default(properties, "isMigrated", false)
	return p.makeKeys(w)
}

func checkKind(account store.Tree) error {
	switch kind := resource.Text(account, "kind"); kind {
	case "AIServices", "OpenAI", "CognitiveServices":
	default:
		return arm.Errorf(http.StatusBadRequest, "InvalidApiSetId", "The account type '%s' is either invalid or unavailable in given region.", kind)
	}
	if sku := resource.Text(account, "sku", "name"); sku != "S0" && sku != "F0" {
		return arm.Errorf(http.StatusBadRequest, "InvalidResourceProperties", "The sku '%s' of the account is invalid.", sku)
	}
	return nil
}

// endpoints returns an account's endpoint and, by what they are for, its
// endpoints. A Foundry account answers under three names;
// learn.microsoft.com/azure/ai-foundry/how-to/develop/sdk-overview.
func endpoints(domain, kind, location string) (string, store.Tree) {
	if domain == "" {
		endpoint := "https://" + location + ".api.cognitive.microsoft.com/"
		return endpoint, store.Tree{"Azure Cognitive Services": endpoint}
	}
	cognitive := "https://" + domain + ".cognitiveservices.azure.com/"
	openai := "https://" + domain + ".openai.azure.com/"
	if kind == "OpenAI" {
		return openai, store.Tree{"OpenAI Language Model Instance API": openai}
	}
	foundry := "https://" + domain + ".services.ai.azure.com/"
	return cognitive, store.Tree{
		"AI Foundry API":                     foundry,
		"Azure AI Model Inference API":       foundry,
		"OpenAI Language Model Instance API": openai,
		"Content Safety":                     cognitive,
	}
}

// claimDomain refuses a subdomain that another account has, and a change of it.
func (p *Provider) claimDomain(w *arm.Write, domain string) error {
	if was := resource.Text(w.Old, "properties", "customSubDomainName"); was != "" && !strings.EqualFold(was, domain) {
		return arm.Errorf(http.StatusBadRequest, "CustomDomainNameCannotBeChanged", "The custom subdomain name of an account cannot be changed.")
	}
	if domain == "" || !w.Created() {
		return nil
	}
	return p.checkFree(w.Tx, domain)
}

// checkFree refuses a subdomain that an account has, or a deleted one keeps, or
// somebody else in the cloud.
func (p *Provider) checkFree(tx *store.Tx, domain string) error {
	taken, err := p.domainTaken(tx, domain)
	if err != nil || !taken {
		return err
	}
	return arm.Errorf(http.StatusConflict, "CustomDomainInUse",
		"Please pick a different name. The subdomain name '%s' is not available as it's already used by a resource.", domain)
}

func (p *Provider) domainTaken(tx *store.Tx, domain string) (bool, error) {
	if _, taken, err := accountByDomain(tx, domain); err != nil || taken {
		return taken, err
	}
	if held, err := p.domainHeld(tx, domain); err != nil || held {
		return held, err
	}
	return globalname.Taken(tx, AccountType, domain)
}

func accountByDomain(tx *store.Tx, domain string) (found resource.Resource, ok bool, err error) {
	err = resource.OfType(tx, "", AccountType, func(r resource.Resource) error {
		if strings.EqualFold(resource.Text(r.Tree, "properties", "customSubDomainName"), domain) {
			found, ok = r, true
		}
		return nil
	})
	return found, ok, err
}

func (p *Provider) checkDomain(_ context.Context, r *arm.Request) (*arm.Response, error) {
	domain := resource.Text(r.Body, "subdomainName")
	var taken bool
	err := p.service.Store.View(func(tx *store.Tx) (err error) {
		taken, err = p.domainTaken(tx, domain)
		return err
	})
	if err != nil {
		return nil, err
	}
	answer := store.Tree{"isSubdomainAvailable": !taken, "subdomainName": domain, "type": r.Body["type"]}
	if taken {
		answer["reason"] = "Sub domain name '" + domain + "' is not valid, or already in use."
	}
	return arm.OK(answer), nil
}

// prepareProject completes a Foundry project;
// learn.microsoft.com/rest/api/aiservices/accountmanagement/projects/create.
func (p *Provider) prepareProject(_ context.Context, w *arm.Write) error {
	account, err := parentAccount(w)
	if err != nil {
		return err
	}
	if allowed, _ := resource.Value(account, "properties", "allowProjectManagement").(bool); !allowed || resource.Text(account, "kind") != "AIServices" {
		return arm.Errorf(http.StatusBadRequest, "BadRequest",
			"Project can only be created under AIServices Kind account with allowProjectManagement set to true.")
	}
	if identity := resource.Text(w.New, "identity", "type"); identity == "" || strings.EqualFold(identity, "None") {
		return arm.Errorf(http.StatusBadRequest, "BadRequest", "A project needs a managed identity: 'identity.type' is required.")
	}
	properties := resource.Properties(w.New)
	resource.Default(properties, "displayName", w.ID.Name())
	resource.Default(properties, "description", "")
	domain := strings.ToLower(resource.Text(account, "properties", "customSubDomainName"))
	properties["endpoints"] = store.Tree{"AI Foundry API": "https://" + domain + ".services.ai.azure.com/api/projects/" + w.ID.Name()}
	return nil
}

// projectRegions are the regions with Foundry projects;
// learn.microsoft.com/azure/foundry/reference/region-support.
func projectRegions() []string {
	return []string{
		"australiaeast", "brazilsouth", "canadacentral", "canadaeast", "centralindia", "centralus", "eastasia", "eastus",
		"eastus2", "francecentral", "germanywestcentral", "italynorth", "japaneast", "koreacentral", "northcentralus",
		"northeurope", "norwayeast", "qatarcentral", "southafricanorth", "southcentralus", "southindia", "southeastasia",
		"spaincentral", "swedencentral", "switzerlandnorth", "uaenorth", "uksouth", "westeurope", "westus", "westus3",
	}
}

func parentAccount(w *arm.Write) (store.Tree, error) {
	account, _, err := resource.Get(w.Tx, w.ID.Parent().String())
	return account, err
}

// prepareDeployment completes a model deployment;
// learn.microsoft.com/rest/api/aiservices/accountmanagement/deployments/create-or-update.
func (p *Provider) prepareDeployment(_ context.Context, w *arm.Write) error {
	account, err := parentAccount(w)
	if err != nil {
		return err
	}
	m, err := p.checkModel(w, resource.Text(account, "location"))
	if err != nil {
		return err
	}
	properties := resource.Properties(w.New)
	sent, _ := properties["model"].(store.Tree)
	sent["version"] = m.Version
	sku, _ := w.New["sku"].(store.Tree)
	resource.Default(sku, "capacity", float64(1))
	resource.Default(properties, "versionUpgradeOption", "OnceNewDefaultVersionAvailable")
	resource.Default(properties, "raiPolicyName", "Microsoft.DefaultV2")
	properties["capabilities"] = store.Tree{"chatCompletion": "true"}
	created := p.service.Now().UTC().Format("2006-01-02T15:04:05.0000000Z")
	if was := resource.Text(w.Old, "systemData", "createdAt"); was != "" {
		created = was
	}
	w.New["systemData"] = store.Tree{"createdAt": created, "createdBy": w.Caller.ObjectID}
	return nil
}

package resources

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// DenyType is the type of deny assignments, which stacks alone make here.
const DenyType = "Microsoft.Authorization/denyAssignments"

// Limits of a stack's deny settings;
// learn.microsoft.com/azure/azure-resource-manager/bicep/deployment-stacks#protect-managed-resources.
const (
	maxExcludedPrincipals = 5
	maxExcludedActions    = 200
)

// denySettings reads what a stack denies.
func denySettings(id armid.ID, properties store.Tree) (store.Tree, error) {
	sent, _ := properties["denySettings"].(store.Tree)
	mode := ""
	for _, known := range []string{denyNone, denyDelete, denyWriteAndDelete} {
		if strings.EqualFold(known, resource.Text(sent, "mode")) {
			mode = known
		}
	}
	invalid := func(format string, args ...any) error {
		return arm.Errorf(http.StatusBadRequest, "InvalidRequestContent", "The deny settings of the deployment stack '%s' are invalid: %s.", id.Name(), fmt.Sprintf(format, args...))
	}
	if mode == "" {
		return nil, invalid("the mode '%s' is none of '%s', '%s' and '%s'", resource.Text(sent, "mode"), denyNone, denyDelete, denyWriteAndDelete)
	}
	principals, actions := texts(sent["excludedPrincipals"]), texts(sent["excludedActions"])
	switch {
	case len(principals) > maxExcludedPrincipals:
		return nil, invalid("at most %d principals may be excluded", maxExcludedPrincipals)
	case len(actions) > maxExcludedActions:
		return nil, invalid("at most %d actions may be excluded", maxExcludedActions)
	}
	applies, _ := sent["applyToChildScopes"].(bool)
	return store.Tree{"mode": mode, "excludedPrincipals": principals, "excludedActions": actions, "applyToChildScopes": applies}, nil
}

// texts returns the texts in a list, each once.
func texts(raw any) []string {
	list, _ := raw.([]any)
	out := []string{}
	for _, v := range list {
		if s, ok := v.(string); ok && !slices.ContainsFunc(out, func(o string) bool { return strings.EqualFold(o, s) }) {
			out = append(out, s)
		}
	}
	return out
}

// deniable says whether a stack protects a resource with a deny assignment, and
// if not how its denyStatus names that. Role assignments and their like are left
// out: whoever may write them could not be denied it by one.
func deniable(stack armid.ID, settings store.Tree, id armid.ID) (bool, string) {
	mode := resource.Text(settings, "mode")
	switch {
	case mode == denyNone:
		return false, denyNone
	case strings.EqualFold(id.Namespace(), "Microsoft.Authorization"):
		return false, "notSupported"
	case !armid.Within(id.String(), containerOf(stack).String()):
		return false, "inapplicable"
	}
	return true, mode
}

// protect writes the deny assignment with which a stack protects a resource.
// What it excludes beside what the stack does is in the specification of
// excludedActions; learn.microsoft.com/rest/api/resources/deployment-stacks/create-or-update-at-resource-group.
func (p *Provider) protect(tx *store.Tx, stack armid.ID, settings store.Tree, id armid.ID) error {
	name := p.service.NewID()
	excluded := texts(settings["excludedActions"])
	actions := []string{"*/delete"}
	if resource.Text(settings, "mode") == denyWriteAndDelete {
		actions = []string{"*"}
		excluded = append(excluded, "*/read")
	}
	excluded = append(excluded, "Microsoft.Authorization/locks/delete")
	applies, _ := settings["applyToChildScopes"].(bool)
	but := []any{}
	for _, object := range texts(settings["excludedPrincipals"]) {
		principal := store.Tree{"id": object}
		found, ok, err := p.service.Directory.In(tx).Principal(object)
		if err != nil {
			return err
		}
		if ok {
			principal["type"] = found.Type
		}
		but = append(but, principal)
	}
	at := id
	at.Providers = append(slices.Clone(id.Providers), armid.Segment{Namespace: "Microsoft.Authorization", Types: []string{"denyAssignments"}, Names: []string{name}})
	return resource.Put(tx, at, store.Tree{
		"id": at.String(), "name": name, "type": DenyType,
		"properties": store.Tree{
			"denyAssignmentName": denyName(name, stack), "description": "Created by Deployment Stack.",
			"permissions":             []any{store.Tree{"actions": actions, "notActions": excluded, "dataActions": []any{}, "notDataActions": []any{}}},
			"scope":                   id.String(),
			"doNotApplyToChildScopes": !applies,
			"principals":              []any{store.Tree{"id": rbac.AllPrincipals, "type": "SystemDefined"}},
			"excludePrincipals":       but,
			"isSystemProtected":       true,
		},
	})
}

func denyName(name string, stack armid.ID) string {
	return fmt.Sprintf("Deny assignment '%s'%s", name, madeBy(stack))
}

// madeBy ends the names of the deny assignments of a stack.
func madeBy(stack armid.ID) string {
	return fmt.Sprintf(" created by Deployment Stack '%s'.", stack)
}

// unprotect removes the deny assignments of a stack.
func unprotect(tx *store.Tx, stack armid.ID) error {
	var made []string
	suffix := strings.ToLower(madeBy(stack))
	err := resource.OfType(tx, containerOf(stack).String(), DenyType, func(r resource.Resource) error {
		if strings.HasSuffix(strings.ToLower(resource.Text(r.Tree, "properties", "denyAssignmentName")), suffix) {
			made = append(made, r.ID.String())
		}
		return nil
	})
	for _, id := range made {
		if err == nil {
			err = resource.DeleteWithin(tx, id)
		}
	}
	return err
}

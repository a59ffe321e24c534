package directory

import (
	"maps"
	"strings"

	"github.com/kars-dev/kars/localazure/store"
)

// Limits of Entra Agent ID on what is created with application permissions.
// Deleted objects count until they can no longer be restored;
// learn.microsoft.com/entra/agent-id/error-codes#quota-and-limit-errors.
const (
	BlueprintLimit     = 250 // agent identity blueprints of a tenant
	AgentIdentityLimit = 250 // agent identities of a blueprint
)

// CreateBlueprint creates an agent identity blueprint. Sponsors, users or
// groups, are required; owners are not;
// learn.microsoft.com/entra/agent-id/create-blueprint.
func (t *Tx) CreateBlueprint(properties store.Tree, sponsors, owners []string) (Object, error) {
	if err := t.checkSponsors(sponsors); err != nil {
		return Object{}, err
	}
	n, err := t.count(Application, func(o Object) bool { return o.Type == TypeBlueprint })
	if err != nil {
		return Object{}, err
	}
	if n >= BlueprintLimit {
		return Object{}, &Error{
			Kind: ErrLimit, Code: "AgentBlueprint_LimitExceeded",
			Message: "You've reached the maximum number of agent identity blueprints allowed including active and soft-deleted items.",
		}
	}
	o, err := t.createApplication(TypeBlueprint, properties)
	if err != nil {
		return Object{}, err
	}
	return o, t.relate(o.ID, sponsors, owners)
}

// CreateAgentIdentity creates an agent identity of the blueprint with this
// client id. Its object id is its client id, and it can hold no credential.
func (t *Tx) CreateAgentIdentity(blueprintAppID string, properties store.Tree, sponsors, owners []string) (Object, error) {
	if name, _ := properties["displayName"].(string); name == "" {
		return Object{}, invalid("A value is required for property 'displayName' of resource 'AgentIdentity'.")
	}
	if err := t.checkBlueprint(blueprintAppID); err != nil {
		return Object{}, err
	}
	if err := t.checkSponsors(sponsors); err != nil {
		return Object{}, err
	}
	n, err := t.count(ServicePrincipal, func(o Object) bool {
		return o.Type == TypeAgentIdentity && strings.EqualFold(o.Text("agentIdentityBlueprintId"), blueprintAppID)
	})
	if err != nil {
		return Object{}, err
	}
	if n >= AgentIdentityLimit {
		return Object{}, &Error{
			Kind: ErrLimit, Code: "AgentIdentity_LimitExceeded",
			Message: "You've reached the maximum number of agent identities allowed including active and soft-deleted entries.",
		}
	}
	id := newID()
	tree := store.Tree{"accountEnabled": true, "tags": []any{}}
	maps.Copy(tree, properties)
	maps.Copy(tree, store.Tree{
		"id": id, "appId": id, "servicePrincipalType": "ServiceIdentity", "createdDateTime": stamp(t.d.now()),
		"agentIdentityBlueprintId": strings.ToLower(blueprintAppID), "servicePrincipalNames": []any{id},
	})
	o := Object{ID: id, Kind: ServicePrincipal, Type: TypeAgentIdentity, Properties: tree}
	if err := t.put(o); err != nil {
		return Object{}, err
	}
	return o, t.relate(id, sponsors, owners)
}

// checkBlueprint asks that the blueprint and its principal are there;
// learn.microsoft.com/entra/agent-id/error-codes#agent-identity-errors.
func (t *Tx) checkBlueprint(appID string) error {
	app, found, err := t.ApplicationByAppID(appID)
	if err != nil {
		return err
	}
	if !found || app.Type != TypeBlueprint {
		return &Error{
			Kind: ErrInvalid, Code: "AgentIdentity_IncompatibleParentType",
			Message: "The specified Application (AppId) isn't an Agent Blueprint. The AgentIdentityBlueprintId must be set to the AppId of a valid agent identity blueprint.",
		}
	}
	sp, found, err := t.ServicePrincipalByAppID(appID)
	if err != nil {
		return err
	}
	if !found || sp.Type != TypeBlueprintPrincipal {
		return &Error{
			Kind: ErrInvalid, Code: "AgentIdentity_AgentBlueprintPrincipalDoesNotExist",
			Message: "The required agent identity blueprint principal doesn't exist for the specified agent identity blueprint ID.",
		}
	}
	return nil
}

// checkSponsors asks for at least one sponsor.
func (t *Tx) checkSponsors(sponsors []string) error {
	if len(sponsors) == 0 {
		return invalid("No sponsor specified. Please provide at least one sponsor.")
	}
	for _, id := range sponsors {
		if err := t.CheckSponsor(id); err != nil {
			return err
		}
	}
	return nil
}

// CheckSponsor says whether an object can be a sponsor: a user, or a group with
// dynamic membership or of Microsoft 365 that no role can be assigned to;
// learn.microsoft.com/graph/api/agentidentityblueprint-post-sponsors.
func (t *Tx) CheckSponsor(id string) error {
	o, found, err := t.Object(id)
	switch {
	case err != nil:
		return err
	case !found:
		return notFound(id)
	case o.Kind == User:
		return nil
	case o.Kind != Group:
		return invalid("Sponsors must be users or groups.")
	}
	types, _ := o.Properties["groupTypes"].([]any)
	if assignable, _ := o.Properties["isAssignableToRole"].(bool); assignable || len(types) == 0 {
		return invalid("Only groups with dynamic membership or Microsoft 365 groups can be sponsors, and no role-assignable ones.")
	}
	return nil
}

func (t *Tx) relate(id string, sponsors, owners []string) error {
	for _, s := range sponsors {
		if err := t.Link(id, SponsoredBy, s); err != nil {
			return err
		}
	}
	for _, owner := range owners {
		if _, found, err := t.Principal(owner); err != nil || !found {
			if err != nil {
				return err
			}
			return notFound(owner)
		}
		if err := t.Link(id, OwnedBy, owner); err != nil {
			return err
		}
	}
	return nil
}

// count counts objects, those deleted within the retention included.
func (t *Tx) count(kind Kind, matches func(Object) bool) (int, error) {
	if err := t.Expire(); err != nil {
		return 0, err
	}
	n := 0
	add := func(o Object) error {
		if matches(o) {
			n++
		}
		return nil
	}
	if err := t.Objects(kind, add); err != nil {
		return 0, err
	}
	return n, t.Deleted(kind, add)
}

package graph

import (
	"net/http"
	"slices"
	"strings"

	"github.com/kars-dev/kars/localazure/directory"
)

// createAsManager lets a blueprint create and keep its own agent identities.
const createAsManager = "AgentIdentity.CreateAsManager"

// createAgent creates an agent identity;
// learn.microsoft.com/graph/api/agentidentity-post.
func (s *Service) createAgent(t *directory.Tx, c call) (answer, error) {
	blueprint, err := blueprintOf(c)
	if err != nil {
		return answer{}, err
	}
	app, _, err := t.ApplicationByAppID(blueprint)
	if err != nil {
		return answer{}, err
	}
	if err := c.who.mayCreateAgent(t, blueprint, app.ID); err != nil {
		return answer{}, err
	}
	sponsors, err := bound(t, c.body, "sponsors")
	if err != nil {
		return answer{}, err
	}
	owners, err := bound(t, c.body, "owners")
	if err != nil {
		return answer{}, err
	}
	properties, err := writable(c.body)
	if err != nil {
		return answer{}, err
	}
	properties["createdByAppId"] = c.who.claims.AppID
	o, err := t.CreateAgentIdentity(blueprint, properties, sponsors, owners)
	if err != nil {
		return answer{}, err
	}
	return c.entity(t, http.StatusCreated, "servicePrincipals/microsoft.graph.agentIdentity", o)
}

// blueprintOf reads the blueprint's client id; beta has another name for it.
func blueprintOf(c call) (string, error) {
	for _, name := range []string{"agentIdentityBlueprintId", "agentIdentityBlueprintAppId"} {
		id, _ := c.body[name].(string)
		delete(c.body, name)
		if id != "" {
			return id, nil
		}
	}
	return "", errBadRequest("A value is required for property 'agentIdentityBlueprintId' of resource 'AgentIdentity'.")
}

// mayCreateAgent decides about a new agent identity of a blueprint;
// learn.microsoft.com/entra/agent-id/error-codes#agent-identity-creation-errors.
func (c caller) mayCreateAgent(t *directory.Tx, blueprint, objectID string) error {
	r := agentRight(directory.TypeAgentIdentity, "create")
	own := c.blueprint()
	switch {
	case c.object.Type == directory.TypeAgentIdentity:
		return &graphError{
			http.StatusForbidden, "Error_AgentIdentitiesCreatingAgentIdentitiesNotAllowed",
			"Agent identities can't create other agent identities.",
		}
	case own != "" && !strings.EqualFold(own, blueprint):
		return &graphError{
			http.StatusForbidden, "Error_AgentBlueprintCannotCreateAssociatedIdentity",
			"Agent identity blueprints can't create agent identities that are associated with another agent identity blueprint.",
		}
	case own == "" && !c.user():
		r.permissions = without(r.permissions, createAsManager)
	}
	if objectID == "" {
		return c.allowed(r, false)
	}
	return c.may(t, r, objectID)
}

func without(list []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == name })
}

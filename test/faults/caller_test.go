package faults

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/kars-dev/kars/internal/event"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/preflight"
	"github.com/kars-dev/kars/internal/provision"
	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure"
	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/roledefinition"
)

// What preflight says of a caller and what the run then does must agree,
// whoever the caller is. These callers are drawn.

// drawnCallers is how many callers `make matrix` draws, and sampledCallers how
// many of them `make test` takes.
const (
	drawnCallers   = 300
	sampledCallers = 8
)

// A drawn caller is somebody, and what stands in the way of everybody.
type drawn struct {
	seed      uint64
	premade   bool // the group is there before the run
	developer bool // holds Agent ID Developer
	holds     []held
	hinders   []string
}

// held is a role of a drawn caller.
type held struct {
	role      string   // of a built-in role, or "" for a custom one
	lacks     []string // of the plan's actions, that the custom role leaves out
	atGroup   bool     // assigned at the resource group and not at the subscription
	byTeam    bool     // held through a group in the directory
	mayAssign []string // role ids that a condition lets it assign; all if nil
}

func (d drawn) String() string {
	var parts []string
	for _, h := range d.holds {
		s := h.role
		if s == "" {
			s = fmt.Sprintf("all but %v", h.lacks)
		}
		if h.atGroup {
			s += " at the group"
		}
		if h.byTeam {
			s += " by a team"
		}
		if h.mayAssign != nil {
			s += fmt.Sprintf(" may assign %d roles", len(h.mayAssign))
		}
		parts = append(parts, s)
	}
	return fmt.Sprintf("%d: premade %t, developer %t, hindered by %v: %s", d.seed, d.premade, d.developer, d.hinders, strings.Join(parts, "; "))
}

// draw makes up a caller. Most hold nearly enough: that is where a verdict can
// be wrong.
func draw(seed uint64, p *plan.Plan) drawn {
	r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // no secret
	d := drawn{seed: seed, premade: r.IntN(2) == 0, developer: r.IntN(6) > 0}
	oneIn := func(n int) bool { return r.IntN(n) == 0 }
	if oneIn(3) {
		d.hinders = append(d.hinders, hindrances[r.IntN(len(hindrances))].name)
	}
	atGroup := func() bool { return d.premade && oneIn(3) }
	switch r.IntN(4) {
	case 0:
		d.holds = []held{{role: "Owner", atGroup: atGroup(), byTeam: oneIn(3)}}
	case 1, 2:
		d.holds = []held{{role: "Contributor", atGroup: atGroup(), byTeam: oneIn(3)}}
		giver := held{role: "Role Based Access Control Administrator", atGroup: atGroup(), byTeam: oneIn(3)}
		if oneIn(2) {
			giver.role = "User Access Administrator"
		}
		if oneIn(2) {
			giver.mayAssign = []string{}
			for _, g := range p.Grants {
				if !oneIn(12) && !slices.Contains(giver.mayAssign, g.Role.ID) {
					giver.mayAssign = append(giver.mayAssign, g.Role.ID)
				}
			}
		}
		d.holds = append(d.holds, giver)
	default:
		var lacks []string
		for _, a := range actionsOf(p) {
			if oneIn(60) {
				lacks = append(lacks, a)
			}
		}
		d.holds = []held{{lacks: lacks, atGroup: atGroup(), byTeam: oneIn(3)}}
	}
	if others := []string{"Reader", "Network Contributor", "Managed Identity Contributor", "Azure Kubernetes Service Contributor Role"}; oneIn(3) {
		d.holds = append(d.holds, held{role: others[r.IntN(len(others))], atGroup: atGroup()})
	}
	return d
}

// appear brings a drawn caller into a world.
func (w *world) appear(d drawn) *caller {
	w.Helper()
	who := localazure.Principal{Name: "drawn"}
	if d.developer {
		who.DirectoryRoles = []string{"Agent ID Developer"}
	}
	if _, err := w.azure.PutPrincipal(who); err != nil {
		w.Fatal(err)
	}
	owner, c := w.as(localazure.OwnerName, &tap{}), w.as(who.Name, &tap{})
	if d.premade {
		if _, err := owner.arm.PutGroup(w.Context(), w.azure.SubscriptionID(), c.plan.Group.Name, c.plan.Options.Region, nil); err != nil {
			w.Fatal(err)
		}
	}
	for i, h := range d.holds {
		owner.give(c, fmt.Sprintf("drawn-%d", i), h)
	}
	for _, h := range hindrances {
		if slices.Contains(d.hinders, h.name) {
			h.put(owner)
		}
	}
	return c
}

// give assigns a role as it was drawn.
func (c *caller) give(to *caller, name string, h held) {
	c.Helper()
	subscription := "/subscriptions/" + c.azure.SubscriptionID()
	a := rbac.Assignment{Scope: subscription, PrincipalID: to.who.ObjectID, PrincipalType: "User"}
	if h.atGroup {
		a.Scope = c.plan.Group.ID
	}
	if h.byTeam {
		a.PrincipalID, a.PrincipalType = c.team(name, to.who.ObjectID), "Group"
	}
	if h.role != "" {
		role, ok := roledefinition.ByName(h.role)
		if !ok {
			c.Fatalf("there is no role %s", h.role)
		}
		a.RoleDefinitionID = role.ID
	} else {
		a.RoleDefinitionID = c.customRole(name, slices.DeleteFunc(actionsOf(c.plan), func(a string) bool { return slices.Contains(h.lacks, a) }))
	}
	if h.mayAssign != nil {
		allowed := append(slices.Clone(h.mayAssign), uuid.NewString()) // never empty
		a.Condition = "(!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})) OR " +
			"(@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {" + strings.Join(allowed, ", ") + "})"
		a.ConditionVersion = "2.0"
	}
	if _, err := c.arm.PutRoleAssignment(c.Context(), uuid.NewString(), a); err != nil {
		c.Fatal(err)
	}
}

// team makes a group in the directory with one member, as the Azure CLI would:
// the client that local principals sign in with may not make groups.
func (c *caller) team(name, member string) string {
	c.Helper()
	raw, err := os.ReadFile(filepath.Join(c.home(), localazure.OwnerName+".json"))
	if err != nil {
		c.Fatal(err)
	}
	var file tree
	if err := json.Unmarshal(raw, &file); err != nil {
		c.Fatal(err)
	}
	file["clientId"] = directory.AzureCLIAppID
	if raw, err = json.Marshal(file); err != nil {
		c.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.home(), "cli.json"), raw, 0o600); err != nil {
		c.Fatal(err)
	}
	cli := c.as("cli", &tap{})
	var group struct {
		ID string `json:"id"`
	}
	err = cli.graph.Do(c.Context(), http.MethodPost, "/v1.0/groups", tree{
		"displayName": name, "mailEnabled": false, "mailNickname": name, "securityEnabled": true,
	}, &group)
	if err != nil {
		c.Fatal(err)
	}
	err = cli.graph.Do(c.Context(), http.MethodPost, "/v1.0/groups/"+group.ID+"/members/$ref", tree{
		"@odata.id": "https://graph.microsoft.com/v1.0/directoryObjects/" + member,
	}, nil)
	if err != nil {
		c.Fatal(err)
	}
	return group.ID
}

func (c *caller) customRole(name string, actions []string) string {
	c.Helper()
	role, subscription := uuid.NewString(), "/subscriptions/"+c.azure.SubscriptionID()
	_, err := c.arm.Put(c.Context(), subscription+"/providers/Microsoft.Authorization/roleDefinitions/"+role, "2022-04-01", tree{
		"properties": tree{
			"roleName": name, "type": "CustomRole", "assignableScopes": []any{subscription},
			"permissions": []any{tree{"actions": actions}},
		},
	})
	if err != nil {
		c.Fatal(err)
	}
	return role
}

// hindrances stand in the way of everybody, whatever their roles.
var hindrances = []struct {
	name string
	put  func(owner *caller)
}{
	{"a lock against writes", func(owner *caller) {
		owner.put("/providers/Microsoft.Authorization/locks/still", "2020-05-01", tree{"level": "ReadOnly"})
	}},
	{"a policy against vaults", func(owner *caller) {
		const definition = "/providers/Microsoft.Authorization/policyDefinitions/no-vaults"
		owner.put(definition, "2021-06-01", tree{
			"policyType": "Custom", "mode": "All",
			"policyRule": tree{"if": tree{"field": "type", "equals": "Microsoft.KeyVault/vaults"}, "then": tree{"effect": "deny"}},
		})
		owner.put("/providers/Microsoft.Authorization/policyAssignments/no-vaults", "2022-06-01", tree{
			"policyDefinitionId": "/subscriptions/" + owner.azure.SubscriptionID() + definition,
		})
	}},
	{"a quota that is too small", func(owner *caller) {
		owner.put("/providers/Microsoft.Compute/locations/"+owner.plan.Options.Region+"/providers/Microsoft.Quota/quotas/cores", "2023-02-01", tree{
			"limit": tree{"limitObjectType": "LimitValue", "value": 2},
		})
	}},
	{"a size that is not offered", func(owner *caller) {
		if err := owner.azure.RestrictSize(owner.plan.Options.Region, owner.plan.Machines[0].Size); err != nil {
			owner.Fatal(err)
		}
	}},
	{"a name that somebody has", func(owner *caller) {
		if err := owner.azure.ReserveName("Microsoft.ContainerRegistry/registries", owner.plan.Names.Registry); err != nil {
			owner.Fatal(err)
		}
	}},
	{"a provider that is not registered", func(owner *caller) {
		if _, err := owner.arm.Post(owner.Context(), "/subscriptions/"+owner.azure.SubscriptionID()+"/providers/Microsoft.OperationalInsights/unregister", "2021-04-01", nil); err != nil {
			owner.Fatal(err)
		}
	}},
	{"a feature that is not registered", func(owner *caller) {
		path := "/subscriptions/" + owner.azure.SubscriptionID() + "/providers/Microsoft.Features/providers/Microsoft.Compute/features/EncryptionAtHost/unregister"
		if _, err := owner.arm.Post(owner.Context(), path, "2021-07-01", nil); err != nil {
			owner.Fatal(err)
		}
	}},
}

// put makes something at the subscription.
func (c *caller) put(path, version string, properties tree) {
	c.Helper()
	if _, err := c.arm.Put(c.Context(), "/subscriptions/"+c.azure.SubscriptionID()+path, version, tree{"properties": properties}); err != nil {
		c.Fatal(err)
	}
}

func TestPreflightAgreesWithWhatTheRunThenDoesU03(t *testing.T) {
	p := newWorld(t).as(localazure.OwnerName, &tap{}).plan
	all := make([]drawn, drawnCallers)
	for i := range all {
		all[i] = draw(uint64(i), p)
	}
	for _, d := range sample(t, all, sampledCallers) {
		t.Run(fmt.Sprintf("caller %d", d.seed), func(t *testing.T) {
			w := newWorld(t)
			c := w.appear(d)
			r := c.preflight()
			result, err := c.apply(t.Context(), filepath.Join(w.dir, "runs"))
			undecided := len(r.Of(preflight.Unknown)) > 0
			switch {
			case !r.Blocks() && !undecided && err != nil:
				t.Errorf("preflight passes and the run fails: %v", err)
			case r.Blocks() && err == nil:
				t.Errorf("preflight blocks a run that goes well: %s", blockers(r))
			case r.Blocks() && len(d.hinders) == 0 && failedAt(result) != predicted(c.plan, r):
				t.Errorf("the run fails at the step %q, preflight predicts %q: %v; it blocks for %s",
					failedAt(result), predicted(c.plan, r), err, blockers(r))
			}
			t.Logf("%s: %s (undecided: %t); run: %v", d, r.Verdict, undecided, err)
		})
	}
}

func blockers(r preflight.Report) string {
	var out []string
	for _, f := range r.Findings {
		if f.Blocks {
			out = append(out, f.ID+" at "+f.Scope)
		}
	}
	return strings.Join(out, ", ")
}

// failedAt is the step at which a run ended.
func failedAt(r provision.Result) plan.Step {
	for _, s := range r.Steps {
		if s.Status == event.Failed {
			return plan.Step(s.ID)
		}
	}
	return ""
}

// predicted is the first step that uses something of which preflight says that
// it is missing.
func predicted(p *plan.Plan, r preflight.Report) plan.Step {
	first := plan.Step("")
	earlier := func(s plan.Step) {
		if first == "" || !plan.Reaches(string(s), first) || s == first {
			first = s
		}
	}
	for _, f := range r.Findings {
		if !f.Blocks {
			continue
		}
		switch f.Category {
		case preflight.CategoryName:
			earlier(plan.StepGroup)
		case preflight.CategoryRegistration:
			earlier(plan.StepRegistration)
		case preflight.CategoryDirectory:
			earlier(plan.StepTrust)
		}
		for _, n := range p.Needs {
			if "rbac/"+n.Action == f.ID && n.Scope == f.Scope {
				earlier(n.Step)
			}
		}
	}
	return first
}

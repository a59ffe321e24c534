package entra_test

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/localazure/directory"
)

const (
	exchangeAudience = "api://AzureADTokenExchange"
	brokerSubject    = "system:serviceaccount:kars-system:kars-broker"
	bearerAssertion  = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// farm is a blueprint that a cluster's broker and a managed identity may act as,
// and an agent identity of it.
type farm struct {
	*world
	cluster    *cluster
	sponsor    directory.Principal
	blueprint  directory.Object
	agent      directory.Object
	controller directory.Principal
}

func newFarm(t *testing.T) *farm {
	t.Helper()
	w := newWorld(t)
	f := &farm{world: w, cluster: w.newCluster()}
	f.sponsor = must(w.directory.CreateUser(directory.NewUser{UPN: "sponsor@" + directory.Domain}))
	f.controller = must(w.directory.CreateManagedIdentity("/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/kars-controller", "kars-controller"))
	f.blueprint = f.newBlueprint("kars-blueprint-kars")
	f.agent = f.newAgent(f.blueprint)
	f.trust(f.blueprint.ID, "broker", f.cluster.issuer, brokerSubject)
	f.trust(f.blueprint.ID, "controller", "https://login.microsoftonline.com/"+tenant+"/v2.0", f.controller.ID)
	return f
}

func (f *farm) newBlueprint(name string) directory.Object {
	f.t.Helper()
	var o directory.Object
	err := f.directory.Update(func(t *directory.Tx) (err error) {
		if o, err = t.CreateBlueprint(map[string]any{"displayName": name}, []string{f.sponsor.ID}, nil); err != nil {
			return err
		}
		_, err = t.CreateServicePrincipal(o.Text("appId"))
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return o
}

func (f *farm) newAgent(blueprint directory.Object) directory.Object {
	f.t.Helper()
	var o directory.Object
	err := f.directory.Update(func(t *directory.Tx) (err error) {
		o, err = t.CreateAgentIdentity(blueprint.Text("appId"), map[string]any{"displayName": "kars-kars-one"}, []string{f.sponsor.ID}, nil)
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return o
}

func (f *farm) trust(objectID, name, issuer, subject string) {
	f.t.Helper()
	must(f.directory.PutFederatedCredential(objectID, directory.FederatedCredential{
		Name: name, Issuer: issuer, Subject: subject, Audiences: []string{exchangeAudience},
	}))
}

// managed is the token that the controller's identity gets from its node.
func (f *farm) managed(resource string) string {
	f.t.Helper()
	return must(f.authority.IssueManagedIdentity(f.t.Context(), f.controller, resource)).AccessToken
}

func assertionForm(client, assertion, scope string) url.Values {
	return url.Values{
		"grant_type": {"client_credentials"}, "client_id": {client}, "scope": {scope},
		"client_assertion_type": {bearerAssertion}, "client_assertion": {assertion},
	}
}

// firstHop asks for the exchange token of an agent identity.
func firstHop(blueprint, assertion, agent string) url.Values {
	form := assertionForm(blueprint, assertion, exchangeAudience+"/.default")
	form.Set("fmi_path", agent)
	return form
}

func (f *farm) broker() string { return f.cluster.token(brokerSubject, exchangeAudience) }

// exchange gets the exchange token of the agent.
func (f *farm) exchange() string {
	f.t.Helper()
	return f.grant(firstHop(f.blueprint.Text("appId"), f.broker(), f.agent.ID))
}

func TestU23AgentSignsInByTheTwoHopExchange(t *testing.T) {
	f := newFarm(t)
	for name, assertion := range map[string]string{
		"with the broker's projected token (workload identity)": f.broker(),
		"with the controller's managed identity (U31)":          f.managed(exchangeAudience),
	} {
		t.Run(name, func(t *testing.T) {
			t1 := f.grant(firstHop(f.blueprint.Text("appId"), assertion, f.agent.ID))
			first := rawClaims(t, t1)
			if first["aud"] != exchangeAudience || first["iss"] != f.authority.Issuer() {
				t.Errorf("the exchange token is from %v for %v", first["iss"], first["aud"])
			}
			token := f.grant(assertionForm(f.agent.ID, t1, "https://cognitiveservices.azure.com/.default"))
			got := rawClaims(t, token)
			want := map[string]any{
				"aud": "https://cognitiveservices.azure.com", "iss": "https://sts.windows.net/" + tenant + "/", "idtyp": "app",
				"appid": f.agent.ID, "oid": f.agent.ID, "sub": f.agent.ID, "tid": tenant, "ver": "1.0", "appidacr": "2",
				"xms_par_app_azp": f.blueprint.Text("appId"), "xms_act_fct": "3 9 11", "xms_sub_fct": "9 3 11", "xms_idrel": "7",
			}
			for claim, value := range want {
				if diff := cmp.Diff(value, got[claim]); diff != "" {
					t.Errorf("%s (-want +got):\n%s", claim, diff)
				}
			}
			c := f.verify(token, "https://cognitiveservices.azure.com")
			if !c.Agent || c.ParentAppID != f.blueprint.Text("appId") || c.ObjectID != f.agent.ID {
				t.Errorf("claims = %+v, want the agent's", c)
			}
		})
	}
}

func TestU23WhatMayNotBecomeAnAgentsToken(t *testing.T) {
	f := newFarm(t)
	other := f.newBlueprint("other")
	stranger := f.newAgent(other)
	sibling := f.newAgent(f.blueprint)
	sp, secret, err := f.directory.CreateServicePrincipalWithSecret("ordinary")
	if err != nil {
		t.Fatal(err)
	}
	blueprint := f.blueprint.Text("appId")
	const model = "https://cognitiveservices.azure.com/.default"
	agentToken := f.grant(assertionForm(f.agent.ID, f.exchange(), "https://management.azure.com/.default"))
	secretForm := func(client, text, scope string) url.Values {
		return url.Values{"grant_type": {"client_credentials"}, "client_id": {client}, "client_secret": {text}, "scope": {scope}}
	}
	ordinary := secretForm(sp.AppID, secret.Text, exchangeAudience+"/.default")
	ordinary.Set("fmi_path", f.agent.ID)
	wrongScope := firstHop(blueprint, f.broker(), f.agent.ID)
	wrongScope.Set("scope", model)
	for name, c := range map[string]struct {
		form url.Values
		code float64
	}{
		"a blueprint for an agent identity of another blueprint":            {firstHop(blueprint, f.broker(), stranger.ID), 700016},
		"a blueprint for an agent identity that is not there":               {firstHop(blueprint, f.broker(), "00000000-0000-4000-8000-000000000000"), 700016},
		"a blueprint for an ordinary application":                           {firstHop(blueprint, f.broker(), sp.AppID), 700016},
		"a blueprint for itself":                                            {firstHop(blueprint, f.broker(), blueprint), 700016},
		"a blueprint for a path with more in it":                            {firstHop(blueprint, f.broker(), f.agent.ID+"/"+stranger.ID), 700016},
		"an application that is no blueprint":                               {ordinary, 90013},
		"fmi_path for a resource's scope":                                   {wrongScope, 90013},
		"a blueprint for a resource as itself":                              {assertionForm(blueprint, f.broker(), model), 82001},
		"a blueprint for Resource Manager as itself":                        {assertionForm(blueprint, f.broker(), armScope), 82001},
		"another agent identity with this one's exchange token":             {assertionForm(sibling.ID, f.exchange(), model), 700213},
		"another blueprint's agent identity with this one's exchange token": {assertionForm(stranger.ID, f.exchange(), model), 700213},
		"an agent identity with its blueprint's own credential":             {assertionForm(f.agent.ID, f.broker(), model), 700211},
		"an agent identity with a managed identity's token":                 {assertionForm(f.agent.ID, f.managed(exchangeAudience), model), 700213},
		"an agent identity with its own access token":                       {assertionForm(f.agent.ID, agentToken, model), 700211},
		"an agent identity with a secret":                                   {secretForm(f.agent.ID, secret.Text, model), 7000215},
		"an agent identity without anything":                                {secretForm(f.agent.ID, "", model), 7000216},
		"a blueprint with an exchange token of its agent":                   {assertionForm(blueprint, f.exchange(), "https://graph.microsoft.com/.default"), 700213},
		"an agent identity for a scope that is no .default":                 {assertionForm(f.agent.ID, f.exchange(), "https://graph.microsoft.com/User.Read"), 1002012},
	} {
		t.Run(name, func(t *testing.T) { f.refused(c.form, c.code) })
	}
}

func TestU23AgentThatIsDisabledOrDeletedOrOrphanedGetsNoToken(t *testing.T) {
	change := func(do func(*directory.Tx, *farm) error) func(*farm) {
		return func(f *farm) {
			if err := f.directory.Update(func(t *directory.Tx) error { return do(t, f) }); err != nil {
				f.t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		change      func(*farm)
		first, then float64
	}{
		"a disabled agent identity": {change(func(t *directory.Tx, f *farm) error {
			_, err := t.Patch(f.agent.ID, map[string]any{"accountEnabled": false})
			return err
		}), 7000112, 7000112},
		"a deleted agent identity": {change(func(t *directory.Tx, f *farm) error { return t.Delete(f.agent.ID) }), 700016, 700016},
		"an agent identity whose blueprint is deleted": {change(func(t *directory.Tx, f *farm) error {
			return t.Delete(f.blueprint.ID)
		}), 700016, 700016},
		"an agent identity whose blueprint's principal is disabled": {change(func(t *directory.Tx, f *farm) error {
			sp, _, err := t.ServicePrincipalByAppID(f.blueprint.Text("appId"))
			if err != nil {
				return err
			}
			_, err = t.Patch(sp.ID, map[string]any{"accountEnabled": false})
			return err
		}), 7000112, 7000112},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFarm(t)
			t1 := f.exchange()
			c.change(f)
			f.refused(firstHop(f.blueprint.Text("appId"), f.broker(), f.agent.ID), c.first)
			f.refused(assertionForm(f.agent.ID, t1, "https://cognitiveservices.azure.com/.default"), c.then)
		})
	}
}

func TestU23BlueprintManagesItsAgentsAtGraph(t *testing.T) {
	f := newFarm(t)
	token := f.grant(assertionForm(f.blueprint.Text("appId"), f.broker(), "https://graph.microsoft.com/.default"))
	c := f.verify(token, "https://graph.microsoft.com")
	if diff := cmp.Diff([]string{"AgentIdentity.CreateAsManager"}, c.Roles); diff != "" {
		t.Errorf("roles (-want +got):\n%s", diff)
	}
	if c.Agent || c.ParentAppID != "" {
		t.Errorf("claims = %+v, want none of an agent identity", c)
	}
}

func TestU31TokenGotWithAFederatedCredentialBuysNoOther(t *testing.T) {
	f := newFarm(t)
	f.trust(f.controller.ID, "pod", f.cluster.issuer, "system:serviceaccount:kars-system:kars-controller")
	pod := f.cluster.token("system:serviceaccount:kars-system:kars-controller", exchangeAudience)
	federated := f.grant(assertionForm(f.controller.AppID, pod, exchangeAudience+"/.default"))
	// The same identity, but not from its node: the loop is closed here.
	f.refused(firstHop(f.blueprint.Text("appId"), federated, f.agent.ID), 700231)
	f.refused(assertionForm(f.blueprint.Text("appId"), federated, "https://graph.microsoft.com/.default"), 700231)
}

func TestExchangeTokenOpensNoResource(t *testing.T) {
	f := newFarm(t)
	for name, token := range map[string]string{
		"the exchange token":             f.exchange(),
		"a managed identity's assertion": f.managed(exchangeAudience),
		"a projected token of a cluster": f.broker(),
		"a token for another resource":   f.managed("https://vault.azure.net"),
	} {
		for _, audience := range []string{"https://management.azure.com", "https://graph.microsoft.com", exchangeAudience, ""} {
			if c, err := f.authority.Verify(t.Context(), token, audience); err == nil {
				t.Errorf("%s verified for %q: %+v", name, audience, c)
			}
		}
	}
	if _, err := f.authority.Verify(t.Context(), f.managed("https://vault.azure.net")); err == nil {
		t.Error("a token verified for no audience at all")
	}
}

// refused posts a form that must be refused with an AADSTS code, in the shape
// that clients read.
func (w *world) refused(form url.Values, code float64) {
	w.t.Helper()
	status, body := w.post(form)
	codes, _ := body["error_codes"].([]any)
	if status < 400 || len(codes) != 1 || codes[0] != code {
		w.t.Errorf("answered %d %v, want AADSTS%.0f", status, body["error_description"], code)
		return
	}
	for _, name := range []string{"error", "timestamp", "trace_id", "correlation_id"} {
		if body[name] == nil || body[name] == "" {
			w.t.Errorf("the refusal has no %s: %v", name, body)
		}
	}
	text, _ := body["error_description"].(string)
	for _, secret := range []string{form.Get("client_secret"), form.Get("client_assertion"), form.Get("password")} {
		if secret != "" && strings.Contains(text, secret) {
			w.t.Error("the refusal repeats the credential")
		}
	}
}

func rawClaims(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("a token of %d parts", len(parts))
	}
	var out map[string]any
	if err := json.Unmarshal(must(base64.RawURLEncoding.DecodeString(parts[1])), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

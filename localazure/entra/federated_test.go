package entra_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/kars-dev/kars/localazure/directory"
)

const controllerSubject = "system:serviceaccount:kars-system:kars-controller"

// federatedIdentity is a user-assigned identity that a cluster's controller may
// act as.
func federatedIdentity(w *world, c *cluster) directory.Principal {
	w.t.Helper()
	p := must(w.directory.CreateManagedIdentity("/subscriptions/s/…/userAssignedIdentities/controller", "controller"))
	must(w.directory.PutFederatedCredential(p.ID, directory.FederatedCredential{
		Name: "controller", Issuer: c.issuer, Subject: controllerSubject, Audiences: []string{exchangeAudience},
	}))
	return p
}

func TestU31AzidentitySignsInWithAFederatedAssertion(t *testing.T) {
	w := newWorld(t)
	c := w.newCluster()
	p := federatedIdentity(w, c)
	cred, err := azidentity.NewClientAssertionCredential(tenant, p.AppID, func(context.Context) (string, error) {
		return c.token(controllerSubject, exchangeAudience), nil
	}, &azidentity.ClientAssertionCredentialOptions{ClientOptions: w.options()})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		token, err := cred.GetToken(context.Background(), policy.TokenRequestOptions{Scopes: []string{armScope}})
		if err != nil {
			t.Fatal(err)
		}
		if got := w.verify(token.Token, "https://management.azure.com"); got.ObjectID != p.ID || got.ARMID != p.ARMID {
			t.Errorf("claims = %+v, want those of %+v", got, p)
		}
	}
}

func TestU31FederatedCredentialMatchesExactlyOrSaysWhy(t *testing.T) {
	w := newWorld(t)
	c := w.newCluster()
	p := federatedIdentity(w, c)
	bare := must(w.directory.CreateManagedIdentity("/subscriptions/s/…/userAssignedIdentities/bare", "bare"))
	other := &cluster{w: w, issuer: "https://elsewhere.example/", key: c.key, keyID: c.keyID}
	near := &cluster{w: w, issuer: strings.TrimSuffix(c.issuer, "/"), key: c.key, keyID: c.keyID}
	forged := &cluster{w: w, issuer: c.issuer}
	forged.rotate("two")
	forged.keyID = c.keyID
	unknown := &cluster{w: w, issuer: c.issuer}
	unknown.rotate("unheard of")
	now := w.clock.now()
	old := c.sign(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: c.key, KeyID: c.keyID}}, jwt.Claims{
		Issuer: c.issuer, Subject: controllerSubject, Audience: jwt.Audience{exchangeAudience},
		Expiry: jwt.NewNumericDate(now.Add(-10 * time.Minute)),
	})
	der := c.key.N.Bytes()
	confused := c.sign(jose.SigningKey{Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: der, KeyID: c.keyID}}, jwt.Claims{
		Issuer: c.issuer, Subject: controllerSubject, Audience: jwt.Audience{exchangeAudience},
		Expiry: jwt.NewNumericDate(now.Add(time.Hour)),
	})
	good := c.token(controllerSubject, exchangeAudience)
	parts := strings.Split(good, ".")
	for name, test := range map[string]struct {
		client, assertion string
		code              float64
	}{
		"another issuer":                                     {p.AppID, other.token(controllerSubject, exchangeAudience), 700211},
		"an issuer without its last slash":                   {p.AppID, near.token(controllerSubject, exchangeAudience), 700211},
		"another subject":                                    {p.AppID, c.token(brokerSubject, exchangeAudience), 700213},
		"a subject in other case":                            {p.AppID, c.token(strings.ToUpper(controllerSubject), exchangeAudience), 7002138},
		"another audience":                                   {p.AppID, c.token(controllerSubject, "kars-broker"), 700212},
		"an identity without federated credentials":          {bare.AppID, good, 70025},
		"a client that nobody knows":                         {"00000000-0000-4000-8000-000000000000", good, 700016},
		"a signature by another key of the same name":        {p.AppID, forged.token(controllerSubject, exchangeAudience), 700027},
		"a signature by a key that the issuer does not have": {p.AppID, unknown.token(controllerSubject, exchangeAudience), 700027},
		"a signature that is cut off":                        {p.AppID, parts[0] + "." + parts[1] + ".", 700027},
		"an assertion without a signature (alg none)":        {p.AppID, "eyJhbGciOiJub25lIn0." + parts[1] + ".", 50027},
		"a MAC made with the public key":                     {p.AppID, confused, 50027},
		"an assertion that has ended":                        {p.AppID, old, 700024},
		"an assertion that is no JWT":                        {p.AppID, "nonsense", 50027},
	} {
		t.Run(name, func(t *testing.T) { w.refused(assertionForm(test.client, test.assertion, armScope), test.code) })
	}
	w.grant(assertionForm(p.AppID, good, armScope))
}

func TestU31OnlyAManagedIdentitysExchangeTokenIsAnAssertionOfThisTenant(t *testing.T) {
	w := newWorld(t)
	p := must(w.directory.CreateManagedIdentity("/subscriptions/s/…/userAssignedIdentities/controller", "controller"))
	sp, secret, err := w.directory.CreateServicePrincipalWithSecret("ordinary")
	if err != nil {
		t.Fatal(err)
	}
	user := must(w.directory.CreateUser(directory.NewUser{UPN: "owner@" + directory.Domain, Password: "correct-horse"}))
	_, body := w.post(url.Values{
		"grant_type": {"password"}, "client_id": {directory.KarsAppID}, "username": {user.UPN}, "password": {"correct-horse"},
		"scope": {"openid " + armScope},
	})
	login, sts := "https://login.microsoftonline.com/"+tenant+"/v2.0", "https://sts.windows.net/"+tenant+"/"
	trust := func(name, issuer, subject, audience string) {
		t.Helper()
		must(w.directory.PutFederatedCredential(p.ID, directory.FederatedCredential{Name: name, Issuer: issuer, Subject: subject, Audiences: []string{audience}}))
	}
	trust("application", login, sp.ID, exchangeAudience)
	trust("user-id", login, user.ID, directory.KarsAppID)
	trust("user-access", sts, user.ID, "https://management.core.windows.net/")
	ordinary := w.grant(url.Values{
		"grant_type": {"client_credentials"}, "client_id": {sp.AppID}, "client_secret": {secret.Text},
		"scope": {exchangeAudience + "/.default"},
	})
	for name, assertion := range map[string]string{
		"an application's exchange token": ordinary,
		"a user's id token":               body["id_token"].(string),
		"a user's access token":           body["access_token"].(string),
	} {
		t.Run(name, func(t *testing.T) { w.refused(assertionForm(p.AppID, assertion, armScope), 700222) })
	}
}

func TestU31AssertionOfADeletedFederatedCredentialIsRefused(t *testing.T) {
	w := newWorld(t)
	c := w.newCluster()
	p := federatedIdentity(w, c)
	w.grant(assertionForm(p.AppID, c.token(controllerSubject, exchangeAudience), armScope))
	if err := w.directory.DeleteFederatedCredential(p.ID, "controller"); err != nil {
		t.Fatal(err)
	}
	w.refused(assertionForm(p.AppID, c.token(controllerSubject, exchangeAudience), armScope), 70025)
	if err := w.directory.DeleteManagedIdentity(p.ARMID); err != nil {
		t.Fatal(err)
	}
	w.refused(assertionForm(p.AppID, c.token(controllerSubject, exchangeAudience), armScope), 700016)
}

func TestIssuerIsAskedOnlyWhereACredentialNamesItAndAgainAfterItRotated(t *testing.T) {
	w := newWorld(t)
	c := w.newCluster()
	bare := must(w.directory.CreateManagedIdentity("/subscriptions/s/…/userAssignedIdentities/bare", "bare"))
	w.refused(assertionForm(bare.AppID, c.token(controllerSubject, exchangeAudience), armScope), 70025)
	if c.asked != 0 {
		t.Errorf("an issuer that no credential names was asked %d times", c.asked)
	}
	p := federatedIdentity(w, c)
	for range 3 {
		w.grant(assertionForm(p.AppID, c.token(controllerSubject, exchangeAudience), armScope))
	}
	if c.asked != 1 {
		t.Errorf("the keys were read %d times for three assertions, want once", c.asked)
	}
	w.clock.forward(time.Minute)
	c.rotate("two")
	w.grant(assertionForm(p.AppID, c.token(controllerSubject, exchangeAudience), armScope))
	if c.asked != 2 {
		t.Errorf("the keys were read %d times, want once more after the rotation", c.asked)
	}
	delete(w.hosts, "eastus2.oic.prod-aks.azure.com")
	w.hosts["eastus2.oic.prod-aks.azure.com"] = http.NotFoundHandler()
	w.clock.forward(2 * time.Hour)
	w.refused(assertionForm(p.AppID, c.token(controllerSubject, exchangeAudience), armScope), 50166)
}

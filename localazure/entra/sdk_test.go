package entra_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/localazure/directory"
)

const armScope = "https://management.core.windows.net//.default"

func (w *world) decode(resp *http.Response) (int, map[string]any) {
	w.t.Helper()
	defer func() { _ = resp.Body.Close() }()
	var body map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		w.t.Fatalf("%s: %v", resp.Request.URL, err)
	}
	return resp.StatusCode, body
}

func TestAzidentitySignsInWithAClientSecret(t *testing.T) {
	w := newWorld(t)
	sp, secret, err := w.directory.CreateServicePrincipalWithSecret("deployer")
	if err != nil {
		t.Fatal(err)
	}
	cred, err := azidentity.NewClientSecretCredential(tenant, sp.AppID, secret.Text,
		&azidentity.ClientSecretCredentialOptions{ClientOptions: w.options()})
	if err != nil {
		t.Fatal(err)
	}
	token, err := cred.GetToken(context.Background(), policy.TokenRequestOptions{Scopes: []string{armScope}})
	if err != nil {
		t.Fatal(err)
	}
	got := w.verify(token.Token, "https://management.azure.com")
	if got.ObjectID != sp.ID || got.AppID != sp.AppID || got.IdentityType != "app" || got.TenantID != tenant {
		t.Errorf("claims = %+v, want those of %+v", got, sp)
	}
}

func TestAzidentitySignsAUserInWithAPassword(t *testing.T) {
	w := newWorld(t)
	user := must(w.directory.CreateUser(directory.NewUser{UPN: "owner@local.onmicrosoft.com", Password: "correct horse"}))
	if err := w.directory.AssignDirectoryRole(user.ID, directory.AgentIDAdministrator); err != nil {
		t.Fatal(err)
	}
	//nolint:staticcheck // how local users sign in; nothing interactive is asked of them
	cred, err := azidentity.NewUsernamePasswordCredential(tenant, directory.KarsAppID, user.UPN, "correct horse",
		&azidentity.UsernamePasswordCredentialOptions{ClientOptions: w.options()})
	if err != nil {
		t.Fatal(err)
	}
	token, err := cred.GetToken(context.Background(), policy.TokenRequestOptions{Scopes: []string{armScope}})
	if err != nil {
		t.Fatal(err)
	}
	got := w.verify(token.Token, "https://management.azure.com/")
	if got.ObjectID != user.ID || got.IdentityType != "user" || got.UPN != user.UPN {
		t.Errorf("claims = %+v, want those of %+v", got, user)
	}
	if diff := cmp.Diff([]string{"user_impersonation"}, got.Scopes); diff != "" {
		t.Errorf("scopes (-want +got):\n%s", diff)
	}
	// The second token comes by the refresh token that came with the first.
	graph, err := cred.GetToken(context.Background(), policy.TokenRequestOptions{Scopes: []string{"https://graph.microsoft.com/.default"}})
	if err != nil {
		t.Fatal(err)
	}
	got = w.verify(graph.Token, "https://graph.microsoft.com")
	if !strings.Contains(strings.Join(got.Scopes, " "), "AgentIdentityBlueprint.Create") {
		t.Errorf("scopes = %v, want AgentIdentityBlueprint.Create among them", got.Scopes)
	}
	if diff := cmp.Diff([]string{directory.AgentIDAdministrator}, got.Directory); diff != "" {
		t.Errorf("directory roles (-want +got):\n%s", diff)
	}
}

func TestU31AzidentitySignsInWithAProjectedToken(t *testing.T) {
	w := newWorld(t)
	c := w.newCluster()
	p := federatedIdentity(w, c)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(c.token(controllerSubject, exchangeAudience)), 0o600); err != nil {
		t.Fatal(err)
	}
	cred, err := azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
		ClientOptions: w.options(), TenantID: tenant, ClientID: p.AppID, TokenFilePath: file,
	})
	if err != nil {
		t.Fatal(err)
	}
	token, err := cred.GetToken(context.Background(), policy.TokenRequestOptions{Scopes: []string{armScope}})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.verify(token.Token, "https://management.azure.com"); got.ObjectID != p.ID {
		t.Errorf("token of %q, want %q", got.ObjectID, p.ID)
	}
}

func TestAzidentityReportsWhyASecretWasRefused(t *testing.T) {
	w := newWorld(t)
	sp, _, err := w.directory.CreateServicePrincipalWithSecret("deployer")
	if err != nil {
		t.Fatal(err)
	}
	cred, err := azidentity.NewClientSecretCredential(tenant, sp.AppID, "a-secret-that-never-was",
		&azidentity.ClientSecretCredentialOptions{ClientOptions: w.options()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = cred.GetToken(context.Background(), policy.TokenRequestOptions{Scopes: []string{armScope}})
	var failed *azidentity.AuthenticationFailedError
	if !errors.As(err, &failed) || !strings.Contains(err.Error(), "AADSTS7000215") {
		t.Fatalf("refused with %v, want AADSTS7000215", err)
	}
	if strings.Contains(err.Error(), "a-secret-that-never-was") {
		t.Error("the refusal repeats the secret")
	}
}

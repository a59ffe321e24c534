package model_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/entra"
	"github.com/kars-dev/kars/localazure/model"
	"github.com/kars-dev/kars/localazure/store"
)

const (
	accountID = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/ai"
	openAI    = "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd" // Cognitive Services OpenAI User
)

type account struct{}

func (account) Account(context.Context, string) (model.Account, bool, error) {
	return model.Account{ID: accountID, DisableLocalAuth: true, Deployments: []model.Deployment{{Name: "chat", Model: "gpt-4.1"}}}, true, nil
}

type policy struct{ *rbac.Policy }

func (p policy) Authorize(_ context.Context, c entra.Claims, r rbac.Request) (rbac.Decision, error) {
	return p.Decide([]string{c.ObjectID}, r), nil
}

// With the tokens that the real authority issues: what decides is who the
// token is for, what it is for, and whether it is still good.
func TestU23TheModelAnswersWhoHasTheRole(t *testing.T) {
	st, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	now := time.Now()
	clock := func() time.Time { return now }
	dir := directory.New(st, clock, "11111111-2222-4333-8444-555555555555")
	if err := dir.Found(); err != nil {
		t.Fatal(err)
	}
	authority, err := entra.New(entra.Options{Store: st, Directory: dir, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	token := func(name, resource string) (string, string) {
		t.Helper()
		p, err := dir.CreateManagedIdentity("/identities/"+name, name)
		if err != nil {
			t.Fatal(err)
		}
		issued, err := authority.IssueManagedIdentity(t.Context(), p, resource)
		if err != nil {
			t.Fatal(err)
		}
		return p.ID, issued.AccessToken
	}
	id, granted := token("granted", "https://cognitiveservices.azure.com")
	_, forARM := token("granted", "https://management.azure.com")
	_, stranger := token("stranger", "https://cognitiveservices.azure.com")
	service := model.New(model.Options{
		Accounts: account{}, Entra: authority, Now: clock,
		Authorizer: policy{rbac.Compile(rbac.Input{
			Definitions: []rbac.RoleDefinition{{ID: openAI, Permissions: []rbac.Permission{{
				DataActions: []string{"Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action"},
			}}}},
			Assignments: []rbac.Assignment{{ID: "1", PrincipalID: id, RoleDefinitionID: openAI, Scope: accountID}},
		})},
	})
	ask := func(token string) int {
		r := httptest.NewRequest(http.MethodPost, "https://ai.openai.azure.com/openai/v1/chat/completions",
			strings.NewReader(`{"model":"chat","messages":[{"role":"user","content":"say hello"}]}`))
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		service.ServeHTTP(w, r)
		if bytes.Contains(w.Body.Bytes(), []byte(token)) {
			t.Error("the answer repeats the token")
		}
		return w.Code
	}
	for name, tt := range map[string]struct {
		token string
		want  int
	}{
		"the identity with the role":           {granted, 200},
		"the same identity's token for ARM":    {forARM, 401},
		"an identity without the role":         {stranger, 403},
		"a token whose signature was changed":  {granted[:len(granted)-8] + "AAAAAAAA", 401},
		"a token whose signature was left off": {granted[:strings.LastIndexByte(granted, '.')+1], 401},
	} {
		t.Run(name, func(t *testing.T) {
			if got := ask(tt.token); got != tt.want {
				t.Errorf("status %d, want %d", got, tt.want)
			}
		})
	}
	now = now.Add(48 * time.Hour)
	if got := ask(granted); got != http.StatusUnauthorized {
		t.Errorf("the token two days later: status %d, want 401", got)
	}
}

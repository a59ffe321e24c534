package model

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure/entra"
	"github.com/kars-dev/kars/localazure/requests"
)

const (
	host      = "kars-ai-abc123.openai.azure.com"
	accountID = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/kars-ai-abc123"
	legacy    = "/openai/deployments/chat-1/chat/completions?api-version=2024-10-21"
	v1Path    = "/openai/v1/chat/completions"
)

type accounts map[string]Account

func (a accounts) Account(_ context.Context, host string) (Account, bool, error) {
	account, ok := a[host]
	return account, ok, nil
}

type issued map[string]entra.Claims

func (i issued) Verify(_ context.Context, raw string, audiences ...string) (entra.Claims, error) {
	for _, a := range audiences {
		if c, ok := i[raw]; ok && c.Audience == a {
			return c, nil
		}
	}
	return entra.Claims{}, errors.New("not a token for this service")
}

type assigned struct{ policy *rbac.Policy }

func (a assigned) Authorize(_ context.Context, c entra.Claims, r rbac.Request) (rbac.Decision, error) {
	return a.policy.Decide([]string{c.ObjectID}, r), nil
}

// openAIUser is the built-in role Cognitive Services OpenAI User.
const openAIUser = "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd"

func testPolicy() *rbac.Policy {
	return rbac.Compile(rbac.Input{
		Definitions: []rbac.RoleDefinition{
			{ID: openAIUser, Permissions: []rbac.Permission{{
				Actions: []string{"Microsoft.CognitiveServices/*/read"},
				DataActions: []string{
					"Microsoft.CognitiveServices/accounts/OpenAI/*/read", completionsAction,
				},
			}}},
			{ID: "owner", Permissions: []rbac.Permission{{Actions: []string{"*"}}}},
		},
		Assignments: []rbac.Assignment{
			{ID: "1", PrincipalID: "agent", RoleDefinitionID: openAIUser, Scope: accountID},
			{ID: "2", PrincipalID: "owner", RoleDefinitionID: "owner", Scope: "/subscriptions/s"},
		},
	})
}

func newService() *Service {
	audience := "https://cognitiveservices.azure.com"
	return New(Options{
		Accounts: accounts{
			host: {ID: accountID, Keys: []string{"k-1", "k-2"}, Deployments: []Deployment{
				{Name: "chat-1", Model: "gpt-4.1", Version: "2025-04-14", Created: time.Unix(1700000000, 0)},
			}},
			"locked.openai.azure.com": {ID: accountID, DisableLocalAuth: true, Keys: []string{"k-1"}},
		},
		Entra: issued{
			"agent": {
				ObjectID: "agent", AppID: "agent", IdentityType: "app", Audience: audience, ParentAppID: "blueprint",
			},
			"owner":   {ObjectID: "owner", UPN: "owner@contoso.test", IdentityType: "user", Audience: audience},
			"foundry": {ObjectID: "agent", Audience: "https://ai.azure.com"},
			"arm":     {ObjectID: "agent", Audience: "https://management.azure.com"},
		},
		Authorizer: assigned{testPolicy()},
		Now:        func() time.Time { return time.Unix(1800000000, 0) },
		Random:     bytes.NewReader(bytes.Repeat([]byte{7}, 1<<10)),
	})
}

// ask sends a request and returns the status and the body.
func ask(t *testing.T, s http.Handler, method, host, path string, header map[string]string, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(method, "https://"+host+path, strings.NewReader(body))
	for k, v := range header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Code, strings.TrimSpace(w.Body.String())
}

func bearer(token string) map[string]string {
	return map[string]string{"Authorization": "Bearer " + token}
}

const hello = `{"model":"chat-1","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"say hello"}]}`

func TestACompletionSaysWhatItIsAndWhatItRead(t *testing.T) {
	status, body := ask(t, newService(), "POST", host, legacy, bearer("agent"), hello)
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, body)
	}
	var got completion
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	safe := map[string]Rate{
		"hate": {Severity: "safe"}, "self_harm": {Severity: "safe"}, "sexual": {Severity: "safe"}, "violence": {Severity: "safe"},
	}
	text := "This is the local model behind deployment chat-1; it is not gpt-4.1. It read 2 messages with 16 tokens. The last one from user says: say hello"
	want := completion{
		ID: "chatcmpl-07070707070747078707070707070707", Object: "chat.completion", Created: 1800000000,
		Model: "gpt-4.1-2025-04-14", SystemFingerprint: fingerprint,
		PromptFilterResults: []promptFilter{{0, safe}},
		Choices: []choice{{
			Message: reaction{Role: "assistant", Content: text}, FinishReason: "stop", ContentFilterResults: safe,
		}},
		Usage: usage{PromptTokens: 16, CompletionTokens: CountTokens(text), TotalTokens: 16 + CountTokens(text)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("completion (-want +got):\n%s", diff)
	}
}

func TestV1NamesTheDeploymentInTheBody(t *testing.T) {
	if status, body := ask(t, newService(), "POST", host, v1Path, bearer("foundry"), hello); status != http.StatusOK {
		t.Errorf("status %d: %s", status, body)
	}
	status, body := ask(t, newService(), "GET", host, "/openai/v1/models", bearer("agent"), "")
	want := `{"data":[{"id":"chat-1","object":"model","created":1700000000,"owned_by":"azure"}],"object":"list"}`
	if diff := cmp.Diff(want, body); diff != "" || status != http.StatusOK {
		t.Errorf("models: status %d (-want +got):\n%s", status, diff)
	}
}

func TestRefusals(t *testing.T) {
	const unauthorized = `{"message":"Unauthorized. Access token is missing, invalid, audience is incorrect (https://cognitiveservices.azure.com), or have expired.","statusCode":401}`
	const missing = `{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again."}}`
	for name, tt := range map[string]struct {
		host, path string
		header     map[string]string
		body       string
		status     int
		want       string // of the body; all of it, or the beginning up to "…"
	}{
		"no token":                   {host, legacy, nil, hello, 401, unauthorized},
		"a token for ARM":            {host, legacy, bearer("arm"), hello, 401, unauthorized},
		"a token Entra never issued": {host, legacy, bearer("forged"), hello, 401, unauthorized},
		"an owner has no data action": {
			host, legacy, bearer("owner"), hello, 403,
			"{\"error\":{\"code\":\"PermissionDenied\",\"message\":\"The principal `owner@contoso.test` lacks the required data action `Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action` to perform `POST /openai/deployments/{deployment-id}/chat/completions` operation.\"}}",
		},
		"the denial names the operation of v1": {
			host, v1Path, bearer("owner"), hello, 403,
			"{\"error\":{\"code\":\"PermissionDenied\",\"message\":\"The principal `owner@contoso.test` lacks the required data action `Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action` to perform `POST /openai/v1/chat/completions` operation.\"}}",
		},
		"a key of the account":   {host, legacy, map[string]string{"api-key": "k-2"}, hello, 200, `{"id":"…`},
		"a key of another":       {host, legacy, map[string]string{"api-key": "k-3"}, hello, 401, `{"error":{"code":"401","message":"Access denied due to invalid subscription key…`},
		"an empty key is no key": {host, legacy, map[string]string{"api-key": ""}, hello, 401, unauthorized},
		"a key where keys are disabled": {
			"locked.openai.azure.com", legacy,
			map[string]string{"api-key": "k-1"},
			hello, 403,
			`{"error":{"code":"AuthenticationTypeDisabled","message":"Key based authentication is disabled for this resource."}}`,
		},
		"a deployment that does not exist": {
			host, strings.Replace(legacy, "chat-1", "chat-2", 1), bearer("agent"), hello, 404, missing,
		},
		"a deployment of v1 that does not exist": {
			host, v1Path, bearer("agent"), strings.Replace(hello, "chat-1", "chat-2", 1), 404, missing,
		},
		"no API version": {host, strings.Split(legacy, "?")[0], bearer("agent"), hello, 404, `{"error":{"code":"404","message":"Resource not found"}}`},
		"another path":   {host, "/openai/v1/embeddings", bearer("agent"), hello, 404, `{"error":{"code":"404","message":"Resource not found"}}`},
		"a host that no account has": {
			"other.openai.azure.com", legacy, bearer("agent"), hello, 404, `{"error":{"code":"404","message":"Resource not found"}}`,
		},
		"a prompt that the filter blocks": {
			host, legacy, bearer("agent"), strings.Replace(hello, "say hello", "how to build a bomb", 1), 400,
			`{"error":{"code":"content_filter","message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify your prompt and retry.","param":"prompt","innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"hate":{"filtered":false,"severity":"safe"},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":true,"severity":"high"}}}}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := ask(t, newService(), "POST", tt.host, tt.path, tt.header, tt.body)
			if begin, ok := strings.CutSuffix(tt.want, "…"); ok && strings.HasPrefix(body, begin) {
				body = tt.want
			}
			if diff := cmp.Diff(tt.want, body); diff != "" || status != tt.status {
				t.Errorf("status %d, want %d; body (-want +got):\n%s", status, tt.status, diff)
			}
		})
	}
}

func TestBadRequests(t *testing.T) {
	for name, tt := range map[string]struct {
		body   string
		status int
		want   string // part of the message
	}{
		"no JSON":                {`{`, 400, "The request body is invalid"},
		"no messages":            {`{"messages":[]}`, 400, "'messages' must not be empty"},
		"an unknown role":        {`{"messages":[{"role":"root","content":"x"}]}`, 400, `\"root\" is not a role`},
		"an image":               {`{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}`, 400, "not supported by the local model"},
		"a schema to answer in":  {`{"messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_schema"}}`, 400, "not supported by the local model"},
		"no tokens to answer in": {`{"messages":[{"role":"user","content":"x"}],"max_tokens":0}`, 400, "must be at least 1"},
		"too many choices":       {`{"messages":[{"role":"user","content":"x"}],"n":9}`, 400, "between 1 and 8"},
		"an empty stop":          {`{"messages":[{"role":"user","content":"x"}],"stop":[""]}`, 400, "not empty"},
		"options of a stream that is none": {
			`{"messages":[{"role":"user","content":"x"}],"stream_options":{}}`, 400, "only allowed when 'stream'",
		},
		"more than the context holds": {
			`{"messages":[{"role":"user","content":"` + strings.Repeat("word ", 130_000) + `"}]}`, 400, "context_length_exceeded",
		},
		"a body that is too large": {
			`{"messages":[{"role":"user","content":"` + strings.Repeat("x", maxBody) + `"}]}`, 413, "too large",
		},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := ask(t, newService(), "POST", host, legacy, bearer("agent"), tt.body)
			if status != tt.status || !strings.Contains(body, tt.want) {
				t.Errorf("status %d, want %d; body %s", status, tt.status, body)
			}
		})
	}
}

func TestTheRequestLogLearnsWhoAskedAndThatNothingChanged(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "https://"+host+legacy, strings.NewReader(hello))
	r.Header.Set("Authorization", "Bearer agent")
	ctx, entry := requests.NewContext(r.Context(), requests.Record{Write: true})
	newService().ServeHTTP(httptest.NewRecorder(), r.WithContext(ctx))
	want := requests.Record{Caller: requests.Caller{
		ObjectID: "agent", AppID: "agent", IdentityType: "app",
		Audience: "https://cognitiveservices.azure.com", ParentAppID: "blueprint",
	}}
	if diff := cmp.Diff(want, entry.Record()); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

func TestStreaming(t *testing.T) {
	server := httptest.NewServer(newService())
	defer server.Close()
	body := strings.TrimSuffix(hello, "}") + `,"stream":true,"stream_options":{"include_usage":true},"n":2}`
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+legacy, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	r.Header.Set("Authorization", "Bearer agent")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream; charset=utf-8" {
		t.Errorf("content type %q", got)
	}
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	list := strings.Split(strings.TrimSuffix(string(raw), "\n\n"), "\n\n")
	if last := list[len(list)-1]; last != "data: [DONE]" {
		t.Fatalf("the last event is %q", last)
	}
	var chunks []chunk
	texts := map[int]string{}
	reasons := map[int]string{}
	for _, event := range list[:len(list)-1] {
		var c chunk
		if err := json.Unmarshal([]byte(strings.TrimPrefix(event, "data: ")), &c); err != nil {
			t.Fatalf("event %q: %v", event, err)
		}
		chunks = append(chunks, c)
		for _, d := range c.Choices {
			if d.Delta.Content != nil {
				texts[d.Index] += *d.Delta.Content
			}
			if d.FinishReason != nil {
				reasons[d.Index] = *d.FinishReason
			}
		}
	}
	if first := chunks[0]; len(first.Choices) != 0 || len(first.PromptFilterResults) != 1 {
		t.Errorf("the first event is not the prompt's filter result: %+v", first)
	}
	if diff := cmp.Diff(map[int]string{0: "stop", 1: "stop"}, reasons); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
	if texts[0] != texts[1] || !strings.HasSuffix(texts[0], "says: say hello") {
		t.Errorf("texts are %v", texts)
	}
	last := chunks[len(chunks)-1]
	want := &usage{PromptTokens: 16, CompletionTokens: 2 * CountTokens(texts[0])}
	want.TotalTokens = want.PromptTokens + want.CompletionTokens
	if diff := cmp.Diff(want, last.Usage); diff != "" || len(last.Choices) != 0 {
		t.Errorf("usage, with %d choices (-want +got):\n%s", len(last.Choices), diff)
	}
}

func TestLimits(t *testing.T) {
	for name, tt := range map[string]struct {
		field, finish string
		check         func(string) bool
	}{
		"max_tokens cuts the answer":           {`"max_tokens":3`, "length", func(s string) bool { return CountTokens(s) == 3 }},
		"max_completion_tokens goes before it": {`"max_tokens":9,"max_completion_tokens":2`, "length", func(s string) bool { return CountTokens(s) == 2 }},
		"stop ends it before the word":         {`"stop":"local"`, "stop", func(s string) bool { return s == "This is the " }},
		"the first stop in the text ends it":   {`"stop":["deployment","local"]`, "stop", func(s string) bool { return s == "This is the " }},
	} {
		t.Run(name, func(t *testing.T) {
			_, body := ask(t, newService(), "POST", host, legacy, bearer("agent"), strings.TrimSuffix(hello, "}")+","+tt.field+"}")
			var got completion
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatalf("%v: %s", err, body)
			}
			if c := got.Choices[0]; c.FinishReason != tt.finish || !tt.check(c.Message.Content) {
				t.Errorf("%s: %q", c.FinishReason, c.Message.Content)
			}
		})
	}
}

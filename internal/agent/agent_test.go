package agent_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kars-dev/kars/internal/agent"
)

func serve(t *testing.T, status int, answer string) (*httptest.Server, *string) {
	t.Helper()
	var asked string
	router := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		asked = r.Method + " " + r.URL.Path + " " + string(raw)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(router.Close)
	a, err := agent.New(agent.Options{BaseURL: router.URL + "/v1/", Model: "gpt-4.1", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(a.Handler())
	t.Cleanup(s.Close)
	return s, &asked
}

func post(t *testing.T, s *httptest.Server, body string) (int, string) {
	t.Helper()
	res, err := http.Post(s.URL+"/v1/chat", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, strings.TrimSpace(string(raw))
}

func TestAMessageBecomesACallOfTheModelAndItsAnswerAReply(t *testing.T) {
	s, asked := serve(t, 200, `{"choices":[{"message":{"content":"hi"}}]}`)
	if status, body := post(t, s, `{"message":"say hello"}`); status != 200 || body != `{"reply":"hi"}` {
		t.Errorf("answer = %d %s", status, body)
	}
	if !strings.HasPrefix(*asked, "POST /v1/chat/completions ") || !strings.Contains(*asked, "say hello") || !strings.Contains(*asked, `"model":"gpt-4.1"`) {
		t.Errorf("the router was asked %s", *asked)
	}
}

func TestWhatFailedIsSaid(t *testing.T) {
	tests := map[string]struct {
		status       int
		answer, body string
		want         int
		contains     []string
	}{
		"the router's own refusal":       {403, `{"error":{"code":"AnonymousTier","message":"no identity"}}`, `{"message":"x"}`, 502, []string{"AnonymousTier", "no identity"}},
		"an error code that is a number": {429, `{"error":{"code":429,"message":"slow down"}}`, `{"message":"x"}`, 502, []string{"slow down"}},
		"a page of HTML":                 {500, `<html>`, `{"message":"x"}`, 502, []string{"HTTP status 500"}},
		"an answer without a choice":     {200, `{"choices":[]}`, `{"message":"x"}`, 502, []string{"not a chat completion"}},
		"an answer without a text":       {200, `{"choices":[{"message":{},"finish_reason":"content_filter"}]}`, `{"message":"x"}`, 502, []string{"content_filter"}},
		"a refusal by the model":         {200, `{"choices":[{"message":{"refusal":"I will not"}}]}`, `{"message":"x"}`, 502, []string{"I will not"}},
		"no message":                     {200, ``, `{}`, 400, []string{"message"}},
		"no JSON":                        {200, ``, `hello`, 400, []string{"message"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s, _ := serve(t, tc.status, tc.answer)
			status, body := post(t, s, tc.body)
			if status != tc.want {
				t.Errorf("answer = %d %s, want %d", status, body, tc.want)
			}
			for _, part := range tc.contains {
				if !strings.Contains(body, part) {
					t.Errorf("%s does not say %q", body, part)
				}
			}
		})
	}
}

func TestARouterThatIsNotThereIsSaid(t *testing.T) {
	a, err := agent.New(agent.Options{BaseURL: "http://127.0.0.1:1/v1", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Reply(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "calling the router") {
		t.Errorf("error = %v", err)
	}
}

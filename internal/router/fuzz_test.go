package router

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzHoldTo checks the one promise of the router about a body: whatever the
// agent sends, the endpoint is asked for the sandbox's own deployment.
func FuzzHoldTo(f *testing.F) {
	for _, seed := range []string{`{}`, `{"model":"o9"}`, `{"model":"o9","model":"gpt-4.1"}`, `{"Model":"o9"}`, `null`, `{"model":null}`, `{"model":"gpt-4.1","x":1e999}`, `{"messages":[{"content":[{"image_url":{"url":"https://x"}}]}]}`, `{"tools":[{"type":"mcp"}],"Data_sources":[]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		out, refused := holdTo(raw, "gpt-4.1")
		if (out == nil) == (refused == nil) {
			t.Fatalf("holdTo(%q) = %q, %v", raw, out, refused)
		}
		if refused != nil {
			return
		}
		var got map[string]json.RawMessage
		if err := json.Unmarshal(out, &got); err != nil || string(got["model"]) != `"gpt-4.1"` {
			t.Errorf("holdTo(%q) = %q, %v", raw, out, err)
		}
		for name := range got {
			if name != "model" && strings.EqualFold(name, "model") {
				t.Errorf("holdTo(%q) = %q, which names a model twice", raw, out)
			}
			if strings.EqualFold(name, "data_sources") {
				t.Errorf("holdTo(%q) = %q, which names a data source", raw, out)
			}
		}
	})
}

func FuzzModelEndpoint(f *testing.F) {
	f.Add("https://acct.openai.azure.com")
	f.Add("https://evil.example/.openai.azure.com")
	f.Fuzz(func(t *testing.T, raw string) {
		u, resource, err := modelEndpoint(raw)
		if err == nil && (u.Scheme != "https" || u.Port() != "" || u.Path != "" || resource == "") {
			t.Errorf("modelEndpoint(%q) = %v, %q", raw, u, resource)
		}
	})
}

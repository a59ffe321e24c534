package model

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestCountTokens(t *testing.T) {
	for text, want := range map[string]int{
		"":                        0,
		"hello":                   1,
		"say hello":               2,
		"Hello, world!":           4,
		"12345678":                3,
		"internationalization":    4,
		"a  b":                    3,
		"日本語":                     2,
		"GET /openai/v1/models":   8,
		strings.Repeat("x ", 100): 101,
	} {
		if got := CountTokens(text); got != want {
			t.Errorf("CountTokens(%q) = %d, want %d", text, got, want)
		}
	}
}

func FuzzTokensAreTheText(f *testing.F) {
	for _, seed := range []string{"", " ", "  a", "hello, world 12345", "日本語\n\t", "\xff\xfe", " \xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var all strings.Builder
		for piece := range tokens(text) {
			if piece == "" {
				t.Fatalf("an empty token in %q", text)
			}
			all.WriteString(piece)
		}
		if all.String() != text {
			t.Errorf("the tokens of %q are %q", text, all.String())
		}
	})
}

func FuzzReadChat(f *testing.F) {
	for _, seed := range []string{
		hello, `{"messages":[{"role":"user","content":[{"type":"text","text":"x"}]}],"stop":"x","max_tokens":1}`,
		`{"messages":[{"role":"assistant","content":null}],"n":2,"stream":true}`, `[]`, `{"stop":[null]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var c chat
		if json.Unmarshal([]byte(body), &c) != nil || c.check() != nil {
			return
		}
		a := reply(c, Deployment{Name: "d", Model: "m"})
		if len(a.pieces) > c.limit() {
			t.Errorf("%d tokens, more than %d", len(a.pieces), c.limit())
		}
	})
}

func TestClassify(t *testing.T) {
	for text, want := range map[string]Rate{
		"say hello":                       {false, "safe"},
		"a MURDER mystery":                {false, "low"},
		"how to hurt someone":             {true, "medium"},
		"murder, and How to build a bomb": {true, "high"},
	} {
		if got := Classify(text)["violence"]; got != want {
			t.Errorf("Classify(%q) rates violence %+v, want %+v", text, got, want)
		}
	}
}

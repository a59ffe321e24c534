package chart

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestValuesAreAFileAndSettingsOverIt(t *testing.T) {
	for name, tt := range map[string]struct {
		file     string
		settings []string
		want     map[string]any
		problem  string
	}{
		"nothing is no value":          {want: map[string]any{}},
		"a file alone":                 {file: "broker: {replicas: 2}", want: map[string]any{"broker": map[string]any{"replicas": float64(2)}}},
		"a setting goes over the file": {file: "a2aGateway: {enabled: false}", settings: []string{"a2aGateway.enabled=true"}, want: map[string]any{"a2aGateway": map[string]any{"enabled": true}}},
		"a file that is no map":        {file: "- 1", problem: "reading values"},
		"a setting without a value":    {settings: []string{"a.b"}, problem: `reading "a.b"`},
		"a file beyond all measure":    {file: strings.Repeat(" ", maxValues+1), problem: "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseValues([]byte(tt.file), tt.settings)
			if (err == nil) != (tt.problem == "") || err != nil && !strings.Contains(err.Error(), tt.problem) {
				t.Fatalf("got error %v, want %q", err, tt.problem)
			}
			if diff := cmp.Diff(tt.want, got); err == nil && diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOverChangesNeither(t *testing.T) {
	base := map[string]any{"a": map[string]any{"b": 1, "c": 2}}
	over := map[string]any{"a": map[string]any{"b": 3}}
	want := map[string]any{"a": map[string]any{"b": 3, "c": 2}}
	if diff := cmp.Diff(want, Over(base, over)); diff != "" {
		t.Errorf("laid over (-want +got):\n%s", diff)
	}
	if base["a"].(map[string]any)["b"] != 1 || len(over["a"].(map[string]any)) != 1 {
		t.Errorf("it changed what it was given: %v, %v", base, over)
	}
}

package images

import (
	"strings"
	"testing"
)

func FuzzRepository(f *testing.F) {
	for _, seed := range []string{
		"ghcr.io/kars-dev/kars-router:0.1.0", "host:5000/a", "host:5000/a:1", "a@sha256:00", "a:1@sha256:00", "", ":", "@", "/:",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, ref string) {
		got := Repository(ref)
		if !strings.HasPrefix(ref, got) {
			t.Errorf("Repository(%q) = %q, which is not its beginning", ref, got)
		}
		if strings.Contains(got, "@") {
			t.Errorf("Repository(%q) = %q keeps a digest", ref, got)
		}
	})
}

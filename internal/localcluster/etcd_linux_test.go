package localcluster

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAnEtcdIsForgottenOnlyUntilItHasBegun(t *testing.T) {
	for says, begun := range map[string]bool{
		"killed before it elected itself": false,
		"killed later":                    true,
	} {
		t.Run(says, func(t *testing.T) {
			s := state(t.TempDir())
			log := filepath.Join(s.etcd(), "member", "wal")
			if err := os.MkdirAll(log, 0o700); err != nil {
				t.Fatal(err)
			}
			if begun {
				if err := writeFile(s.etcdBegun(), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := forgetUnbegun(s); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(log); (err == nil) != begun {
				t.Errorf("its log is kept: %v, want %v", err == nil, begun)
			}
		})
	}
}

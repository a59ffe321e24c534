package localcluster

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"slices"
	"testing"
	"time"
)

func open(t *testing.T, dir string, now time.Time) *pki {
	t.Helper()
	p, err := openPKI(dir, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCertificatesAreKeptUntilTheyNoLongerServe(t *testing.T) {
	now := time.Now()
	server := leaf{name: "apiserver", commonName: "apiserver", hosts: []string{"a.example", "10.0.0.1"}}
	for name, test := range map[string]struct {
		second leaf
		later  time.Duration
		kept   bool
	}{
		"the same again":            {second: server, kept: true},
		"the same after five years": {second: server, later: lifetime / 2, kept: true},
		"the same near its end":     {second: server, later: lifetime - renewBefore + time.Hour},
		"another host":              {second: leaf{name: "apiserver", commonName: "apiserver", hosts: []string{"b.example", "10.0.0.1"}}},
		"another address":           {second: leaf{name: "apiserver", commonName: "apiserver", hosts: []string{"a.example", "10.0.0.2"}}},
		"another subject":           {second: leaf{name: "apiserver", commonName: "other", hosts: server.hosts}},
		"a client instead":          {second: leaf{name: "apiserver", commonName: "apiserver"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			p := open(t, dir, now)
			if err := p.ensure(server); err != nil {
				t.Fatal(err)
			}
			first, _ := os.ReadFile(p.certificate("apiserver"))
			p = open(t, dir, now.Add(test.later))
			if err := p.ensure(test.second); err != nil {
				t.Fatal(err)
			}
			second, _ := os.ReadFile(p.certificate("apiserver"))
			if kept := slices.Equal(first, second); kept != test.kept {
				t.Errorf("kept is %t, want %t", kept, test.kept)
			}
		})
	}
}

func TestCertificatesVerify(t *testing.T) {
	p := open(t, t.TempDir(), time.Now())
	if err := p.ensure(leaf{name: "server", commonName: "server", hosts: []string{"a.example", "10.0.0.1"}}); err != nil {
		t.Fatal(err)
	}
	if err := p.ensure(leaf{name: "admin", commonName: "masterclient", organization: []string{"system:masters"}}); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(p.ca)
	for name, usage := range map[string]x509.ExtKeyUsage{"server": x509.ExtKeyUsageServerAuth, "admin": x509.ExtKeyUsageClientAuth} {
		pair, err := tls.LoadX509KeyPair(p.certificate(name), p.key(name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{usage}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeysAreForTheirOwnerAlone(t *testing.T) {
	p := open(t, t.TempDir(), time.Now())
	if err := p.ensureServiceAccountKey(); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(p.key("sa"))
	for _, name := range []string{"ca", "sa"} {
		info, err := os.Stat(p.key(name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != 0o600 {
			t.Errorf("%s.key has mode %o, want 600", name, got)
		}
	}
	if err := p.ensureServiceAccountKey(); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.ReadFile(p.key("sa")); !slices.Equal(before, after) {
		t.Error("the issuer's key changed: tokens that were issued would no longer verify")
	}
}

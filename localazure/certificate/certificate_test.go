package certificate_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"
	"time"

	"github.com/kars-dev/kars/localazure/certificate"
)

func TestAnyNameIsAnsweredByTheSameAuthorityAfterAReopen(t *testing.T) {
	dir := t.TempDir()
	first, err := certificate.Open(dir, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	second, err := certificate.Open(dir, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(first.PEM())
	for _, name := range []string{"management.azure.com", "karsab12.azurecr.io", "anything.example"} {
		if err := handshake(second.TLS(), &tls.Config{RootCAs: roots, ServerName: name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnExpiredLeafIsIssuedAgain(t *testing.T) {
	now := time.Now()
	authority, err := certificate.Open(t.TempDir(), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.PEM())
	for range 2 {
		client := &tls.Config{RootCAs: roots, ServerName: "graph.microsoft.com", Time: func() time.Time { return now }}
		if err := handshake(authority.TLS(), client); err != nil {
			t.Fatalf("at %s: %v", now, err)
		}
		now = now.Add(80 * 24 * time.Hour)
	}
}

func handshake(server, client *tls.Config) error {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	go func() { _ = tls.Server(a, server).Handshake() }()
	return tls.Client(b, client).Handshake()
}

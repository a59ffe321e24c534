package localcluster

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/kars-dev/kars/images"
	"github.com/kars-dev/kars/localazure"
)

const echoImage = "kars.azurecr.io/echo:1"

// azure is as much of Azure as nodes need: a registry, under every name, and
// something that listens where IMDS is.
type azure struct {
	handler     http.Handler
	certificate tls.Certificate
	ca          []byte
}

// newAzure makes the images that the tests run and the authority that nodes
// are to trust.
func newAzure(t *testing.T, spec localazure.ClusterSpec) *azure {
	t.Helper()
	a := &azure{handler: registry.New(registry.Logger(log.New(io.Discard, "", 0)))}
	push := httptest.NewServer(a.handler)
	defer push.Close()
	for ref, binary := range map[string]string{
		spec.PauseImage: compile(t, "github.com/kars-dev/kars/images/pause"),
		spec.DNSImage:   binaries(filepath.Join(cacheDir(t), "bin")).coreDNS(),
		echoImage:       compile(t, "./testdata/echo"),
	} {
		image, err := images.Pack(images.Spec{Binary: binary, Path: "/program", User: 1000, Architecture: runtime.GOARCH})
		if err != nil {
			t.Fatal(err)
		}
		_, path, _ := strings.Cut(ref, "/")
		target, err := name.ParseReference(strings.TrimPrefix(push.URL, "http://") + "/" + path)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(target, image); err != nil {
			t.Fatalf("pushing %s: %v", ref, err)
		}
	}
	keys, err := openPKI(t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if err := keys.ensure(leaf{name: "azure", commonName: "azure", hosts: []string{"mcr.microsoft.com", "kars.azurecr.io"}}); err != nil {
		t.Fatal(err)
	}
	if a.certificate, err = tls.LoadX509KeyPair(keys.certificate("azure"), keys.key("azure")); err != nil {
		t.Fatal(err)
	}
	a.ca = encodePEM("CERTIFICATE", keys.ca.Raw)
	return a
}

// serve answers at every node of c until the cluster ends.
func (a *azure) serve(t *testing.T, c localazure.Cluster) (ended <-chan error) {
	t.Helper()
	errs := make(chan error, 2*len(c.Nodes))
	listen := func(n localazure.Node, port string, ip string) net.Listener {
		l, err := n.Listen("tcp", net.JoinHostPort(ip, port))
		if err != nil {
			t.Fatalf("listening at node %s: %v", n.Name, err)
		}
		return l
	}
	for _, n := range c.Nodes {
		server := &http.Server{
			Handler:   a.handler,
			TLSConfig: &tls.Config{Certificates: []tls.Certificate{a.certificate}},
			ErrorLog:  log.New(io.Discard, "", 0),
		}
		secure, metadata := listen(n, "443", azureAddress.String()), listen(n, "80", metadataAddress.String())
		go func() { errs <- server.ServeTLS(secure, "", "") }()
		go func() { errs <- server.Serve(metadata) }()
	}
	return errs
}

func compile(t *testing.T, pkg string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "program")
	cmd := exec.Command("go", "build", "-trimpath", "-o", out, pkg)
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", pkg, err, text)
	}
	return out
}

package registry

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure/entra"
	"github.com/kars-dev/kars/localazure/store"
)

// childDir, when set, makes the test binary serve a registry over the folder
// until it is killed; it prints its address.
const childDir = "KARS_TEST_REGISTRY_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := serveChild(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func serveChild(dir string) error {
	st, err := store.Open(dir)
	if err != nil {
		return err
	}
	roles := &assigned{rbac.Input{Definitions: builtIn()}}
	roles.assign(acrPush, acrPush, registryID(contoso))
	s, err := New(Options{
		Dir: filepath.Join(dir, "registry"), Store: st, Authorizer: roles,
		Registries: known{contoso: {ID: registryID(contoso), LoginServer: contoso, TenantID: tenant}},
		Entra:      issued{acrPush: entra.Claims{ObjectID: acrPush, TenantID: tenant, Audience: audiences()[0]}},
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	server := http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	return server.Serve(listener)
}

// child is a registry in a process of its own.
type child struct {
	t       *testing.T
	process *exec.Cmd
	address string
	token   string
}

func startChild(t *testing.T, dir string) *child {
	t.Helper()
	c := &child{t: t, process: exec.CommandContext(t.Context(), os.Args[0])}
	c.process.Env = append(os.Environ(), childDir+"="+dir)
	c.process.Stderr = os.Stderr
	out, err := c.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.process.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the registry's process did not start: %v", err)
	}
	c.address = strings.TrimSpace(line)
	form := url.Values{"grant_type": {"access_token"}, "service": {contoso}, "access_token": {acrPush}}
	refresh := c.post("/oauth2/exchange", form)["refresh_token"]
	c.token = c.post("/oauth2/token", url.Values{
		"grant_type": {"refresh_token"}, "service": {contoso}, "refresh_token": {refresh}, "scope": {"repository:app:pull,push"},
	})["access_token"]
	return c
}

func (c *child) post(path string, form url.Values) map[string]string {
	c.t.Helper()
	resp := c.send(http.MethodPost, path, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
	var body map[string]string
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		c.t.Fatal(err)
	}
	return body
}

func (c *child) request(method, path, contentType string, body io.Reader) *http.Request {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, "http://"+c.address+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Host = contoso
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Authorization", "Bearer "+c.token)
	return r
}

func (c *child) send(method, path, contentType string, body io.Reader) *http.Response {
	c.t.Helper()
	resp, err := http.DefaultClient.Do(c.request(method, path, contentType, body))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func (c *child) kill() {
	c.t.Helper()
	if err := c.process.Process.Kill(); err != nil {
		c.t.Fatal(err)
	}
	_ = c.process.Wait() // says that it was killed
}

// uploaded waits until an upload has at least n bytes, more than one, and
// returns how many. The protocol says "0-0" of none as of one.
func (c *child) uploaded(upload string, n int64) int64 {
	c.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		var last int64
		header := c.send(http.MethodGet, upload, "", nil).Header.Get("Range")
		if _, err := fmt.Sscanf(header, "0-%d", &last); err != nil {
			c.t.Fatalf("range %q: %v", header, err)
		}
		if last+1 >= n {
			return last + 1
		}
	}
	c.t.Fatalf("the upload did not reach %d bytes", n)
	return 0
}

func TestAKilledRegistryKeepsWhatItAnsweredAndShowsNothingHalf(t *testing.T) {
	dir := t.TempDir()
	first := startChild(t, dir)
	const kept = "kept"
	resp := first.send(http.MethodPost, "/v2/app/blobs/uploads/?digest="+hashOf(t, kept).String(), "", strings.NewReader(kept))
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("pushing a blob: status %d", resp.StatusCode)
	}
	content := strings.Repeat("0123456789abcdef", 64<<10) // 1 MiB
	half := len(content) / 2
	upload := first.send(http.MethodPost, "/v2/app/blobs/uploads/", "", nil).Header.Get("Location")
	reader, writer := io.Pipe()
	broken := make(chan struct{})
	patch := first.request(http.MethodPatch, upload, "application/octet-stream", reader)
	go func() {
		defer close(broken)
		if resp, err := http.DefaultClient.Do(patch); err == nil {
			_ = resp.Body.Close()
			t.Errorf("an upload that was cut off by a kill was answered: status %d", resp.StatusCode)
		}
	}()
	if _, err := io.WriteString(writer, content[:half]); err != nil {
		t.Fatal(err)
	}
	first.uploaded(upload, 2)
	first.kill()
	_ = writer.CloseWithError(io.ErrUnexpectedEOF)
	<-broken

	second := startChild(t, dir)
	defer second.kill()
	digest := hashOf(t, content).String()
	for path, want := range map[string]int{
		"/v2/app/blobs/" + hashOf(t, kept).String(): http.StatusOK,
		"/v2/app/blobs/" + digest:                   http.StatusNotFound,
	} {
		if resp := second.send(http.MethodHead, path, "", nil); resp.StatusCode != want {
			t.Errorf("after the kill %s: status %d, want %d", path, resp.StatusCode, want)
		}
	}
	begin := second.uploaded(upload, 2)
	resp = second.send(http.MethodPut, upload+"?digest="+digest, "application/octet-stream", strings.NewReader(content[begin:]))
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("finishing the upload at byte %d: status %d", begin, resp.StatusCode)
	}
	checkBlobs(t, filepath.Join(dir, "registry", "blobs"), 2)
}

// checkBlobs compares every file with the digest that is its name.
func checkBlobs(t *testing.T, dir string, want int) {
	t.Helper()
	found := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		found++
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		if hash, _, err := v1.SHA256(f); err != nil || hash.Hex != entry.Name() {
			t.Errorf("%s contains %s, %v", entry.Name(), hash, err)
		}
		return nil
	})
	if err != nil || found != want {
		t.Errorf("%d blobs on disk, want %d; %v", found, want, err)
	}
}

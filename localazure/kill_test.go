package localazure_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/kars-dev/kars/localazure"
)

// folderVariable makes the test binary a local Azure over that folder.
const folderVariable = "LOCALAZURE_TEST_FOLDER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(folderVariable); dir != "" {
		if err := serveFolder(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveFolder serves until it is killed, and prints where.
func serveFolder(dir string) error {
	server, err := localazure.Open(localazure.Options{Dir: dir, Keep: func(c localazure.Credential) error {
		raw, err := json.Marshal(c)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, c.Name+".json"), raw, 0o600)
	}})
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr(), server.SubscriptionID())
	return server.Serve(context.Background(), ln)
}

func TestAKilledLocalAzureLosesNoAcknowledgedWrite(t *testing.T) {
	dir := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), folderVariable+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address, subscription, _ := strings.Cut(strings.TrimSpace(line), " ")
	acknowledged := writeUntilKilled(t, dir, address, subscription, child)

	w := openWorld(t, localazure.Options{Dir: dir})
	w.owner = readOwner(t, dir)
	for _, id := range acknowledged {
		if status, tree := w.do(w.owner, "GET", id, nil); status != http.StatusOK {
			t.Errorf("%s was acknowledged and is gone: %d %v", id, status, tree)
		}
	}
	if len(acknowledged) < 10 {
		t.Errorf("only %d writes were acknowledged before the kill", len(acknowledged))
	}
}

func readOwner(t *testing.T, dir string) localazure.Credential {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "owner.json"))
	if err != nil {
		t.Fatal(err)
	}
	return decode[localazure.Credential](t, string(raw))
}

// writeUntilKilled creates groups from several sides, kills the process in the
// midst of it, and returns those whose creation was answered.
func writeUntilKilled(t *testing.T, dir, address, subscription string, child *exec.Cmd) []string {
	t.Helper()
	ca, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	client := clientTrusting(ca, address)
	w := &world{T: t, client: client, tokens: map[string]azcore.AccessToken{}}
	token, err := w.token(readOwner(t, dir), "https://management.azure.com/.default")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var acknowledged []string
	var answered atomic.Int32
	var work sync.WaitGroup
	for side := range 4 {
		work.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("/subscriptions/%s/resourceGroups/g-%d-%d", subscription, side, i)
				req, err := http.NewRequest(http.MethodPut, "https://management.azure.com"+id+"?api-version=2021-04-01", strings.NewReader(`{"location":"eastus2"}`))
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("Authorization", "Bearer "+token.Token)
				resp, err := client.Do(req)
				if err != nil {
					return // killed
				}
				resp.Body.Close()
				if resp.StatusCode == http.StatusCreated {
					mu.Lock()
					acknowledged = append(acknowledged, id)
					mu.Unlock()
					answered.Add(1)
				}
			}
		})
	}
	eventually(t, "twenty writes were answered", func() bool { return answered.Load() >= 20 })
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	work.Wait()
	return acknowledged
}

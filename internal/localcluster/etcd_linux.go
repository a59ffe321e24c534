package localcluster

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"time"
)

// forgetUnbegun removes what an etcd left that was killed before it had elected
// itself for the first time: between making its log and writing itself into it
// as the only member, a kill leaves a log with no member, and no leader ever.
// Nothing was written to such an etcd, for its clients start only after that.
func forgetUnbegun(s state) error {
	if _, err := os.Stat(s.etcdBegun()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(s.etcd())
}

// awaitEtcd waits until etcd has a leader, and notes that it has begun.
func (s *supervisor) awaitEtcd(ctx context.Context) error {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(_ context.Context, _, address string) (net.Conn, error) {
			return dialIn(s.control.network(), address, time.Second)
		},
	}}
	err := s.await(ctx, "etcd", func(ctx context.Context) (bool, error) { return healthy(ctx, client), nil })
	if err != nil {
		return err
	}
	return writeFile(s.state.etcdBegun(), nil, 0o600)
}

// healthy asks etcd for its health, which it has only with a leader.
// etcd.io/docs/v3.6/op-guide/monitoring/#health-check
func healthy(ctx context.Context, client *http.Client) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, etcdClients+"/health", nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	var body struct {
		Health string `json:"health"`
	}
	return json.NewDecoder(resp.Body).Decode(&body) == nil && body.Health == "true"
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kars-dev/kars/images"
	"github.com/kars-dev/kars/internal/azure/credential"
	"github.com/kars-dev/kars/internal/home"
	"github.com/kars-dev/kars/internal/localcluster"
	"github.com/kars-dev/kars/localazure"
)

// cacheDir is where binaries and image layouts are built into.
func (a *app) cacheDir() (string, error) {
	if dir := a.getenv("KARS_CACHE"); dir != "" {
		return dir, nil
	}
	user, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the cache: %w; set KARS_CACHE", err)
	}
	return filepath.Join(user, "kars"), nil
}

// clusters are the local clusters of this home, each supervised by a process
// of this binary.
func (a *app) clusters(log *slog.Logger) (*localcluster.Clusters, error) {
	cache, err := a.cacheDir()
	if err != nil {
		return nil, err
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return localcluster.New(localcluster.Options{
		Home: a.home.Dir, CacheDir: cache, Executable: exe, Args: []string{"local", "supervise"},
		CredentialProvider: filepath.Join(filepath.Dir(exe), "kars-acr-credential"), Log: log,
	}), nil
}

// serveLocal is the local Azure's process: it answers until it is told to stop.
func (a *app) serveLocal(ctx context.Context, port int) error {
	if err := a.home.Make(); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(a.streams.Err, nil))
	clusters, err := a.clusters(log)
	if err != nil {
		return err
	}
	cache, err := a.cacheDir()
	if err != nil {
		return err
	}
	server, err := localazure.Open(localazure.Options{
		Dir: a.home.Local(), Clusters: clusters, Images: images.Open(filepath.Join(cache, "images")), Log: log,
		Keep: a.keepCredential,
	})
	if err != nil {
		return err
	}
	err = a.serve(ctx, server, port)
	return errors.Join(err, shutdown(server))
}

// shutdown ends the clusters with the local Azure: without it nothing in them
// could get a token.
func shutdown(s *localazure.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return s.Shutdown(ctx)
}

func (a *app) serve(ctx context.Context, server *localazure.Server, port int) error {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	socket := a.home.AdminSocket()
	if err := os.MkdirAll(filepath.Dir(socket), 0o700); err != nil {
		return err
	}
	_ = os.Remove(socket) // of a process that was killed: the database's lock says that none runs
	door, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		return err
	}
	where := home.Azure{PID: os.Getpid(), Address: listener.Addr().String(), Started: time.Now().UTC().Format(time.RFC3339)}
	if err := a.home.WriteAzure(where); err != nil {
		return err
	}
	defer a.home.RemoveAzure() //nolint:errcheck // a stale file is recognised by its socket
	g, ctx := errgroup.WithContext(ctx)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g.Go(func() error { return server.Serve(ctx, listener) })
	g.Go(func() error { return server.ServeAdmin(ctx, door) })
	g.Go(func() error {
		defer stop()
		select {
		case <-server.Stopped():
		case <-ctx.Done():
		}
		return nil
	})
	return g.Wait()
}

// keepCredential writes a new principal's credential to its file.
func (a *app) keepCredential(c localazure.Credential) error {
	if err := a.home.Make(); err != nil {
		return err
	}
	return a.home.WritePrincipal(c.Name, credential.Principal{
		Name: c.Name, Type: c.Type, TenantID: c.TenantID, ObjectID: c.ObjectID,
		ClientID: c.ClientID, Username: c.Username, Password: c.Password, Secret: c.Secret,
	})
}

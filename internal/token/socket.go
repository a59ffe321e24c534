package token

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kars-dev/kars/internal/broker/client"
)

// socketMode lets the group in, which router and sidecar share; who of the
// group may ask is decided by UID for every connection.
const socketMode = 0o660

// Listen opens the Unix socket and replaces one that an earlier process left.
func Listen(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("token socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("token socket: %w", err)
	}
	if err := os.Chmod(path, socketMode); err != nil {
		return nil, errors.Join(fmt.Errorf("token socket: %w", err), l.Close())
	}
	return l, nil
}

// Serve answers on the socket until the context ends.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       5 * time.Second,
		WriteTimeout:      fetchTimeout + 5*time.Second,
		MaxHeaderBytes:    8 << 10,
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	err := server.Serve(&peerListener{l, s})
	if ctx.Err() != nil && errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /token", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		resource := r.URL.Query().Get("resource")
		if resource == "" || len(resource) > 256 {
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(client.ErrorReply{Error: client.Error{Code: client.CodeBadRequest, Message: "a resource is needed"}})
			return
		}
		t, err := s.Token(r.Context(), resource)
		if err != nil {
			code, body := status(err)
			w.WriteHeader(code)
			_ = json.NewEncoder(w).Encode(client.ErrorReply{Error: body})
			return
		}
		_ = json.NewEncoder(w).Encode(client.TokenReply{AccessToken: t.AccessToken, ExpiresOn: t.ExpiresOn.Unix()})
	})
	return mux
}

// peerListener closes connections of anyone but the expected user before a
// byte of theirs is read.
type peerListener struct {
	net.Listener
	s *Server
}

func (l *peerListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		uid, err := peerUID(conn)
		if err == nil && uid == l.s.o.PeerUID {
			return conn, nil
		}
		l.s.o.Log.Warn("refused a peer on the token socket", "uid", uid, "error", err)
		_ = conn.Close()
	}
}

// peerUID is the user that connected, as the kernel recorded it then.
func peerUID(conn net.Conn) (uint32, error) {
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		return 0, errors.New("not a Unix socket")
	}
	raw, err := unixConn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return 0, err
	}
	if credErr != nil {
		return 0, credErr
	}
	return cred.Uid, nil
}

package localcluster

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// The relays of clusters listen at ports from relayPorts on, below those that
// the kernel gives to clients.
const (
	relayPorts     = 20000
	relayPortCount = 12000
)

// listenRelay listens on the loopback at the first free port from port on.
func listenRelay(port int) (net.Listener, int, error) {
	for range relayPortCount {
		l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return l, port, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return nil, 0, fmt.Errorf("listening for the API server: %w", err)
		}
		if port++; port == relayPorts+relayPortCount {
			port = relayPorts
		}
	}
	return nil, 0, fmt.Errorf("no free port from %d to %d", relayPorts, relayPorts+relayPortCount-1)
}

// relay passes connections on to an address in a network namespace.
type relay struct {
	network string
	address string
	log     *slog.Logger
}

// serve passes connections on until l is closed.
func (r *relay) serve(l net.Listener) {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			r.log.Error("accepting a connection for the API server", "error", err)
			time.Sleep(50 * time.Millisecond) // out of files, for example
			continue
		}
		go r.pass(conn)
	}
}

func (r *relay) pass(client net.Conn) {
	defer client.Close()
	server, err := dialIn(r.network, r.address, 5*time.Second)
	if err != nil {
		r.log.Debug("connecting to the API server", "error", err)
		return
	}
	defer server.Close()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		both.Go(func() {
			_, _ = io.Copy(way[1], way[0]) // either end may hang up at any time
			if c, ok := way[1].(*net.TCPConn); ok {
				_ = c.CloseWrite()
			}
		})
	}
	both.Wait()
}

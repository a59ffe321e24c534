// Command kars-router is two containers of a sandbox pod: `route`, the only
// thing that the agent can reach, and `token`, which holds the pod's projected
// token and gets tokens of the sandbox's agent identity with it.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kars-dev/kars/internal/azure/cloud"
	"github.com/kars-dev/kars/internal/broker/client"
	"github.com/kars-dev/kars/internal/router"
	"github.com/kars-dev/kars/internal/token"
)

// routerUID is the user of the container in mode route.
const routerUID = 1001

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err := run(ctx, os.Args[1:], log)
	stop()
	if err != nil {
		log.Error("ended", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, log *slog.Logger) error {
	if len(args) == 1 && args[0] == "route" {
		return route(ctx, log)
	}
	if len(args) == 1 && args[0] == "token" {
		return serveTokens(ctx, log)
	}
	return errors.New("usage: kars-router route|token")
}

func route(ctx context.Context, log *slog.Logger) error {
	transport, err := cloud.Transport(cloud.TransportOptions{CABundle: os.Getenv(cloud.CABundleVariable)})
	if err != nil {
		return err
	}
	options := router.Options{
		AgentURL:      env("KARS_AGENT_URL", "http://127.0.0.1:8080"),
		ModelEndpoint: os.Getenv("KARS_MODEL_ENDPOINT"),
		Deployment:    os.Getenv("KARS_MODEL_DEPLOYMENT"),
		Tier:          router.Tier(os.Getenv("KARS_TIER")),
		Transport:     transport,
		Registry:      prometheus.NewRegistry(),
		Log:           log,
	}
	if socket := os.Getenv("KARS_TOKEN_SOCKET"); socket != "" {
		options.Tokens = token.NewClient(socket)
	}
	r, err := router.New(options)
	if err != nil {
		return err
	}
	agent, err := net.Listen("tcp", env("KARS_ROUTER_LISTEN", "127.0.0.1:8443"))
	if err != nil {
		return err
	}
	kubelet, err := net.Listen("tcp", env("KARS_ROUTER_KUBELET_LISTEN", ":9090"))
	if err != nil {
		return errors.Join(err, agent.Close())
	}
	log.Info("routing", "agent", agent.Addr().String(), "kubelet", kubelet.Addr().String(), "tier", string(options.Tier))
	return r.Serve(ctx, agent, kubelet)
}

func serveTokens(ctx context.Context, log *slog.Logger) error {
	source, err := client.New(client.Options{
		BaseURL:   os.Getenv("KARS_BROKER_URL"),
		TokenFile: os.Getenv("KARS_BROKER_TOKEN_FILE"),
		CAFile:    os.Getenv("KARS_BROKER_CA"),
	})
	if err != nil {
		return err
	}
	server, err := token.New(token.Options{
		Source:   source,
		AppID:    os.Getenv("KARS_EXPECTED_APP_ID"),
		TenantID: os.Getenv("KARS_EXPECTED_TENANT_ID"),
		PeerUID:  routerUID,
		Log:      log,
	})
	if err != nil {
		return err
	}
	l, err := token.Listen(os.Getenv("KARS_TOKEN_SOCKET"))
	if err != nil {
		return err
	}
	log.Info("serving tokens", "socket", fmt.Sprint(l.Addr()))
	return server.Serve(ctx, l)
}

func env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

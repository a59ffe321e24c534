package router

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// shutdown is how long answers under way are given when the pod ends.
const shutdown = 5 * time.Second

// Serve answers the agent and the kubelet on their listeners, and proves the
// sandbox ready, until the context ends or a listener fails.
func (r *Router) Serve(ctx context.Context, agent, kubelet net.Listener) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return serve(ctx, agent, r.AgentHandler()) })
	group.Go(func() error { return serve(ctx, kubelet, r.KubeletHandler()) })
	group.Go(func() error { r.Prove(ctx); return nil })
	return group.Wait()
}

func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          discard,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdown)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		// Answers that take longer are cut off.
		return server.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

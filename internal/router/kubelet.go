package router

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// maxChat bounds a message to the agent and its reply.
const maxChat = 1 << 20

// KubeletHandler is what the kubelet, the metrics collector and, through a
// port-forward, `kars connect` see. The guard keeps the agent from this port.
func (r *Router) KubeletHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("GET /readyz", r.readyz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(r.o.Registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("POST /v1/chat", r.chat)
	return mux
}

func (r *Router) readyz(w http.ResponseWriter, req *http.Request) {
	proved, reason := r.readiness.state()
	if err := r.agentHealthy(req.Context()); err != nil {
		proved, reason = false, err.Error()
	}
	w.Header().Set("Content-Type", "application/json")
	if !proved {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"ready": proved, "tier": r.o.Tier, "reason": reason})
}

// chat passes a message to the agent. The port also listens on the pod's own
// address, for the kubelet's probes; messages are taken only on loopback,
// where a port-forward ends, because no NetworkPolicy may stand before another
// pod that calls the address.
func (r *Router) chat(w http.ResponseWriter, req *http.Request) {
	if !onLoopback(req) {
		newFailure(http.StatusNotFound, CodeNotFound, "messages come through a port-forward").write(w)
		return
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxChat))
	if err != nil {
		newFailure(http.StatusRequestEntityTooLarge, CodeBadRequest, fmt.Sprintf("the message is longer than %d bytes", maxChat)).write(w)
		return
	}
	ctx, cancel := context.WithTimeout(req.Context(), callTimeout)
	defer cancel()
	out, err := http.NewRequestWithContext(ctx, http.MethodPost, r.agent.JoinPath("/v1/chat").String(), bytes.NewReader(raw))
	if err != nil {
		newFailure(http.StatusInternalServerError, CodeAgentUnreached, "the message cannot be sent").write(w)
		return
	}
	out.Header.Set("Content-Type", "application/json")
	res, err := r.local.RoundTrip(out)
	if err != nil {
		newFailure(http.StatusBadGateway, CodeAgentUnreached, fmt.Sprintf("the agent does not answer: %v", rootCause(err))).write(w)
		return
	}
	defer res.Body.Close()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(res.StatusCode)
	// A reply that breaks off cannot be told any more: the status is sent.
	_, _ = io.Copy(w, io.LimitReader(res.Body, maxChat))
}

// onLoopback reports whether the connection was made to a loopback address.
func onLoopback(req *http.Request) bool {
	addr, ok := req.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && addr.IP.IsLoopback()
}

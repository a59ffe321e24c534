package localazure

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/kars-dev/kars/localazure/entra"
	"github.com/kars-dev/kars/localazure/graph"
	"github.com/kars-dev/kars/localazure/requests"
)

// Hosts of the public cloud; learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure#guidance-for-developers.
const (
	armHost         = "management.azure.com"
	classicARMHost  = "management.core.windows.net"
	issuerDomain    = ".oic.prod-aks.azure.com"
	registryDomain  = ".azurecr.io"
	vaultDomain     = ".vault.azure.net"
	openAIDomain    = ".openai.azure.com"
	cognitiveDomain = ".cognitiveservices.azure.com"
	foundryDomain   = ".services.ai.azure.com"
)

// planes are the services by what they are.
type planes struct {
	arm, entra, graph, registry, model, issuer http.Handler
}

// of returns the service that answers for a host, and what to record it as.
func (p planes) of(host string) (http.Handler, requests.Plane) {
	switch {
	case host == armHost, host == classicARMHost:
		return p.arm, requests.ARM
	case host == entra.LoginHost, host == entra.STSHost:
		return p.entra, requests.Entra
	case host == graph.Host:
		return p.graph, requests.Graph
	case strings.HasSuffix(host, registryDomain), host == "mcr.microsoft.com", host == "ghcr.io":
		return p.registry, requests.Registry
	case strings.HasSuffix(host, openAIDomain), strings.HasSuffix(host, cognitiveDomain), strings.HasSuffix(host, foundryDomain):
		return p.model, requests.Model
	case strings.HasSuffix(host, issuerDomain):
		return p.issuer, requests.Entra
	case strings.HasSuffix(host, vaultDomain):
		return nil, requests.Vault
	}
	return nil, requests.ARM
}

func (s *Server) route(w http.ResponseWriter, r *http.Request) {
	handler, _ := s.planes.of(hostname(r))
	if handler == nil {
		http.Error(w, "the local Azure does not answer for "+hostname(r), http.StatusMisdirectedRequest)
		return
	}
	handler.ServeHTTP(w, r)
}

func hostname(r *http.Request) string {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(host)
}

// record notes every request and what became of it.
func (s *Server) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, plane := s.planes.of(hostname(r))
		s.recordAs(plane, next, w, r)
	})
}

func (s *Server) recordAs(plane requests.Plane, next http.Handler, w http.ResponseWriter, r *http.Request) {
	ctx, entry := requests.NewContext(r.Context(), requests.Record{
		Time: s.options.Now().UTC(), Method: r.Method, Path: visiblePath(r.URL), Host: hostname(r), Plane: plane,
		Write: r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodOptions,
	})
	if plane == requests.Entra {
		requests.SetRead(ctx) // asking for a token changes nothing
	}
	answer := &answer{ResponseWriter: w, status: http.StatusOK}
	defer func() {
		record := entry.Record()
		record.Status = answer.status
		s.log.Add(record)
	}()
	next.ServeHTTP(answer, r.WithContext(ctx))
}

// visiblePath is a request's path and query without what might be a secret:
// query values are kept only for names that never hold one.
func visiblePath(u *url.URL) string {
	query := url.Values{}
	for name, values := range u.Query() {
		switch strings.ToLower(name) {
		case "api-version", "$filter", "$top", "$select", "$expand", "$orderby", "$count", "service", "scope", "resource", "digest", "mount", "from", "n", "last":
			query[name] = values
		}
	}
	if len(query) == 0 {
		return u.Path
	}
	return u.Path + "?" + query.Encode()
}

// answer notes the status of a response.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	if status >= http.StatusOK {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection, for streaming.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Flush lets handlers that know only http.Flusher stream.
func (a *answer) Flush() {
	if f, ok := a.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

// loopback is a transport by which the local Azure asks itself, for instance
// for the keys of a cluster whose tokens are federated.
type loopback struct{ server *Server }

func (l loopback) RoundTrip(r *http.Request) (*http.Response, error) {
	w := &buffered{header: http.Header{}, status: http.StatusOK}
	r = r.Clone(context.WithoutCancel(r.Context()))
	if r.Host == "" {
		r.Host = r.URL.Host
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	l.server.route(w, r)
	return &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: r,
	}, nil
}

// buffered is a response in memory.
type buffered struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (b *buffered) Header() http.Header         { return b.header }
func (b *buffered) WriteHeader(status int)      { b.status = status }
func (b *buffered) Write(p []byte) (int, error) { return b.body.Write(p) }

package localazure

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/requests"
	"github.com/kars-dev/kars/localazure/store"
)

// Status is what the admin API says of a local Azure.
type Status struct {
	TenantID       string            `json:"tenantId"`
	SubscriptionID string            `json:"subscriptionId"`
	Started        time.Time         `json:"started"`
	Clusters       []ClusterStatus   `json:"clusters"`
	Principals     map[string]string `json:"principals"` // name: object id
}

// ClusterStatus is the state of a managed cluster.
type ClusterStatus struct {
	ID            string `json:"id"`
	State         string `json:"state"` // Running, Starting, Failed or Stopped
	Error         string `json:"error,omitempty"`
	Server        string `json:"server,omitempty"`
	ResidentBytes int64  `json:"residentBytes,omitempty"`
}

// ServeAdmin answers the admin API on a listener, a Unix socket that only its
// owner can open, until ctx ends:
//
//	GET  /status                → [Status]
//	GET  /requests?plane=model  → list of [requests.Record]
//	POST /principals            [Principal] → [Credential]
//	POST /stop                  closes [Server.Stopped]
func (s *Server) ServeAdmin(ctx context.Context, ln net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", s.adminStatus)
	mux.HandleFunc("GET /requests", s.adminRequests)
	mux.HandleFunc("POST /principals", s.adminPrincipals)
	mux.HandleFunc("POST /stop", func(w http.ResponseWriter, _ *http.Request) {
		s.once.Do(func() { close(s.stop) })
		w.WriteHeader(http.StatusAccepted)
	})
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: headerTimeout,
		ErrorLog: slog.NewLogLogger(s.options.Log.Handler(), slog.LevelDebug),
	}
	return serve(ctx, server, func() error { return server.Serve(ln) })
}

// Stopped is closed when the admin API was told to stop.
func (s *Server) Stopped() <-chan struct{} { return s.stop }

func (s *Server) adminStatus(w http.ResponseWriter, _ *http.Request) {
	status := Status{
		TenantID: s.home.TenantID, SubscriptionID: s.home.SubscriptionID, Started: s.started,
		Clusters: []ClusterStatus{}, Principals: map[string]string{},
	}
	err := s.store.View(func(tx *store.Tx) error {
		return tx.Each(principals, "", func(_ string, raw json.RawMessage) error {
			var c Credential
			if err := json.Unmarshal(raw, &c); err != nil {
				return err
			}
			status.Principals[c.Name] = c.ObjectID
			return nil
		})
	})
	if err == nil {
		status.Clusters, err = s.clusterStatuses()
	}
	if err != nil {
		adminError(w, err)
		return
	}
	adminJSON(w, status)
}

func (s *Server) adminRequests(w http.ResponseWriter, r *http.Request) {
	records, err := s.log.Read(requests.Plane(r.URL.Query().Get("plane")))
	if err != nil {
		adminError(w, err)
		return
	}
	adminJSON(w, records)
}

func (s *Server) adminPrincipals(w http.ResponseWriter, r *http.Request) {
	var p Principal
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil {
		adminError(w, errors.Join(errPrincipal, err))
		return
	}
	c, err := s.PutPrincipal(p)
	if err != nil {
		adminError(w, err)
		return
	}
	adminJSON(w, c)
}

func adminJSON(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}

func adminError(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(badRequest(err))
	_ = json.NewEncoder(w).Encode(map[string]*arm.Error{"error": {Code: "BadRequest", Message: err.Error()}})
}

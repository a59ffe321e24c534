// Package requests records every request that the local Azure answered: who
// asked, for what, and what came of it. It keeps claims, never tokens.
package requests

import (
	"context"
	"sync"
	"time"
)

// Plane names the service that answered.
type Plane string

// The planes of the local Azure.
const (
	ARM      Plane = "arm"
	Graph    Plane = "graph"
	Entra    Plane = "entra"
	IMDS     Plane = "imds"
	Registry Plane = "registry"
	Vault    Plane = "vault"
	Model    Plane = "model"
)

// Caller is what a verified token says of who asked.
type Caller struct {
	ObjectID     string `json:"oid,omitempty"`
	AppID        string `json:"appid,omitempty"`
	IdentityType string `json:"idtyp,omitempty"` // app or user
	Audience     string `json:"aud,omitempty"`
	ParentAppID  string `json:"xms_par_app_azp,omitempty"` // the blueprint of an agent identity
}

// Record is one answered request.
type Record struct {
	Time   time.Time `json:"time"`
	Method string    `json:"method"`
	Path   string    `json:"path"` // with the query, secrets left out
	Host   string    `json:"host"`
	Status int       `json:"status"`
	Plane  Plane     `json:"plane"`
	Write  bool      `json:"write"` // whether it may have changed something
	Caller Caller    `json:"caller"`
}

type key struct{}

// Entry is the record of a request that is being answered.
type Entry struct {
	mu     sync.Mutex
	record Record
}

// NewContext returns a context in which the handlers of one request note what
// they learn about it.
func NewContext(ctx context.Context, r Record) (context.Context, *Entry) {
	e := &Entry{record: r}
	return context.WithValue(ctx, key{}, e), e
}

// SetCaller notes who the verified token says is asking. Outside a recorded
// request it does nothing.
func SetCaller(ctx context.Context, c Caller) {
	update(ctx, func(r *Record) { r.Caller = c })
}

// SetRead notes that a request changes nothing although its method could: a
// token, a validation, a name check, a list of keys.
func SetRead(ctx context.Context) {
	update(ctx, func(r *Record) { r.Write = false })
}

func update(ctx context.Context, fn func(*Record)) {
	e, ok := ctx.Value(key{}).(*Entry)
	if !ok {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	fn(&e.record)
}

// Record returns what is known of the request so far.
func (e *Entry) Record() Record {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.record
}

package broker

import (
	"errors"
	"sync"
	"time"

	"github.com/kars-dev/kars/internal/agentid"
)

const (
	// verifiedFor is how long the directory's word on an identity is kept; one
	// that is disabled or deleted gets no new token after it.
	verifiedFor = 10 * time.Minute
	// verifiedAtMost is how long it is kept while the directory cannot answer.
	verifiedAtMost = 2 * time.Hour
)

var errDisabled = errors.New("the agent identity is disabled")

// verified remembers which identities the directory confirmed to be whose.
type verified struct {
	now func() time.Time

	mu    sync.Mutex
	known map[verifiedKey]verifiedIdentity
}

type verifiedKey struct {
	trust                *Acting
	sandboxUID, objectID string
}

type verifiedIdentity struct {
	appID string
	at    time.Time
}

func newVerified(now func() time.Time) *verified {
	return &verified{now: now, known: map[verifiedKey]verifiedIdentity{}}
}

// check returns the identity's application id, asking the directory when its
// last word is too old.
func (v *verified) check(trust *Acting, sandboxUID, objectID string, ask func() (agentid.Identity, error)) (string, error) {
	key := verifiedKey{trust, sandboxUID, objectID}
	v.mu.Lock()
	old, seen := v.known[key]
	v.mu.Unlock()
	age := v.now().Sub(old.at)
	if seen && age < verifiedFor {
		return old.appID, nil
	}
	id, err := ask()
	if err != nil {
		if seen && age < verifiedAtMost && temporary(err) {
			return old.appID, nil
		}
		v.forget(sandboxUID)
		return "", err
	}
	if id.Enabled != nil && !*id.Enabled {
		v.forget(sandboxUID)
		return "", errDisabled
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sweep()
	v.known[key] = verifiedIdentity{appID: id.AppID, at: v.now()}
	return id.AppID, nil
}

// forget drops what is known about a sandbox's identities.
func (v *verified) forget(sandboxUID string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for key := range v.known {
		if key.sandboxUID == sandboxUID {
			delete(v.known, key)
		}
	}
}

// sweep drops what is too old to be of use; the caller holds the lock.
func (v *verified) sweep() {
	for key, id := range v.known {
		if v.now().Sub(id.at) >= verifiedAtMost {
			delete(v.known, key)
		}
	}
}

// temporary reports whether the directory did not answer, in contrast to
// having answered no.
func temporary(err error) bool {
	if errors.Is(err, agentid.ErrMismatch) {
		return false
	}
	if graph, ok := errors.AsType[*agentid.GraphError](err); ok {
		return graph.Status >= 500 || graph.Status == 429
	}
	if entra, ok := errors.AsType[*agentid.EntraError](err); ok {
		return errors.Is(entra, agentid.ErrUnreachable)
	}
	return true
}

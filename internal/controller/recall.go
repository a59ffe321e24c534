package controller

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// recalled is what an outside system said about a sandbox, and when. It spares
// asking again on every event of the pod, and it survives a status write that
// got lost. A restart forgets it, which costs reads and creates nothing twice:
// identities are found by UID and role assignments by name.
type recalled[T any] struct {
	key   string // what was asked; a different question is asked anew
	value T
	at    time.Time
}

func recall[T any](m *sync.Map, uid types.UID, key string, now time.Time, keep time.Duration) (value T, ok bool) {
	v, found := m.Load(uid)
	if !found {
		return value, false
	}
	r, ok := v.(recalled[T])
	if !ok || r.key != key || now.Sub(r.at) >= keep {
		return value, false
	}
	return r.value, true
}

func remember[T any](m *sync.Map, uid types.UID, key string, value T, now time.Time) {
	m.Store(uid, recalled[T]{key: key, value: value, at: now})
}

package agentid

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// fetchTimeout bounds one fetch. It is independent of the caller that began
// it, because others may be waiting for the same token.
const fetchTimeout = 30 * time.Second

// cache keeps tokens until shortly before they end.
type cache struct {
	now    func() time.Time
	flight singleflight.Group

	mu     sync.Mutex
	tokens map[string]Token
	// generation rises with every forget: a fetch that began before it must
	// not put back what was forgotten.
	generation uint64
}

func newCache(now func() time.Time) *cache {
	return &cache{now: now, tokens: map[string]Token{}}
}

func (c *cache) get(ctx context.Context, key string, fetch func(context.Context) (Token, error)) (Token, error) {
	if t, ok := c.load(key); ok {
		return t, nil
	}
	generation := c.current()
	// Who comes after a forget does not join a flight from before it.
	result := c.flight.DoChan(strconv.FormatUint(generation, 10)+" "+key, func() (any, error) {
		if t, ok := c.load(key); ok {
			return t, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		defer cancel()
		t, err := fetch(ctx)
		if err == nil {
			c.store(key, t, generation)
		}
		return t, err
	})
	select {
	case <-ctx.Done():
		return Token{}, ctx.Err()
	case r := <-result:
		if r.Err != nil {
			return Token{}, r.Err
		}
		return r.Val.(Token), nil
	}
}

func (c *cache) load(key string) (Token, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, ok := c.tokens[key]
	return t, ok && c.fresh(t)
}

// fresh reports whether a token is far enough from its end. One that lives no
// longer than the margin is never kept.
func (c *cache) fresh(t Token) bool {
	return c.now().Before(t.ExpiresOn.Add(-margin))
}

func (c *cache) current() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.generation
}

func (c *cache) store(key string, t Token, generation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if generation != c.generation {
		return
	}
	for k, old := range c.tokens {
		if !c.fresh(old) {
			delete(c.tokens, k)
		}
	}
	c.tokens[key] = t
}

// forget drops every token whose key begins with the prefix.
func (c *cache) forget(prefix string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	for k := range c.tokens {
		if strings.HasPrefix(k, prefix) {
			delete(c.tokens, k)
		}
	}
}

// Package store keeps the state of the local Azure: JSON trees in named
// buckets, in one embedded database.
//
// Trees, not structs, are what is kept, so that a field sent by an API version
// that we have not met yet is stored and given back unchanged. A write is on
// disk when [Store.Update] returns; a process killed at any time loses no
// acknowledged write.
package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// Tree is one JSON object.
type Tree = map[string]any

// ErrLocked says that another process holds the database.
var ErrLocked = errors.New("another process holds the local Azure's state")

// Store is an open database.
type Store struct {
	db *bolt.DB
}

// Open opens or creates the database azure.db in dir. It returns [ErrLocked]
// when another process has it open.
func Open(dir string) (*Store, error) {
	path := filepath.Join(dir, "azure.db")
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: 200 * time.Millisecond})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("opening %s: %w", path, ErrLocked)
	}
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	return &Store{db: db}, nil
}

// Close closes the database.
func (s *Store) Close() error { return s.db.Close() }

// View runs fn in a read-only transaction.
func (s *Store) View(fn func(*Tx) error) error {
	return s.db.View(func(tx *bolt.Tx) error { return fn(&Tx{tx}) })
}

// Update runs fn in a read-write transaction and commits it when fn returns nil.
func (s *Store) Update(fn func(*Tx) error) error {
	return s.db.Update(func(tx *bolt.Tx) error { return fn(&Tx{tx}) })
}

// Tx is a transaction. Keys are compared without regard to case, as Azure
// compares resource ids; the case that was written is kept inside the trees.
type Tx struct {
	tx *bolt.Tx
}

// Get reads the tree at key into out, and says whether there is one.
func (t *Tx) Get(bucket, key string, out any) (bool, error) {
	b := t.tx.Bucket([]byte(bucket))
	if b == nil {
		return false, nil
	}
	raw := b.Get(fold(key))
	if raw == nil {
		return false, nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return false, fmt.Errorf("reading %s/%s: %w", bucket, key, err)
	}
	return true, nil
}

// Put writes value, a tree or anything that encodes as one.
func (t *Tx) Put(bucket, key string, value any) error {
	b, err := t.tx.CreateBucketIfNotExists([]byte(bucket))
	if err != nil {
		return fmt.Errorf("writing %s: %w", bucket, err)
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("writing %s/%s: %w", bucket, key, err)
	}
	return b.Put(fold(key), raw)
}

// Delete removes key; a key that is not there is no error.
func (t *Tx) Delete(bucket, key string) error {
	b := t.tx.Bucket([]byte(bucket))
	if b == nil {
		return nil
	}
	return b.Delete(fold(key))
}

// Each calls fn for every key that starts with prefix, in order, until fn
// returns an error. The raw bytes are valid only inside fn.
func (t *Tx) Each(bucket, prefix string, fn func(key string, raw json.RawMessage) error) error {
	b := t.tx.Bucket([]byte(bucket))
	if b == nil {
		return nil
	}
	folded := string(fold(prefix))
	c := b.Cursor()
	for k, v := c.Seek([]byte(folded)); k != nil && strings.HasPrefix(string(k), folded); k, v = c.Next() {
		if err := fn(string(k), v); err != nil {
			return err
		}
	}
	return nil
}

func fold(key string) []byte { return []byte(strings.ToLower(key)) }

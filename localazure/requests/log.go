package requests

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/kars-dev/kars/localazure/store"
)

const (
	bucket = "requests"
	// kept is how many records survive; flushEvery how long a record may wait
	// in memory before it is written. Records tell what happened; nothing
	// depends on the last second of them.
	kept       = 10_000
	flushEvery = 500 * time.Millisecond
)

// Log keeps the last records in the store.
type Log struct {
	store *store.Store

	mu      sync.Mutex
	pending []Record
	next    uint64 // number of the next record
	first   uint64 // number of the oldest one kept

	flushMu sync.Mutex
	stop    chan struct{}
	done    chan struct{}
}

// OpenLog continues the log in st.
func OpenLog(st *store.Store) (*Log, error) {
	l := &Log{store: st, stop: make(chan struct{}), done: make(chan struct{})}
	err := st.View(func(tx *store.Tx) error {
		found := false
		return tx.Each(bucket, "", func(key string, _ json.RawMessage) error {
			n, err := number(key)
			if err != nil {
				return err
			}
			if !found {
				l.first, found = n, true
			}
			l.next = n + 1
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading the request log: %w", err)
	}
	go l.flushRegularly()
	return l, nil
}

// Add appends a record. It does not wait for the disk.
func (l *Log) Add(r Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending = append(l.pending, r)
}

// Close writes what is pending.
func (l *Log) Close() error {
	close(l.stop)
	<-l.done
	return l.flush()
}

// Read returns the records kept, oldest first; of one plane, or of all when
// plane is empty.
func (l *Log) Read(plane Plane) ([]Record, error) {
	if err := l.flush(); err != nil {
		return nil, err
	}
	records := []Record{}
	err := l.store.View(func(tx *store.Tx) error {
		return tx.Each(bucket, "", func(_ string, raw json.RawMessage) error {
			var r Record
			if err := json.Unmarshal(raw, &r); err != nil {
				return err
			}
			if plane == "" || r.Plane == plane {
				records = append(records, r)
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading the request log: %w", err)
	}
	return records, nil
}

func (l *Log) flushRegularly() {
	defer close(l.done)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-tick.C:
			// A record that cannot be written now stays pending for the next turn.
			_ = l.flush()
		}
	}
}

func (l *Log) flush() error {
	l.flushMu.Lock()
	defer l.flushMu.Unlock()
	l.mu.Lock()
	batch := l.pending
	l.pending = nil
	l.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	next, first := l.next, l.first
	err := l.store.Update(func(tx *store.Tx) error {
		for _, r := range batch {
			if err := tx.Put(bucket, numbered(next), r); err != nil {
				return err
			}
			next++
		}
		for ; next-first > kept; first++ {
			if err := tx.Delete(bucket, numbered(first)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		l.mu.Lock()
		l.pending = append(batch, l.pending...)
		l.mu.Unlock()
		return fmt.Errorf("writing the request log: %w", err)
	}
	l.next, l.first = next, first
	return nil
}

func numbered(n uint64) string { return fmt.Sprintf("%016x", n) }

func number(key string) (n uint64, err error) {
	_, err = fmt.Sscanf(key, "%x", &n)
	return n, err
}

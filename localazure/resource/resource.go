// Package resource keeps the resources of Azure Resource Manager in the store:
// one JSON tree for each id, subscriptions, groups and role assignments among
// them, so that what lies below a scope is what starts with its id.
package resource

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/store"
)

const (
	bucket         = "resources"
	revisionBucket = "revisions"
	authorization  = "microsoft.authorization"
)

// Resource is one stored resource.
type Resource struct {
	ID   armid.ID
	Tree store.Tree
}

// Get reads the resource with this id.
func Get(tx *store.Tx, id string) (store.Tree, bool, error) {
	var tree store.Tree
	found, err := tx.Get(bucket, id, &tree)
	return tree, found, err
}

// Put writes a resource.
func Put(tx *store.Tx, id armid.ID, tree store.Tree) error {
	if err := touch(tx, id); err != nil {
		return err
	}
	return tx.Put(bucket, id.String(), tree)
}

// DeleteWithin removes the resource and all that lies below it: children, and
// extensions such as role assignments.
func DeleteWithin(tx *store.Tx, id string) error {
	var doomed []armid.ID
	err := Each(tx, id, func(r Resource) error {
		doomed = append(doomed, r.ID)
		return nil
	})
	if err != nil {
		return err
	}
	for _, d := range doomed {
		if err := touch(tx, d); err != nil {
			return err
		}
		if err := tx.Delete(bucket, d.String()); err != nil {
			return err
		}
	}
	return nil
}

// Each calls fn for the resource at scope and for all below it, in the order
// of their ids; for all there are when scope is empty.
func Each(tx *store.Tx, scope string, fn func(Resource) error) error {
	scope = strings.TrimRight(scope, "/")
	return tx.Each(bucket, scope, func(key string, raw json.RawMessage) error {
		if !armid.Within(key, scope) {
			return nil
		}
		var tree store.Tree
		if err := json.Unmarshal(raw, &tree); err != nil {
			return fmt.Errorf("reading %s: %w", key, err)
		}
		written, ok := tree["id"].(string)
		if !ok {
			written = key
		}
		id, err := armid.Parse(written)
		if err != nil {
			return fmt.Errorf("reading %s: %w", key, err)
		}
		return fn(Resource{ID: id, Tree: tree})
	})
}

// OfType calls fn for each resource of a type at scope or below it.
func OfType(tx *store.Tx, scope, resourceType string, fn func(Resource) error) error {
	return Each(tx, scope, func(r Resource) error {
		if !strings.EqualFold(r.ID.Type(), resourceType) {
			return nil
		}
		return fn(r)
	})
}

// AccessRevision changes whenever a role assignment, role definition or deny
// assignment does.
func AccessRevision(tx *store.Tx) (revision uint64, err error) {
	_, err = tx.Get(revisionBucket, authorization, &revision)
	return revision, err
}

func touch(tx *store.Tx, id armid.ID) error {
	if !strings.EqualFold(id.Namespace(), authorization) {
		return nil
	}
	revision, err := AccessRevision(tx)
	if err != nil {
		return err
	}
	return tx.Put(revisionBucket, authorization, revision+1)
}

// Properties returns the tree's "properties", which it makes if there are none.
func Properties(tree store.Tree) store.Tree {
	if p, ok := tree["properties"].(store.Tree); ok {
		return p
	}
	p := store.Tree{}
	tree["properties"] = p
	return p
}

// Text returns the string at path, or "".
func Text(tree store.Tree, path ...string) string {
	s, _ := Value(tree, path...).(string)
	return s
}

// Value returns what is at path, or nil.
func Value(tree store.Tree, path ...string) any {
	var v any = tree
	for _, p := range path {
		t, ok := v.(store.Tree)
		if !ok {
			return nil
		}
		v = t[p]
	}
	return v
}

// Default sets the value at the key of a tree that has none.
func Default(tree store.Tree, key string, value any) {
	if tree[key] == nil {
		tree[key] = value
	}
}

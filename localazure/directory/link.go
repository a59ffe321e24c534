package directory

import (
	"encoding/json"
	"strings"
)

// Relation is how one object refers to another.
type Relation string

// The relations.
const (
	MemberOf    Relation = "memberOf"    // a user, group or service principal → a group
	OwnedBy     Relation = "ownedBy"     // an application or service principal → a user or service principal
	SponsoredBy Relation = "sponsoredBy" // a blueprint or agent identity → a user or group
	holds       Relation = "holds"       // a principal → a directory role's template id
)

type link struct{}

// Link relates from to to; doing it again changes nothing.
func (t *Tx) Link(from string, r Relation, to string) error {
	if err := t.tx.Put(bucketLinks, linkKey(from, r, to), link{}); err != nil {
		return err
	}
	return t.tx.Put(bucketBacklinks, linkKey(to, r, from), link{})
}

// Unlink undoes [Tx.Link].
func (t *Tx) Unlink(from string, r Relation, to string) error {
	if err := t.tx.Delete(bucketLinks, linkKey(from, r, to)); err != nil {
		return err
	}
	return t.tx.Delete(bucketBacklinks, linkKey(to, r, from))
}

// Linked returns what from relates to, in order.
func (t *Tx) Linked(from string, r Relation) ([]string, error) {
	return t.ends(bucketLinks, from, r)
}

// LinkedFrom returns what relates to to, in order.
func (t *Tx) LinkedFrom(to string, r Relation) ([]string, error) {
	return t.ends(bucketBacklinks, to, r)
}

func (t *Tx) ends(bucket, id string, r Relation) ([]string, error) {
	prefix := strings.ToLower(linkKey(id, r, ""))
	var out []string
	err := t.tx.Each(bucket, prefix, func(key string, _ json.RawMessage) error {
		out = append(out, strings.TrimPrefix(key, prefix))
		return nil
	})
	return out, err
}

func linkKey(from string, r Relation, to string) string {
	return from + "/" + string(r) + "/" + to
}

// unlink removes every relation of an object in either direction.
func (t *Tx) unlink(id string) error {
	for _, r := range []Relation{MemberOf, OwnedBy, SponsoredBy, holds} {
		to, err := t.Linked(id, r)
		if err != nil {
			return err
		}
		for _, other := range to {
			if err := t.Unlink(id, r, other); err != nil {
				return err
			}
		}
		from, err := t.LinkedFrom(id, r)
		if err != nil {
			return err
		}
		for _, other := range from {
			if err := t.Unlink(other, r, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// Package directory keeps the principals of the local Azure's one tenant:
// users, groups, applications, service principals of every kind (applications,
// managed identities, agent identities), the blueprints agent identities derive
// from, and what hangs on them: secrets, federated credentials, directory
// roles, permissions.
//
// Start with [New] and [Directory.Found]. A few common operations are methods
// of [Directory], each a transaction of its own; everything else is a method of
// [Tx], so that callers can make several changes at once or none:
//
//	err := d.Update(func(tx *directory.Tx) error { … })
//
// Objects are kept as the JSON trees that Microsoft Graph shows, so that a
// property nobody here has heard of is stored and given back. Passwords and
// secrets are never part of an object; only their hashes are kept.
package directory

import (
	"time"

	"github.com/google/uuid"

	"github.com/kars-dev/kars/localazure/store"
)

// The store's buckets.
const (
	bucketObjects   = "directory.objects"   // object id → record
	bucketApps      = "directory.apps"      // app id "/" kind → object id
	bucketNames     = "directory.names"     // user principal name → object id
	bucketArmIDs    = "directory.armids"    // ARM id of an identity → object id
	bucketLinks     = "directory.links"     // from "/" relation "/" to → link
	bucketBacklinks = "directory.backlinks" // to "/" relation "/" from → link
	bucketFederated = "directory.federated" // object id "/" name → FederatedCredential
	bucketSecrets   = "directory.secrets"   // object id "/" key id → secret
	bucketPasswords = "directory.passwords" // object id → hash
	bucketDeleted   = "directory.deleted"   // object id → record
)

// Directory is the directory of one tenant.
type Directory struct {
	store    *store.Store
	now      func() time.Time
	tenantID string
}

// New returns the directory of the tenant with this id, kept in st.
func New(st *store.Store, now func() time.Time, tenantID string) *Directory {
	return &Directory{store: st, now: now, tenantID: tenantID}
}

// TenantID returns the tenant's id, a GUID in lower case.
func (d *Directory) TenantID() string { return d.tenantID }

// Tx is a transaction on the directory.
type Tx struct {
	d  *Directory
	tx *store.Tx
}

// In returns the directory inside a transaction of the store that the caller
// has open, for those who change the directory and something else at once.
func (d *Directory) In(tx *store.Tx) *Tx { return &Tx{d: d, tx: tx} }

// View runs fn in a read-only transaction.
func (d *Directory) View(fn func(*Tx) error) error {
	return d.store.View(func(tx *store.Tx) error { return fn(d.In(tx)) })
}

// Update runs fn in a read-write transaction and commits it when fn returns nil.
func (d *Directory) Update(fn func(*Tx) error) error {
	return d.store.Update(func(tx *store.Tx) error { return fn(d.In(tx)) })
}

// Found brings about what every tenant has from the start: the service
// principals of Microsoft's own applications. It is idempotent.
func (d *Directory) Found() error {
	return d.Update(func(t *Tx) error {
		for _, app := range FirstParty() {
			if _, found, err := t.ServicePrincipalByAppID(app.AppID); err != nil || found {
				if err != nil {
					return err
				}
				continue
			}
			if err := t.putFirstParty(app); err != nil {
				return err
			}
		}
		return nil
	})
}

func newID() string { return uuid.NewString() }

// derivedID names a thing of this tenant deterministically.
func (d *Directory) derivedID(parts ...string) string {
	id := uuid.NewSHA1(uuid.NameSpaceURL, []byte("tenant:"+d.tenantID))
	for _, p := range parts {
		id = uuid.NewSHA1(id, []byte(p))
	}
	return id.String()
}

// stamp is a time as Graph writes it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

func view[T any](d *Directory, fn func(*Tx) (T, error)) (T, error) {
	var out T
	err := d.View(func(t *Tx) (err error) {
		out, err = fn(t)
		return err
	})
	return out, err
}

func update[T any](d *Directory, fn func(*Tx) (T, error)) (T, error) {
	var out T
	err := d.Update(func(t *Tx) (err error) {
		out, err = fn(t)
		return err
	})
	return out, err
}

// Package globalname keeps the names that others in the cloud took: of things
// whose host name is one for all tenants. The local Azure has one tenant, so
// that nobody can take a name in it but by [Reserve].
package globalname

import (
	"strings"

	"github.com/kars-dev/kars/localazure/store"
)

const reserved = "globalnames"

func key(resourceType, name string) string { return resourceType + "/" + strings.ToLower(name) }

// Reserve makes a name of a resource type somebody else's, or with taken false
// free again.
func Reserve(tx *store.Tx, resourceType, name string, taken bool) error {
	if !taken {
		return tx.Delete(reserved, key(resourceType, name))
	}
	return tx.Put(reserved, key(resourceType, name), true)
}

// Taken says whether somebody else has a name.
func Taken(tx *store.Tx, resourceType, name string) (taken bool, err error) {
	_, err = tx.Get(reserved, key(resourceType, name), &taken)
	return taken, err
}

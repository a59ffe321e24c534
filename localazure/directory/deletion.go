package directory

import (
	"encoding/json"
	"strings"
	"time"
)

// retention is how long a deleted object can be restored and goes on counting
// against limits; learn.microsoft.com/graph/api/resources/directory#deleted-items.
const retention = 30 * 24 * time.Hour

// Delete removes an object with its credentials. An application, a service
// principal of one, an agent identity, a user or a group can be restored for 30
// days; a managed identity is gone for good.
func (t *Tx) Delete(id string) error {
	o, found, err := t.Object(id)
	if err != nil {
		return err
	}
	if !found {
		return notFound(id)
	}
	if o.Kind == Application {
		if err := t.deletePrincipalOf(o); err != nil {
			return err
		}
	}
	if err := t.unlist(o); err != nil {
		return err
	}
	if o.Text("servicePrincipalType") == "ManagedIdentity" {
		return t.erase(o.ID)
	}
	o.Properties["deletedDateTime"] = stamp(t.d.now())
	return t.tx.Put(bucketDeleted, o.ID, record{Kind: o.Kind, Type: o.Type, Properties: o.Properties})
}

// deletePrincipalOf deletes the service principal of an application, as Entra
// does in the application's home tenant.
func (t *Tx) deletePrincipalOf(app Object) error {
	sp, found, err := t.ServicePrincipalByAppID(app.Text("appId"))
	if err != nil || !found {
		return err
	}
	return t.Delete(sp.ID)
}

// unlist takes an object out of the directory and its indexes.
func (t *Tx) unlist(o Object) error {
	if err := t.tx.Delete(bucketObjects, o.ID); err != nil {
		return err
	}
	if app := o.Text("appId"); app != "" {
		if err := t.tx.Delete(bucketApps, app+"/"+string(o.Kind)); err != nil {
			return err
		}
	}
	if upn := o.Text("userPrincipalName"); upn != "" {
		return t.tx.Delete(bucketNames, upn)
	}
	return nil
}

// Restore brings a deleted object back.
func (t *Tx) Restore(id string) (Object, error) {
	o, found, err := t.objectIn(bucketDeleted, id)
	if err != nil {
		return Object{}, err
	}
	if !found {
		return Object{}, notFound(id)
	}
	if app := o.Text("appId"); app != "" {
		if _, taken, err := t.byApp(o.Kind, app); err != nil || taken {
			if err != nil {
				return Object{}, err
			}
			return Object{}, conflict("Another object with the same value for property appId already exists.")
		}
	}
	delete(o.Properties, "deletedDateTime")
	if err := t.tx.Delete(bucketDeleted, id); err != nil {
		return Object{}, err
	}
	return o, t.put(o)
}

// Purge removes a deleted object for good.
func (t *Tx) Purge(id string) error {
	o, found, err := t.objectIn(bucketDeleted, id)
	if err != nil {
		return err
	}
	if !found {
		return notFound(id)
	}
	return t.erase(o.ID)
}

// DeletedObject returns a deleted object that can still be restored.
func (t *Tx) DeletedObject(id string) (Object, bool, error) {
	return t.objectIn(bucketDeleted, id)
}

// Expire removes for good what was deleted more than 30 days ago.
func (t *Tx) Expire() error {
	var ids []string
	err := t.Deleted("", func(o Object) error {
		at, err := time.Parse(time.RFC3339, o.Text("deletedDateTime"))
		if err != nil || t.d.now().Sub(at) > retention {
			ids = append(ids, o.ID)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := t.erase(id); err != nil {
			return err
		}
	}
	return nil
}

// erase removes everything that is kept under an object's id.
func (t *Tx) erase(id string) error {
	if err := t.tx.Delete(bucketDeleted, id); err != nil {
		return err
	}
	if err := t.tx.Delete(bucketPasswords, id); err != nil {
		return err
	}
	for _, bucket := range []string{bucketFederated, bucketSecrets, bucketPermissions} {
		if err := t.deletePrefix(bucket, id+"/"); err != nil {
			return err
		}
	}
	if err := t.forgetSchedules(func(s RoleSchedule) bool { return strings.EqualFold(s.PrincipalID, id) }); err != nil {
		return err
	}
	return t.unlink(id)
}

func (t *Tx) deletePrefix(bucket, prefix string) error {
	var keys []string
	err := t.tx.Each(bucket, prefix, func(key string, _ json.RawMessage) error {
		keys = append(keys, strings.Clone(key))
		return nil
	})
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := t.tx.Delete(bucket, key); err != nil {
			return err
		}
	}
	return nil
}

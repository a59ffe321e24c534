package directory

import "github.com/kars-dev/kars/localazure/store"

// CreateManagedIdentity creates the service principal of a user-assigned
// identity with this ARM id, or returns the one it has.
func (d *Directory) CreateManagedIdentity(armID, name string) (Principal, error) {
	return update(d, func(t *Tx) (Principal, error) { return t.CreateManagedIdentity(armID, name) })
}

// DeleteManagedIdentity removes the service principal of the user-assigned
// identity with this ARM id, with its federated credentials. One that is not
// there is no error.
func (d *Directory) DeleteManagedIdentity(armID string) error {
	return d.Update(func(t *Tx) error { return t.DeleteManagedIdentity(armID) })
}

// ManagedIdentity returns the principal of the user-assigned identity with this
// ARM id.
func (d *Directory) ManagedIdentity(armID string) (Principal, bool, error) {
	var p Principal
	var found bool
	err := d.View(func(t *Tx) (err error) {
		p, found, err = t.ManagedIdentity(armID)
		return err
	})
	return p, found, err
}

// CreateManagedIdentity creates the service principal of a user-assigned
// identity with this ARM id, or returns the one it has.
func (t *Tx) CreateManagedIdentity(armID, name string) (Principal, error) {
	if p, found, err := t.ManagedIdentity(armID); err != nil || found {
		return p, err
	}
	id, app := newID(), newID()
	o := Object{ID: id, Kind: ServicePrincipal, Type: TypeServicePrincipal, Properties: store.Tree{
		"id": id, "appId": app, "displayName": name, "appDisplayName": nil, "accountEnabled": true,
		"servicePrincipalType": "ManagedIdentity", "tags": []any{},
		"servicePrincipalNames": []any{app},
		"alternativeNames":      []any{"isExplicit=True", armID},
		"createdDateTime":       stamp(t.d.now()),
	}}
	if err := t.put(o); err != nil {
		return Principal{}, err
	}
	return o.Principal(), t.tx.Put(bucketArmIDs, armID, id)
}

// ManagedIdentity returns the principal of the user-assigned identity with this
// ARM id.
func (t *Tx) ManagedIdentity(armID string) (Principal, bool, error) {
	var id string
	found, err := t.tx.Get(bucketArmIDs, armID, &id)
	if err != nil || !found {
		return Principal{}, false, err
	}
	return t.Principal(id)
}

// DeleteManagedIdentity removes the service principal of the user-assigned
// identity with this ARM id.
func (t *Tx) DeleteManagedIdentity(armID string) error {
	p, found, err := t.ManagedIdentity(armID)
	if err != nil {
		return err
	}
	if found {
		if err := t.Delete(p.ID); err != nil {
			return err
		}
	}
	return t.tx.Delete(bucketArmIDs, armID)
}

// managedIdentityARMID reads the ARM id where Graph shows it: in the second of
// the alternative names.
func managedIdentityARMID(o Object) string {
	names, _ := o.Properties["alternativeNames"].([]any)
	if len(names) < 2 {
		return ""
	}
	id, _ := names[1].(string)
	return id
}

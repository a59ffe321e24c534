package directory

import (
	"maps"
	"time"

	"github.com/kars-dev/kars/localazure/store"
)

// CreateServicePrincipalWithSecret creates an application, its service
// principal and a client secret, whose text nobody can read again.
func (d *Directory) CreateServicePrincipalWithSecret(displayName string) (Principal, Secret, error) {
	var p Principal
	var s Secret
	err := d.Update(func(t *Tx) error {
		app, err := t.CreateApplication(store.Tree{"displayName": displayName})
		if err != nil {
			return err
		}
		sp, err := t.CreateServicePrincipal(app.Text("appId"))
		if err != nil {
			return err
		}
		p = sp.Principal()
		s, err = t.AddSecret(app.ID, "created with the application", time.Time{})
		return err
	})
	return p, s, err
}

// CreateApplication creates an application with these properties, of which
// displayName is required.
func (t *Tx) CreateApplication(properties store.Tree) (Object, error) {
	return t.createApplication(TypeApplication, properties)
}

func (t *Tx) createApplication(kind string, properties store.Tree) (Object, error) {
	if name, _ := properties["displayName"].(string); name == "" {
		return Object{}, invalid("A value is required for property 'displayName' of resource 'Application'.")
	}
	id := newID()
	tree := store.Tree{
		"signInAudience": "AzureADMyOrg", "identifierUris": []any{}, "tags": []any{},
		"appRoles": []any{}, "keyCredentials": []any{}, "requiredResourceAccess": []any{},
	}
	maps.Copy(tree, properties)
	tree["id"], tree["appId"], tree["createdDateTime"] = id, newID(), stamp(t.d.now())
	o := Object{ID: id, Kind: Application, Type: kind, Properties: tree}
	return o, t.put(o)
}

// CreateServicePrincipal creates the service principal of the application with
// this client id. One that is there already is [ErrConflict].
func (t *Tx) CreateServicePrincipal(appID string) (Object, error) {
	app, found, err := t.ApplicationByAppID(appID)
	if err != nil {
		return Object{}, err
	}
	if !found {
		return Object{}, &Error{
			Kind: ErrInvalid, Code: "NoBackingApplicationObject",
			Message: "The appId '" + appID + "' of the service principal does not reference a valid application object.",
		}
	}
	_, taken, err := t.ServicePrincipalByAppID(appID)
	if err != nil {
		return Object{}, err
	}
	if taken {
		return Object{}, conflict("The service principal cannot be created, updated, or restored because the service principal name " + appID + " is already in use.")
	}
	id := newID()
	o := Object{ID: id, Kind: ServicePrincipal, Type: TypeServicePrincipal, Properties: store.Tree{
		"id": id, "appId": app.Text("appId"), "displayName": app.Text("displayName"), "appDisplayName": app.Text("displayName"),
		"servicePrincipalType": "Application", "accountEnabled": true, "appOwnerOrganizationId": t.d.tenantID,
		"servicePrincipalNames": []any{app.Text("appId")}, "tags": []any{}, "createdDateTime": stamp(t.d.now()),
	}}
	if app.Type == TypeBlueprint {
		o.Type = TypeBlueprintPrincipal
	}
	return o, t.put(o)
}

// ByIdentifier returns the application of this tenant that has uri among its
// identifier URIs, or has it as its client id.
func (t *Tx) ByIdentifier(uri string) (Object, bool, error) {
	if o, found, err := t.ApplicationByAppID(uri); err != nil || found {
		return o, found, err
	}
	var hit Object
	found := false
	err := t.Objects(Application, func(o Object) error {
		uris, _ := o.Properties["identifierUris"].([]any)
		for _, u := range uris {
			if u == uri {
				hit, found = o, true
			}
		}
		return nil
	})
	return hit, found, err
}

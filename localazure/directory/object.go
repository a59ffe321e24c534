package directory

import (
	"encoding/json"
	"maps"
	"strings"

	"github.com/kars-dev/kars/localazure/store"
)

// Kind is what sort of thing an object is; it decides in which collection of
// Graph it appears.
type Kind string

// The kinds of objects.
const (
	User             Kind = "user"
	Group            Kind = "group"
	Application      Kind = "application"
	ServicePrincipal Kind = "servicePrincipal"
)

// The @odata.type of objects, as Graph spells them.
const (
	TypeUser               = "#microsoft.graph.user"
	TypeGroup              = "#microsoft.graph.group"
	TypeApplication        = "#microsoft.graph.application"
	TypeServicePrincipal   = "#microsoft.graph.servicePrincipal"
	TypeBlueprint          = "#microsoft.graph.agentIdentityBlueprint"
	TypeBlueprintPrincipal = "#microsoft.graph.agentIdentityBlueprintPrincipal"
	TypeAgentIdentity      = "#microsoft.graph.agentIdentity"
)

// Object is one directory object.
type Object struct {
	ID   string
	Kind Kind
	Type string // @odata.type
	// Properties are those Graph shows, id included.
	Properties store.Tree
}

type record struct {
	Kind       Kind       `json:"kind"`
	Type       string     `json:"type"`
	Properties store.Tree `json:"properties"`
}

// Text returns a property that is a string, or "".
func (o Object) Text(name string) string {
	s, _ := o.Properties[name].(string)
	return s
}

// Enabled says whether the account may sign in. An object that does not say is
// enabled.
func (o Object) Enabled() bool {
	enabled, said := o.Properties["accountEnabled"].(bool)
	return enabled || !said
}

// Object returns the object with this id.
func (t *Tx) Object(id string) (Object, bool, error) { return t.objectIn(bucketObjects, id) }

func (t *Tx) objectIn(bucket, id string) (Object, bool, error) {
	var r record
	found, err := t.tx.Get(bucket, id, &r)
	if err != nil || !found {
		return Object{}, false, err
	}
	return r.object(), true, nil
}

func (r record) object() Object {
	id, _ := r.Properties["id"].(string)
	return Object{ID: id, Kind: r.Kind, Type: r.Type, Properties: r.Properties}
}

// Objects calls fn for every object of a kind, in the order of their ids.
func (t *Tx) Objects(kind Kind, fn func(Object) error) error {
	return t.each(bucketObjects, kind, fn)
}

// Deleted calls fn for every deleted object of a kind that can still be
// restored; "" is every kind.
func (t *Tx) Deleted(kind Kind, fn func(Object) error) error {
	return t.each(bucketDeleted, kind, fn)
}

func (t *Tx) each(bucket string, kind Kind, fn func(Object) error) error {
	return t.tx.Each(bucket, "", func(_ string, raw json.RawMessage) error {
		var r record
		if err := json.Unmarshal(raw, &r); err != nil {
			return err
		}
		if kind != "" && r.Kind != kind {
			return nil
		}
		return fn(r.object())
	})
}

// put writes an object and the index entries that find it.
func (t *Tx) put(o Object) error {
	r := record{Kind: o.Kind, Type: o.Type, Properties: o.Properties}
	if err := t.tx.Put(bucketObjects, o.ID, r); err != nil {
		return err
	}
	if app := o.Text("appId"); app != "" {
		if err := t.tx.Put(bucketApps, app+"/"+string(o.Kind), o.ID); err != nil {
			return err
		}
	}
	if upn := o.Text("userPrincipalName"); upn != "" {
		return t.tx.Put(bucketNames, upn, o.ID)
	}
	return nil
}

// Patch sets properties of an object; a null removes one. What identifies an
// object cannot be changed.
func (t *Tx) Patch(id string, properties store.Tree) (Object, error) {
	o, found, err := t.Object(id)
	if err != nil {
		return Object{}, err
	}
	if !found {
		return Object{}, notFound(id)
	}
	changed := maps.Clone(o.Properties)
	for name, value := range properties {
		if immutable(name) {
			return Object{}, invalid("Property '" + name + "' is read-only and cannot be set.")
		}
		if value == nil {
			delete(changed, name)
			continue
		}
		changed[name] = value
	}
	o.Properties = changed
	return o, t.put(o)
}

func immutable(name string) bool {
	switch strings.ToLower(name) {
	case "id", "appid", "userprincipalname", "serviceprincipaltype", "agentidentityblueprintid",
		"createddatetime", "deleteddatetime", "createdbyappid", "publisherdomain", "appownerorganizationid":
		return true
	}
	return false
}

func (t *Tx) byApp(kind Kind, appID string) (Object, bool, error) {
	var id string
	found, err := t.tx.Get(bucketApps, appID+"/"+string(kind), &id)
	if err != nil || !found {
		return Object{}, false, err
	}
	return t.Object(id)
}

// ApplicationByAppID returns the application, a blueprint for instance, with
// this client id.
func (t *Tx) ApplicationByAppID(appID string) (Object, bool, error) {
	return t.byApp(Application, appID)
}

// ServicePrincipalByAppID returns the service principal with this client id.
func (t *Tx) ServicePrincipalByAppID(appID string) (Object, bool, error) {
	return t.byApp(ServicePrincipal, appID)
}

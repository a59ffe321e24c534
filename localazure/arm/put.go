package arm

import (
	"context"
	"maps"
	"net/http"
	"strings"

	"github.com/kars-dev/kars/localazure/action"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/entra"
	"github.com/kars-dev/kars/localazure/region"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// Outcome is what came of a write.
type Outcome struct {
	Tree      store.Tree
	Created   bool
	Operation string // id of the operation that goes on, or ""
}

// AuthorizePut checks all that a caller needs for writing a resource, and
// changes nothing.
func (s *Service) AuthorizePut(ctx context.Context, c entra.Claims, id armid.ID, body store.Tree) error {
	t, ok := s.Type(id.Type())
	if !ok {
		return s.unknownType(id)
	}
	if t.Own != nil && t.Own(c, body) {
		return nil
	}
	var attributes map[string]any
	if t.Attributes != nil {
		stored, err := s.stored(id)
		if err != nil {
			return err
		}
		attributes = t.Attributes(stored, body)
	}
	need, _ := action.Of(http.MethodPut, id)
	if err := s.Authorize(ctx, c, need, attributes); err != nil {
		return err
	}
	return s.AuthorizeLinked(ctx, c, need, id.Type(), body)
}

// Put creates or replaces a resource as the caller.
func (s *Service) Put(ctx context.Context, c entra.Claims, id armid.ID, version string, body store.Tree) (Outcome, error) {
	if err := s.AuthorizePut(ctx, c, id, body); err != nil {
		return Outcome{}, err
	}
	need, _ := action.Of(http.MethodPut, id)
	if err := s.guard(ctx, Change{Action: need.Action, ID: id, APIVersion: version, Content: body}); err != nil {
		return Outcome{}, err
	}
	t, _ := s.Type(id.Type())
	w := &Write{ID: canonical(id, t), APIVersion: version, Caller: c, New: maps.Clone(body)}
	if t.Preflight != nil {
		if err := t.Preflight(ctx, w); err != nil {
			return Outcome{}, err
		}
	}
	return s.write(ctx, t, w)
}

func (s *Service) patch(ctx context.Context, r *Request) (Outcome, error) {
	t, _ := s.Type(r.ID.Type())
	stored, err := s.stored(r.ID)
	if err != nil {
		return Outcome{}, err
	}
	merged, _ := merge(stored, r.Body).(store.Tree)
	if err := s.AuthorizePut(ctx, r.Caller, r.ID, r.Body); err != nil {
		return Outcome{}, err
	}
	if stored == nil {
		return Outcome{}, notFound(r.ID)
	}
	need, _ := action.Of(http.MethodPatch, r.ID)
	if err := s.guard(ctx, Change{Action: need.Action, ID: r.ID, APIVersion: r.APIVersion, Content: merged}); err != nil {
		return Outcome{}, err
	}
	w := &Write{ID: canonical(r.ID, t), APIVersion: r.APIVersion, Caller: r.Caller, New: merged}
	if t.Preflight != nil {
		if err := t.Preflight(ctx, w); err != nil {
			return Outcome{}, err
		}
	}
	return s.write(ctx, t, w)
}

// merge is JSON merge patch, RFC 7396.
func merge(target, patch any) any {
	p, ok := patch.(store.Tree)
	if !ok {
		return patch
	}
	t, _ := target.(store.Tree)
	merged := store.Tree{}
	maps.Copy(merged, t)
	for k, v := range p {
		if v == nil {
			delete(merged, k)
			continue
		}
		merged[k] = merge(merged[k], v)
	}
	return merged
}

// write stores w.New in one transaction and starts what follows from it.
func (s *Service) write(ctx context.Context, t Type, w *Write) (Outcome, error) {
	release, err := exclusive(t, w.ID)
	if err != nil {
		return Outcome{}, err
	}
	defer release()
	var out Outcome
	err = s.Store.Update(func(tx *store.Tx) (err error) {
		w.Tx = tx
		if w.Old, _, err = resource.Get(tx, w.ID.String()); err != nil {
			return err
		}
		if w.Old != nil {
			w.ID = storedID(w.Old, w.ID)
		}
		if err := s.admit(t, w); err != nil {
			return err
		}
		if err := s.identities(w); err != nil {
			return err
		}
		if out, err = s.complete(ctx, t, w); err != nil {
			return err
		}
		return resource.Put(tx, w.ID, w.New)
	})
	if err != nil {
		return Outcome{}, err
	}
	s.launch(out.Operation)
	return out, nil
}

func exclusive(t Type, id armid.ID) (release func(), err error) {
	if t.Exclusive == nil {
		return func() {}, nil
	}
	return t.Exclusive(id)
}

// complete has the type prepare w.New and enqueues what is to follow.
func (s *Service) complete(ctx context.Context, t Type, w *Write) (out Outcome, err error) {
	properties := maps.Clone(resource.Properties(w.New))
	delete(properties, "provisioningState")
	w.New["properties"] = properties
	if t.Prepare != nil {
		if err := t.Prepare(ctx, w); err != nil {
			return Outcome{}, err
		}
	}
	w.New["id"], w.New["name"], w.New["type"] = w.ID.String(), w.ID.Name(), t.Name
	if t.Shown != "" {
		w.New["type"] = t.Shown
	}
	if t.Provision != nil {
		w.Operation = &Operation{Kind: kindProvision, ResourceID: w.ID.String()}
		properties["provisioningState"] = provisioning(w.Created())
	}
	out = Outcome{Tree: w.New, Created: w.Created()}
	if w.Operation != nil {
		out.Operation, err = s.enqueue(w.Tx, *w.Operation)
	} else if !t.Extension {
		resource.Default(properties, "provisioningState", Succeeded)
	}
	return out, err
}

func provisioning(created bool) string {
	if created {
		return "Creating"
	}
	return "Updating"
}

// canonical writes an id with the case that the type's name has.
func canonical(id armid.ID, t Type) armid.ID {
	parts := strings.Split(t.Name, "/")
	if len(id.Providers) == 0 || len(parts) < 2 {
		return id
	}
	providers := append([]armid.Segment(nil), id.Providers...)
	last := providers[len(providers)-1]
	providers[len(providers)-1] = armid.Segment{Namespace: parts[0], Types: parts[1:], Names: last.Names}
	id.Providers = providers
	return id
}

// storedID returns the id with the case in which the resource was created.
func storedID(tree store.Tree, id armid.ID) armid.ID {
	if stored, err := armid.Parse(resource.Text(tree, "id")); err == nil {
		return stored
	}
	return id
}

// admit checks what holds for all types: registration, group, parent, name and
// region.
func (s *Service) admit(t Type, w *Write) error {
	if err := s.registered(w.Tx, w.ID); err != nil {
		return err
	}
	if err := s.placed(t, w); err != nil {
		return err
	}
	if w.Created() && t.NameRule != nil && !t.NameRule.MatchString(w.ID.Name()) {
		if t.NameError != nil {
			return t.NameError(w.ID.Name())
		}
		return Errorf(http.StatusBadRequest, "InvalidResourceName",
			"Resource name %s is invalid. The name must match %s.", w.ID.Name(), t.NameRule)
	}
	if !t.Regional {
		return nil
	}
	return located(t, w)
}

func located(t Type, w *Write) error {
	location := resource.Text(w.New, "location")
	if location == "" {
		return Errorf(http.StatusBadRequest, "LocationRequired", "The location property is required for this definition.")
	}
	r, ok := region.Find(location)
	if !ok || !t.OfferedIn(r.Name) {
		names := region.Names()
		if len(t.Regions) > 0 {
			names = strings.Join(t.Regions, ",")
		}
		return Errorf(http.StatusBadRequest, "LocationNotAvailableForResourceType",
			"The provided location '%s' is not available for resource type '%s'. List of available regions for the resource type is '%s'.",
			location, t.Name, names)
	}
	if was := resource.Text(w.Old, "location"); was != "" && was != r.Name {
		return Errorf(http.StatusConflict, "InvalidResourceLocation",
			"The resource '%s' already exists in location '%s' in resource group '%s'. A resource with the same name cannot be created in location '%s'. Please select a new resource name.",
			w.ID.Name(), was, w.ID.ResourceGroup, r.Name)
	}
	w.New["location"] = r.Name
	return nil
}

// placed checks that what a resource lies in is there.
func (s *Service) placed(t Type, w *Write) error {
	if len(w.ID.Providers) == 0 {
		return nil
	}
	if w.ID.ResourceGroup == "" && !t.Extension && !t.Subscription {
		return Errorf(http.StatusBadRequest, "MissingResourceGroup", "The resource type '%s' belongs in a resource group.", t.Name)
	}
	if w.ID.ResourceGroup != "" {
		group, found, err := resource.Get(w.Tx, w.ID.Container())
		if err != nil {
			return err
		}
		if !found {
			return GroupNotFound(w.ID.ResourceGroup)
		}
		if resource.Text(group, "properties", "provisioningState") == "Deleting" {
			return Errorf(http.StatusConflict, "ResourceGroupBeingDeleted",
				"The resource group '%s' is in deprovisioning state and cannot perform this operation.", w.ID.ResourceGroup)
		}
	}
	parent := w.ID.Parent()
	if !parent.IsResource() {
		return nil
	}
	_, found, err := resource.Get(w.Tx, parent.String())
	if err != nil || found {
		return err
	}
	if t.Extension {
		return notFound(parent)
	}
	return Errorf(http.StatusNotFound, "ParentResourceNotFound",
		"Failed to perform 'write' on resource(s) of type '%s', because the parent resource '%s' could not be found.",
		strings.TrimPrefix(t.Name, w.ID.Namespace()+"/"), parent)
}

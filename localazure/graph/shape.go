package graph

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/store"
)

// show renders an object with the properties asked for.
func show(t *directory.Tx, o directory.Object, selected []string) (store.Tree, error) {
	tree := maps.Clone(o.Properties)
	if o.Kind == directory.Application || o.Type == directory.TypeServicePrincipal || o.Type == directory.TypeBlueprintPrincipal {
		secrets, err := t.Secrets(o.ID)
		if err != nil {
			return nil, err
		}
		tree["passwordCredentials"] = showSecrets(secrets)
	}
	tree = pick(tree, selected)
	// The type is told where it is not what the collection says.
	switch o.Type {
	case directory.TypeBlueprint, directory.TypeBlueprintPrincipal, directory.TypeAgentIdentity:
		tree["@odata.type"] = o.Type
	}
	return tree, nil
}

func pick(tree store.Tree, selected []string) store.Tree {
	if len(selected) == 0 {
		return tree
	}
	out := store.Tree{}
	for name, value := range tree {
		for _, s := range selected {
			if strings.EqualFold(s, name) {
				out[name] = value
			}
		}
	}
	return out
}

func showSecrets(secrets []directory.Secret) []any {
	out := make([]any, 0, len(secrets))
	for _, s := range secrets {
		out = append(out, showSecret(s))
	}
	return out
}

func showSecret(s directory.Secret) store.Tree {
	out := store.Tree{
		"keyId": s.KeyID, "displayName": s.DisplayName, "hint": s.Hint, "secretText": nil, "customKeyIdentifier": nil,
		"startDateTime": s.Start.UTC().Format(time.RFC3339), "endDateTime": s.End.UTC().Format(time.RFC3339),
	}
	if s.Text != "" {
		out["secretText"] = s.Text
	}
	return out
}

func (c call) context(of string) string {
	return "https://" + Host + "/" + c.path.version + "/$metadata#" + of
}

// entity answers with one object.
func (c call) entity(t *directory.Tx, status int, collection string, o directory.Object) (answer, error) {
	tree, err := show(t, o, c.query.selected)
	if err != nil {
		return answer{}, err
	}
	tree["@odata.context"] = c.context(collection + "/$entity")
	return answer{status, tree}, nil
}

// value answers with something that is no directory object.
func (c call) value(status int, of string, tree store.Tree) answer {
	out := maps.Clone(tree)
	out["@odata.context"] = c.context(of)
	return answer{status, out}
}

// page collects the objects of one page.
type page struct {
	c       call
	trees   []any
	last    string
	more    bool
	matched int
}

// add takes an object in if it matches and there is room. Objects come in the
// order of their ids.
func (p *page) add(t *directory.Tx, o directory.Object) error {
	if p.c.query.filter != nil && !p.c.query.filter(o.Properties) {
		return nil
	}
	p.matched++
	switch {
	case o.ID <= p.c.query.after:
		return nil
	case len(p.trees) == p.c.query.top:
		p.more = true
		return nil
	}
	tree, err := show(t, o, p.c.query.selected)
	if err != nil {
		return err
	}
	p.trees, p.last = append(p.trees, tree), o.ID
	return nil
}

// addTyped adds an object whose type the collection does not tell.
func (p *page) addTyped(t *directory.Tx, o directory.Object) error {
	before := len(p.trees)
	if err := p.add(t, o); err != nil || len(p.trees) == before {
		return err
	}
	p.trees[before].(store.Tree)["@odata.type"] = o.Type
	return nil
}

func (p *page) answer(collection string) answer {
	body := store.Tree{"@odata.context": p.c.context(collection), "value": p.trees}
	if p.trees == nil {
		body["value"] = []any{}
	}
	if p.c.query.count {
		body["@odata.count"] = p.matched
	}
	if p.more {
		body["@odata.nextLink"] = p.c.query.next(p.last)
	}
	return answer{http.StatusOK, body}
}

// list answers with the objects of a kind that admit lets through.
func (c call) list(t *directory.Tx, kind directory.Kind, collection string, admit func(directory.Object) bool) (answer, error) {
	p := &page{c: c}
	err := t.Objects(kind, func(o directory.Object) error {
		if !admit(o) {
			return nil
		}
		return p.add(t, o)
	})
	return p.answer(collection), err
}

// related answers with objects by their ids, each told with its type.
func (c call) related(t *directory.Tx, ids []string) (answer, error) {
	var objects []directory.Object
	for _, id := range ids {
		o, found, err := t.Object(id)
		if err != nil {
			return answer{}, err
		}
		if found {
			objects = append(objects, o)
		}
	}
	return c.typed(t, objects)
}

// typed answers with objects of several kinds, each told with its type.
func (c call) typed(t *directory.Tx, objects []directory.Object) (answer, error) {
	slices.SortFunc(objects, func(a, b directory.Object) int { return strings.Compare(a.ID, b.ID) })
	p := &page{c: c}
	for _, o := range objects {
		if !castTo(c.path.cast, o) {
			continue
		}
		if err := p.addTyped(t, o); err != nil {
			return answer{}, err
		}
	}
	return p.answer("directoryObjects"), nil
}

// castTo says whether an object is of the type of a cast segment, or of one
// that derives from it.
func castTo(cast string, o directory.Object) bool {
	own := strings.ToLower(strings.TrimPrefix(o.Type, "#microsoft.graph."))
	return cast == "" || cast == own || cast == strings.ToLower(string(o.Kind)) || cast == "directoryobject"
}

// typeOf reads the @odata.type of a body, whatever its case and whether or not
// it starts with a number sign.
func typeOf(body store.Tree) string {
	s, _ := body["@odata.type"].(string)
	name, _ := castOf(strings.TrimPrefix(s, "#"))
	return name
}

package agentid

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"
)

// The tags that bind an agent identity to what it was made for.
const (
	tagCluster = "kars-cluster-uid:"
	tagSandbox = "kars-sandbox-uid:"
	tagManaged = "kars-managed:true"
)

// ErrMismatch means that an identity is not the one of the sandbox it was
// asked for: another blueprint's, another cluster's or another sandbox's.
var ErrMismatch = errors.New("the agent identity does not belong to this sandbox")

// Identity is an agent identity as the directory holds it.
type Identity struct {
	ID          string    `json:"id"`
	AppID       string    `json:"appId"`
	DisplayName string    `json:"displayName"`
	BlueprintID string    `json:"agentIdentityBlueprintId"`
	Tags        []string  `json:"tags"`
	Created     time.Time `json:"createdDateTime"`
	// Enabled is nil where the directory did not say.
	Enabled *bool `json:"accountEnabled"`
}

// Graph sends one request to Microsoft Graph. The path begins with the API
// version. A refusal is a [*GraphError].
type Graph interface {
	Do(ctx context.Context, method, path string, in, out any) error
}

// DirectoryOptions say whose agent identities a [Directory] keeps.
type DirectoryOptions struct {
	Graph Graph
	// BlueprintID is the blueprint's application id.
	BlueprintID string
	// ClusterUID tells apart clusters that share a blueprint.
	ClusterUID string
	// Sponsors are object ids of users or groups. Entra demands one for every
	// agent identity that an application creates.
	Sponsors []string
	// SponsorURL is where sponsor references point,
	// https://graph.microsoft.com/v1.0 when empty.
	SponsorURL string
}

// Directory keeps the agent identities of one cluster under one blueprint. It
// is safe for concurrent use.
type Directory struct {
	o      DirectoryOptions
	flight singleflight.Group
}

// NewDirectory returns a Directory; it sends nothing.
func NewDirectory(o DirectoryOptions) *Directory {
	if o.SponsorURL == "" {
		o.SponsorURL = "https://graph.microsoft.com/v1.0"
	}
	return &Directory{o: o}
}

// Ensure returns the identity of the sandbox with this UID and gives it the
// display name. It creates one where there is none. known is the id that the
// sandbox's status records, or empty: reading by id is consistent, while a new
// identity may take a while to be found by its tag, and a second one would be
// created meanwhile.
func (d *Directory) Ensure(ctx context.Context, sandboxUID, displayName, known string) (Identity, error) {
	v, err, _ := d.flight.Do(sandboxUID, func() (any, error) {
		return d.ensure(ctx, sandboxUID, displayName, known)
	})
	if err != nil {
		return Identity{}, err
	}
	return v.(Identity), nil
}

func (d *Directory) ensure(ctx context.Context, sandboxUID, displayName, known string) (Identity, error) {
	id, err := d.current(ctx, sandboxUID, known)
	if err != nil {
		return Identity{}, err
	}
	if id.ID == "" {
		return d.create(ctx, sandboxUID, displayName)
	}
	if id.DisplayName == displayName {
		return id, nil
	}
	in := map[string]string{"displayName": displayName}
	if err := d.do(ctx, http.MethodPatch, "/servicePrincipals/"+url.PathEscape(id.ID), in, nil); err != nil {
		return Identity{}, fmt.Errorf("renaming agent identity %s: %w", id.ID, err)
	}
	id.DisplayName = displayName
	return id, nil
}

// current is the sandbox's identity, or the zero Identity.
func (d *Directory) current(ctx context.Context, sandboxUID, known string) (Identity, error) {
	if known != "" {
		id, err := d.Get(ctx, known, sandboxUID)
		if err == nil || !notOurs(err) {
			return id, err
		}
	}
	found, err := d.Find(ctx, sandboxUID)
	if err != nil || len(found) == 0 {
		return Identity{}, err
	}
	return found[0], nil
}

// notOurs reports whether a recorded identity is gone or was never this
// sandbox's under this blueprint, as after trust was set up anew. It is then
// left alone, and the sandbox gets one of its own.
func notOurs(err error) bool {
	e, ok := errors.AsType[*GraphError](err)
	return errors.Is(err, ErrMismatch) || ok && (e.Status == http.StatusNotFound || e.Status == http.StatusForbidden)
}

// Get reads one identity and checks that it is the sandbox's; if it is not,
// the error is [ErrMismatch].
func (d *Directory) Get(ctx context.Context, id, sandboxUID string) (Identity, error) {
	var found Identity
	path := "/servicePrincipals/" + url.PathEscape(id) + castSegment + "?" + selectFields
	if err := d.do(ctx, http.MethodGet, path, nil, &found); err != nil {
		return Identity{}, fmt.Errorf("reading agent identity %s: %w", id, err)
	}
	found.complete()
	if !d.owns(found, sandboxUID) {
		return Identity{}, fmt.Errorf("agent identity %s: %w", id, ErrMismatch)
	}
	return found, nil
}

// Find lists the identities of the sandbox with this UID, oldest first. More
// than one exists only where a creation was repeated before the first could
// be found; the oldest is the one in use.
func (d *Directory) Find(ctx context.Context, sandboxUID string) ([]Identity, error) {
	filter := "tags/any(t:t eq '" + strings.ReplaceAll(tagSandbox+sandboxUID, "'", "''") + "')"
	path := "/servicePrincipals" + castSegment + "?$filter=" + url.QueryEscape(filter) + "&" + selectFields
	found, err := d.list(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("finding the agent identity of sandbox %s: %w", sandboxUID, err)
	}
	found = slices.DeleteFunc(found, func(id Identity) bool { return !d.owns(id, sandboxUID) })
	slices.SortFunc(found, func(a, b Identity) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	return found, nil
}

// Delete deletes every identity of the sandbox with this UID and returns their
// ids. That there are none is no error.
func (d *Directory) Delete(ctx context.Context, sandboxUID, known string) ([]string, error) {
	found, err := d.Find(ctx, sandboxUID)
	if err != nil {
		return nil, err
	}
	if known != "" && !slices.ContainsFunc(found, func(id Identity) bool { return id.ID == known }) {
		id, err := d.Get(ctx, known, sandboxUID)
		switch {
		case err == nil:
			found = append(found, id)
		case !notOurs(err):
			return nil, err
		}
	}
	var deleted []string
	for _, id := range found {
		err := d.do(ctx, http.MethodDelete, "/servicePrincipals/"+url.PathEscape(id.ID), nil, nil)
		if err != nil && !IsNotFound(err) {
			return deleted, fmt.Errorf("deleting agent identity %s: %w", id.ID, err)
		}
		deleted = append(deleted, id.ID)
	}
	return deleted, nil
}

func (d *Directory) create(ctx context.Context, sandboxUID, displayName string) (Identity, error) {
	in := map[string]any{
		"displayName":              displayName,
		"agentIdentityBlueprintId": d.o.BlueprintID,
		"tags":                     []string{tagManaged, tagCluster + d.o.ClusterUID, tagSandbox + sandboxUID},
	}
	var created Identity
	err := d.do(ctx, http.MethodPost, "/servicePrincipals"+castSegment, d.sponsored(in, "users"), &created)
	if len(d.o.Sponsors) > 0 && badReference(err) {
		// A sponsor may be a group, which only the general form reaches.
		err = d.do(ctx, http.MethodPost, "/servicePrincipals"+castSegment, d.sponsored(in, "directoryObjects"), &created)
	}
	if err != nil {
		return Identity{}, fmt.Errorf("creating the agent identity %s: %w", displayName, err)
	}
	created.complete()
	if created.ID == "" {
		return Identity{}, fmt.Errorf("creating the agent identity %s: the answer holds no id", displayName)
	}
	return created, nil
}

// sponsored adds the sponsors, as references of the kind. An empty list is
// refused, where a missing one may be accepted.
func (d *Directory) sponsored(in map[string]any, kind string) map[string]any {
	if len(d.o.Sponsors) == 0 {
		return in
	}
	refs := make([]string, len(d.o.Sponsors))
	for i, id := range d.o.Sponsors {
		refs[i] = d.o.SponsorURL + "/" + kind + "/" + url.PathEscape(id)
	}
	out := maps.Clone(in)
	out["sponsors@odata.bind"] = refs
	return out
}

// badReference reports whether Graph could not resolve a reference.
func badReference(err error) bool {
	e, ok := errors.AsType[*GraphError](err)
	return ok && (e.Status == http.StatusBadRequest || e.Status == http.StatusNotFound)
}

// owns reports whether the identity is this blueprint's, this cluster's and
// this sandbox's. The tags are not the caller's word: whoever asks for a token
// has no way to write them.
func (d *Directory) owns(id Identity, sandboxUID string) bool {
	return strings.EqualFold(id.BlueprintID, d.o.BlueprintID) &&
		slices.Contains(id.Tags, tagCluster+d.o.ClusterUID) &&
		slices.Contains(id.Tags, tagSandbox+sandboxUID)
}

// complete fills the application id, which for an agent identity is its id.
func (id *Identity) complete() {
	if id.AppID == "" {
		id.AppID = id.ID
	}
}

package arm

import (
	"context"
	"net/http"
	"regexp"
	"slices"

	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/entra"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// Provider is a resource provider: the types of one namespace, and what it
// answers that is no resource.
type Provider struct {
	Namespace string
	Types     []Type
	Routes    []Route
}

// Type is a resource type. What its hooks leave out is the same for all types:
// ids, groups and parents that must be there, regions, tags, identities,
// unknown properties kept, lists, patches, deletion of what lies below.
type Type struct {
	Name        string   // Microsoft.Network/virtualNetworks
	APIVersions []string // newest first; what the provider lists. A request may use any
	// Regional types require a location.
	Regional bool
	// Regions, if set, are the names of those that offer the type; else all do.
	Regions []string
	// Extension types may lie at any scope, as role assignments do.
	Extension bool
	// Subscription types may lie at a subscription, without a group.
	Subscription bool
	// NameRule, if set, is what a new resource's name must match;
	// learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules.
	NameRule *regexp.Regexp
	// NameError makes the provider's own error for a name that breaks the rule;
	// nil for ARM's.
	NameError func(name string) *Error

	// Prepare completes and checks w.New before it is stored.
	Prepare func(ctx context.Context, w *Write) error
	// Provision brings about what was stored, after the answer. Types without
	// it are Succeeded when they are stored. It must be idempotent: a local
	// Azure that was killed starts it again.
	Provision func(ctx context.Context, id armid.ID) error
	// Remove is called before a resource is taken out of the store.
	Remove func(ctx context.Context, w *Write) error
	// Destroy, if set, ends what Provision brought about, after the answer to
	// the deletion. It must be idempotent.
	Destroy func(ctx context.Context, id armid.ID) error
	// Operations are what can be posted to a resource, by lower-case name.
	Operations map[string]Handler
	// List, if set, answers for the type's collection at or below a scope.
	List Handler
	// Validate, if set, checks a write of a deployment before the deployment
	// begins, as the resource providers do that take part in ARM's validation.
	// It changes nothing; what else the deployment writes may not be there yet.
	Validate func(ctx context.Context, w *Write) error
	// Attributes, if set, returns what the conditions of role assignments may
	// ask about a write (stored is nil on creation) or a deletion (sent is nil).
	Attributes func(stored, sent store.Tree) map[string]any
	// Own, if set, says that a write is the caller's own affair and needs no
	// permission.
	Own func(c entra.Claims, body store.Tree) bool
	// Preflight, if set, checks a write before its transaction.
	Preflight func(ctx context.Context, w *Write) error
	// Exclusive, if set, admits a write or deletion that may not run beside
	// another, until release is called.
	Exclusive func(id armid.ID) (release func(), err error)
	// Poll, if set, says where the operations of the type are asked for.
	Poll func(r *Request, operation string) http.Header
	// ReadOnly types are not written or deleted through their resource ids.
	ReadOnly bool
	// Shown is the type that trees show, where it is not Name.
	Shown string
	// AlwaysCreated types answer every PUT with 201.
	AlwaysCreated bool
	// NoContent types answer every deletion with 204.
	NoContent bool
}

// OfferedIn reports whether resources of a regional type can be in a region.
func (t Type) OfferedIn(region string) bool {
	return len(t.Regions) == 0 || slices.Contains(t.Regions, region)
}

// Write is one change to a resource.
type Write struct {
	ID         armid.ID
	APIVersion string
	Caller     entra.Claims
	Old        store.Tree // as stored; nil on creation
	New        store.Tree // as sent, to be completed; nil on deletion
	Tx         *store.Tx  // the change is one transaction
	// Operation, when Prepare sets it, is started once the change is committed.
	Operation *Operation
	// With are the resources that the deployment which is validated writes.
	With []resource.Resource
}

// Beside returns what the deployment that is validated writes to an id, or nil.
func (w *Write) Beside(id armid.ID) store.Tree {
	for _, r := range w.With {
		if armid.Equal(r.ID.String(), id.String()) {
			return r.Tree
		}
	}
	return nil
}

// Created says whether the write makes a new resource.
func (w *Write) Created() bool { return w.Old == nil }

// Handler answers a request that was authorised.
type Handler func(ctx context.Context, r *Request) (*Response, error)

// Request is an authorised request.
type Request struct {
	*http.Request
	ID         armid.ID          // of what is asked, where the path is an id
	Params     map[string]string // of the route's pattern
	APIVersion string
	Caller     entra.Claims
	Body       store.Tree // nil without a body
}

// Response is what a handler answers.
type Response struct {
	Status int
	Header http.Header
	Body   any // encoded as JSON; nil for none
}

// OK is the answer 200 with a body.
func OK(body any) *Response { return &Response{Status: http.StatusOK, Body: body} }

// Page is a list, or a part of one.
type Page struct {
	Value    any    `json:"value"`
	NextLink string `json:"nextLink,omitempty"`
}

// Route is something that a provider answers besides its resources.
type Route struct {
	Method string
	// Pattern is a path whose segments in braces match anything:
	// "/subscriptions/{subscription}/locations". A leading "{scope...}"
	// matches any scope.
	Pattern string
	// Read says that a POST changes nothing.
	Read bool
	// Open routes ask for a token, and for no permission: their answer holds
	// only what the caller may see.
	Open bool
	// Registered routes are refused while the subscription is not registered to
	// use the provider, as ARM refuses all that it hands on to one.
	Registered bool
	Handle     Handler
}

// Immediately provisions what is done once it is stored, for types whose
// writes Azure answers before they are complete.
func Immediately(context.Context, armid.ID) error { return nil }

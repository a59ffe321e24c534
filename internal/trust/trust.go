// Package trust sets up, in Microsoft Entra, what a cluster's agent identities
// derive from: the agent identity blueprint, its principal, and the federated
// credential by which the cluster's broker proves to be it. [Ensure] brings
// all three to what a [Request] says, from whatever is there, and [Config]
// writes it down as the KarsAuthConfig that the cluster reads.
//
// A blueprint is a trust boundary: who holds it can sign in as each of its
// agents. It is therefore found by the id that an earlier KarsAuthConfig
// recorded, or by a tag on one that the caller owns, and never by its name
// alone.
package trust

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/azure/cloud"
	"github.com/kars-dev/kars/internal/barrier"
)

// Graph sends one request to Microsoft Graph; internal/azure/graph's client
// does. The path begins with the API version.
type Graph interface {
	Do(ctx context.Context, method, path string, in, out any) error
}

// Request says what trust to bring about.
type Request struct {
	// Cloud is the Azure cloud; cloud.Public if zero.
	Cloud cloud.Cloud
	// TenantID is the tenant of the blueprint.
	TenantID string
	// Cluster identifies the cluster, by its ARM id; its blueprint is tagged
	// with it. A blueprint that several clusters share has none.
	Cluster string
	// BlueprintName is the display name of a blueprint that is made.
	BlueprintName string
	// BlueprintAppID names a blueprint that someone else made, by its
	// application id. It is used as it is and never changed, but for the
	// federated credential.
	BlueprintAppID string
	// RecordedObjectID is the blueprint's object id in the cluster's present
	// KarsAuthConfig, if there is one.
	RecordedObjectID string
	// CallerID is the object id of who runs the setup; a blueprint that is
	// found by its tag must be owned by them.
	CallerID string
	// CallerIsUser makes the caller an owner by reference to a user.
	CallerIsUser bool
	// Sponsors answer for blueprint and agents. Entra demands at least one.
	Sponsors []Sponsor
	// ServiceManagementReference is sent if it is not empty (--service-tree).
	ServiceManagementReference string

	// Controller says how the broker proves to be the blueprint.
	Controller v1alpha1.ControllerCredential
	// Issuer is the cluster's OIDC issuer, for CredentialWorkloadIdentity.
	Issuer string

	// FoundryRbac are the roles that every agent identity gets.
	FoundryRbac []v1alpha1.ScopedRoles
	// DownstreamAPIs are those that agents may call.
	DownstreamAPIs map[string]v1alpha1.DownstreamAPI

	// Clock lets time pass while directory replicas catch up; the system's if nil.
	Clock barrier.Clock
}

// Sponsor is a user or group that answers for agents.
type Sponsor struct {
	ID    string
	Group bool
}

// Status says what became of one object.
type Status string

// What became of an object.
const (
	Created   Status = "created"
	Updated   Status = "updated"
	Unchanged Status = "unchanged"
	Deleted   Status = "deleted"
)

// Change is what became of one object.
type Change struct {
	// What is blueprint, principal or federated credential.
	What   string
	ID     string
	Status Status
}

// Result is the trust as it is in Entra now.
type Result struct {
	AppID       string // of the blueprint
	ObjectID    string // of its application
	PrincipalID string // of its service principal
	Changes     []Change
}

// Status is Created if anything was, else Updated if anything was.
func (r Result) Status() Status {
	out := Unchanged
	for _, c := range r.Changes {
		if c.Status == Created || (c.Status == Updated && out == Unchanged) {
			out = c.Status
		}
	}
	return out
}

// NotPermittedError means that the caller's directory roles or the client's
// permissions do not suffice. Callers go on in the anonymous tier.
type NotPermittedError struct {
	// Operation that was refused.
	Operation string
	Err       error
}

func (e *NotPermittedError) Error() string {
	return fmt.Sprintf("%s: %v; it takes the directory role Agent ID Administrator or Agent ID Developer", e.Operation, e.Err)
}

// Unwrap returns Graph's refusal.
func (e *NotPermittedError) Unwrap() error { return e.Err }

// ErrForeign means that a blueprint carries this cluster's tag and is not owned
// by the caller. Whoever owns it could sign in as the cluster's agents.
var ErrForeign = errors.New("a blueprint with this cluster's tag belongs to someone else")

// Ensure brings blueprint, principal and federated credential to what the
// request says. It may be repeated at any time: what is right is left alone.
func Ensure(ctx context.Context, g Graph, r Request) (Result, error) {
	if err := r.check(); err != nil {
		return Result{}, err
	}
	if r.Cloud.Name == "" {
		r.Cloud = cloud.Public
	}
	s := setup{graph: g, r: r}
	app, status, err := s.blueprint(ctx)
	if err != nil {
		return Result{}, permission("setting up the blueprint", err)
	}
	out := Result{AppID: app.AppID, ObjectID: app.ID, Changes: []Change{{"blueprint", app.ID, status}}}
	principal, status, err := s.principal(ctx, app)
	if err != nil {
		return out, permission("setting up the blueprint's principal", err)
	}
	out.PrincipalID = principal
	out.Changes = append(out.Changes, Change{"principal", principal, status})
	credential, status, err := s.federate(ctx, app)
	if err != nil {
		return out, permission("setting up the blueprint's federated credential", err)
	}
	out.Changes = append(out.Changes, Change{"federated credential", credential, status})
	return out, nil
}

// Remove deletes the cluster's blueprint, and with it principal, credential and
// the right to sign in as its agents. One that someone else made, or that other
// clusters share, stays.
func Remove(ctx context.Context, g Graph, r Request) (Change, error) {
	if r.Cloud.Name == "" {
		r.Cloud = cloud.Public
	}
	s := setup{graph: g, r: r}
	if r.Cluster == "" || r.BlueprintAppID != "" {
		return Change{What: "blueprint", Status: Unchanged}, nil
	}
	app, err := s.find(ctx)
	if err != nil {
		return Change{}, permission("finding the blueprint", err)
	}
	if app.ID == "" || !app.tagged(r.Cluster) {
		return Change{What: "blueprint", Status: Unchanged}, nil
	}
	if err := s.do(ctx, http.MethodDelete, blueprintPath(app.ID), nil, nil); err != nil && !notFound(err) {
		return Change{}, permission("deleting the blueprint", err)
	}
	return Change{What: "blueprint", ID: app.ID, Status: Deleted}, nil
}

func (r Request) check() error {
	switch {
	case r.TenantID == "":
		return errors.New("trust: the tenant is needed")
	case r.BlueprintName == "" && r.BlueprintAppID == "":
		return errors.New("trust: a name or an application id of the blueprint is needed")
	case r.BlueprintAppID == "" && len(r.Sponsors) == 0:
		return errors.New("trust: a sponsor is needed")
	case r.BlueprintAppID == "" && r.CallerID == "":
		return errors.New("trust: the caller's object id is needed")
	}
	switch r.Controller.CredentialMode {
	case v1alpha1.CredentialWorkloadIdentity:
		if r.Issuer == "" {
			return errors.New("trust: the cluster's OIDC issuer is needed")
		}
	case v1alpha1.CredentialManagedIdentity:
		if r.Controller.ManagedIdentityPrincipalID == "" {
			return errors.New("trust: the managed identity's object id is needed")
		}
	default:
		return fmt.Errorf("trust: credential mode %q is not known", r.Controller.CredentialMode)
	}
	return nil
}

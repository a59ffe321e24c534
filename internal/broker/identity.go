package broker

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"unicode"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/broker/client"
)

// maxDisplayName is Entra's limit for a service principal's display name, in
// characters; learn.microsoft.com/graph/api/resources/serviceprincipal
const maxDisplayName = 256

// ensureIdentity answers PUT /v1/identities/{namespace}/{name}.
func (s *Server) ensureIdentity(ctx context.Context, r *http.Request) (any, error) {
	if err := s.authenticateController(ctx, r); err != nil {
		return nil, err
	}
	var in client.EnsureRequest
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	if err := checkNames(in.UID, in.DisplayName); err != nil {
		return nil, err
	}
	sandbox, err := s.named(ctx, r, in.UID)
	if err != nil {
		return nil, err
	}
	if sandbox.DeletionTimestamp != nil {
		return nil, conflict(fmt.Sprintf("KarsSandbox %s/%s is being deleted", sandbox.Namespace, sandbox.Name))
	}
	trust, err := s.o.Trust(ctx)
	if err != nil {
		return nil, err
	}
	known := ""
	if sandbox.Status.AgentIdentity != nil {
		known = sandbox.Status.AgentIdentity.ObjectID
	}
	id, err := trust.Directory.Ensure(ctx, in.UID, in.DisplayName, known)
	if err != nil {
		return nil, fromAzure(err)
	}
	s.o.Log.Info("ensured an agent identity",
		"sandbox", sandbox.Namespace+"/"+sandbox.Name, "sandboxUID", in.UID, "appid", id.AppID, "displayName", id.DisplayName)
	return client.Identity{AppID: id.AppID, ObjectID: id.ID, DisplayName: id.DisplayName}, nil
}

// deleteIdentity answers DELETE /v1/identities/{namespace}/{name}?uid=…. The
// resource may be gone; a living one of this UID keeps its identity.
func (s *Server) deleteIdentity(ctx context.Context, r *http.Request) (any, error) {
	if err := s.authenticateController(ctx, r); err != nil {
		return nil, err
	}
	uid := r.URL.Query().Get("uid")
	if err := checkNames(uid, "-"); err != nil {
		return nil, err
	}
	trust, err := s.o.Trust(ctx)
	if err != nil {
		return nil, err
	}
	known, err := s.recorded(ctx, r, uid)
	if err != nil {
		return nil, err
	}
	deleted, err := trust.Directory.Delete(ctx, uid, known)
	s.verified.forget(uid)
	for _, id := range deleted {
		trust.Exchange.Forget(id)
		s.o.Log.Info("deleted an agent identity",
			"sandbox", r.PathValue("namespace")+"/"+r.PathValue("name"), "sandboxUID", uid, "appid", id)
	}
	if err != nil {
		return nil, fromAzure(err)
	}
	return nil, nil
}

// named finds the KarsSandbox of the path and checks its UID.
func (s *Server) named(ctx context.Context, r *http.Request, uid string) (*v1alpha1.KarsSandbox, error) {
	key := types.NamespacedName{Namespace: r.PathValue("namespace"), Name: r.PathValue("name")}
	var sandbox v1alpha1.KarsSandbox
	err := s.o.Cluster.Get(ctx, key, &sandbox)
	if apierrors.IsNotFound(err) || (err == nil && string(sandbox.UID) != uid) {
		// The broker's watch may be a moment behind the controller's.
		return nil, refusal(http.StatusNotFound, client.CodeNotFound, fmt.Sprintf("there is no KarsSandbox %s with UID %s", key, uid))
	}
	if err != nil {
		return nil, fmt.Errorf("reading KarsSandbox %s: %w", key, err)
	}
	return &sandbox, nil
}

// recorded returns the identity's id from the resource's status, where the
// resource still exists.
func (s *Server) recorded(ctx context.Context, r *http.Request, uid string) (string, error) {
	sandbox, err := s.named(ctx, r, uid)
	switch {
	case client.IsCode(err, client.CodeNotFound):
		return "", nil
	case err != nil:
		return "", err
	case sandbox.DeletionTimestamp == nil:
		return "", unavailable(fmt.Sprintf("KarsSandbox %s/%s is not being deleted, as far as the broker has seen", sandbox.Namespace, sandbox.Name))
	case sandbox.Status.AgentIdentity == nil:
		return "", nil
	}
	return sandbox.Status.AgentIdentity.ObjectID, nil
}

func checkNames(uid, displayName string) error {
	if uid == "" || len(uid) > 64 || strings.ContainsFunc(uid, func(r rune) bool {
		return r != '-' && (r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r))
	}) {
		return badRequest("uid is not that of a Kubernetes object")
	}
	if n := len([]rune(displayName)); n == 0 || n > maxDisplayName || strings.ContainsFunc(displayName, unicode.IsControl) {
		return badRequest(fmt.Sprintf("displayName must have 1 to %d printable characters", maxDisplayName))
	}
	return nil
}

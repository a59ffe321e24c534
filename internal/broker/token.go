package broker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/agentid"
	"github.com/kars-dev/kars/internal/broker/client"
)

// token answers POST /v1/token.
func (s *Server) token(ctx context.Context, r *http.Request) (any, error) {
	c, err := s.authenticate(ctx, r, AudienceToken)
	if err != nil {
		return nil, err
	}
	var in client.TokenRequest
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	sandbox, err := s.sandboxOf(ctx, c)
	if err != nil {
		return nil, err
	}
	trust, err := s.o.Trust(ctx)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(trust.Resources, strings.TrimSuffix(in.Resource, "/")) {
		return nil, refusal(http.StatusForbidden, client.CodeResourceNotAllowed,
			fmt.Sprintf("KarsAuthConfig/%s names no downstream API with the resource %q", v1alpha1.AuthConfigName, in.Resource))
	}
	id, err := s.identityOf(ctx, trust, sandbox)
	if err != nil {
		return nil, err
	}
	t, err := trust.Exchange.AgentToken(ctx, id, strings.TrimSuffix(in.Resource, "/"))
	if err != nil {
		return nil, fromAzure(err)
	}
	s.o.Log.Info("issued an agent token",
		"sandbox", sandbox.Namespace+"/"+sandbox.Name, "sandboxUID", sandbox.UID, "appid", id, "aud", in.Resource,
		"pod", c.namespace+"/"+c.podName, "podUID", c.podUID, "node", c.node, "expires", t.ExpiresOn)
	return client.TokenReply{AccessToken: t.Value, ExpiresOn: t.ExpiresOn.Unix()}, nil
}

// identityOf returns the application id recorded in the sandbox's status once
// the directory has confirmed that it carries this sandbox's tag. A status
// alone is not believed: whoever may write one could name another sandbox's
// identity.
func (s *Server) identityOf(ctx context.Context, trust *Acting, sandbox *v1alpha1.KarsSandbox) (string, error) {
	recorded := sandbox.Status.AgentIdentity
	if recorded == nil || recorded.ObjectID == "" {
		return "", pending(fmt.Sprintf("KarsSandbox %s/%s has no agent identity yet", sandbox.Namespace, sandbox.Name))
	}
	appID, err := s.verified.check(trust, string(sandbox.UID), recorded.ObjectID, func() (agentid.Identity, error) {
		return trust.Directory.Get(ctx, recorded.ObjectID, string(sandbox.UID))
	})
	if errors.Is(err, errDisabled) {
		return "", forbidden(fmt.Sprintf("agent identity %s is disabled", recorded.ObjectID))
	}
	if err != nil {
		return "", fromAzure(err)
	}
	return appID, nil
}

package broker

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	authentication "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kars-dev/kars/api/v1alpha1"
)

// Reviewer creates a TokenReview; client-go's TokenReviewInterface is one.
type Reviewer interface {
	Create(ctx context.Context, review *authentication.TokenReview, o metav1.CreateOptions) (*authentication.TokenReview, error)
}

// The keys under which the API server says to what a token is bound;
// kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin
const (
	extraPodName = "authentication.kubernetes.io/pod-name"
	extraPodUID  = "authentication.kubernetes.io/pod-uid"
	extraNode    = "authentication.kubernetes.io/node-name"
)

// maxToken bounds a bearer token before it is sent for review.
const maxToken = 8 << 10

// caller is who sent a request, in the API server's words.
type caller struct {
	namespace, serviceAccount string
	podName, podUID, node     string
}

func (c caller) String() string { return c.namespace + "/" + c.serviceAccount }

// authenticate reviews the request's bearer token for one audience.
func (s *Server) authenticate(ctx context.Context, r *http.Request, audience string) (caller, error) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxToken {
		return caller{}, unauthenticated("a service-account token is needed")
	}
	review, err := s.o.Review.Create(ctx, &authentication.TokenReview{
		Spec: authentication.TokenReviewSpec{Token: token, Audiences: []string{audience}},
	}, metav1.CreateOptions{})
	if err != nil {
		// The error could quote the object that was sent: its reason must do.
		s.o.Log.Error("reviewing a token", "reason", apierrors.ReasonForError(err))
		return caller{}, unavailable("the API server could not review the token")
	}
	return reviewed(review.Status, audience)
}

// reviewed reads the caller out of a review.
func reviewed(status authentication.TokenReviewStatus, audience string) (caller, error) {
	// An authenticator that does not know audiences returns none; such a token
	// was not meant for the broker.
	if !status.Authenticated || !slices.Contains(status.Audiences, audience) {
		return caller{}, unauthenticated(fmt.Sprintf("the token is not valid for the audience %s", audience))
	}
	rest, ok := strings.CutPrefix(status.User.Username, "system:serviceaccount:")
	namespace, name, ok2 := strings.Cut(rest, ":")
	if !ok || !ok2 || namespace == "" || name == "" {
		return caller{}, forbidden("only service accounts may ask")
	}
	return caller{
		namespace:      namespace,
		serviceAccount: name,
		podName:        single(status.User.Extra[extraPodName]),
		podUID:         single(status.User.Extra[extraPodUID]),
		node:           single(status.User.Extra[extraNode]),
	}, nil
}

func single(v authentication.ExtraValue) string {
	if len(v) != 1 {
		return ""
	}
	return v[0]
}

// authenticateController admits the controller's service account alone.
func (s *Server) authenticateController(ctx context.Context, r *http.Request) error {
	c, err := s.authenticate(ctx, r, AudienceAdmin)
	if err != nil {
		return err
	}
	if c.namespace != v1alpha1.SystemNamespace || c.serviceAccount != controllerAccount {
		return forbidden(c.String() + " is not the controller")
	}
	return nil
}

// controllerAccount is the service account of the controller.
const controllerAccount = "kars-controller"

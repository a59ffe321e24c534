package kube

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Right is something that the caller may do in a cluster, or not.
type Right struct {
	Verb      string `json:"verb"`
	Group     string `json:"group,omitempty"` // of the API; empty for the core group
	Resource  string `json:"resource"`        // in the plural
	Namespace string `json:"namespace,omitempty"`
}

// String is the right as a person says it: "create deployments.apps in kars-system".
func (r Right) String() string {
	s := r.Verb + " " + r.Resource
	if r.Group != "" {
		s += "." + r.Group
	}
	if r.Namespace != "" {
		s += " in " + r.Namespace
	}
	return s
}

// Standing is what a cluster says of the caller's rights and of what is
// installed.
type Standing struct {
	Denied []Right `json:"denied,omitempty"` // of those that were asked about
	// Definitions are the versions that each custom resource definition serves,
	// by its name, of those that were asked about and are there.
	Definitions map[string][]string `json:"definitions,omitempty"`
	// CertManager is the tag of cert-manager's controller, as "v1.14.2"; empty if
	// there is none, or it is installed under another image's name.
	CertManager string `json:"certManager,omitempty"`
}

// Question is what [Client.Standing] asks.
type Question struct {
	Rights      []Right
	Definitions []string // names, as "certificates.cert-manager.io"
	CertManager bool
}

// Standing asks for all of it at the same time. Who may not read something
// gets an error; a cluster that lacks it does not.
// kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
func (c *Client) Standing(ctx context.Context, q Question) (Standing, error) {
	denied := make([]bool, len(q.Rights))
	versions := make([][]string, len(q.Definitions))
	out := Standing{Definitions: map[string][]string{}}
	g, ctx := errgroup.WithContext(ctx)
	for i, right := range q.Rights {
		g.Go(func() (err error) {
			denied[i], err = c.denied(ctx, right)
			return err
		})
	}
	for i, name := range q.Definitions {
		g.Go(func() (err error) {
			versions[i], err = c.served(ctx, name)
			return err
		})
	}
	if q.CertManager {
		g.Go(func() (err error) {
			out.CertManager, err = c.certManager(ctx)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return Standing{}, err
	}
	for i, right := range q.Rights {
		if denied[i] {
			out.Denied = append(out.Denied, right)
		}
	}
	for i, name := range q.Definitions {
		if versions[i] != nil {
			out.Definitions[name] = versions[i]
		}
	}
	return out, nil
}

func (c *Client) denied(ctx context.Context, r Right) (bool, error) {
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: r.Verb, Group: r.Group, Resource: r.Resource, Namespace: r.Namespace},
	}}
	answer, err := c.clientset.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("asking whether the caller may %s: %w", r, err)
	}
	return !answer.Status.Allowed, nil
}

// served lists the versions that a definition serves; nil if it is not there.
func (c *Client) served(ctx context.Context, name string) ([]string, error) {
	var d apiextensionsv1.CustomResourceDefinition
	err := c.client.Get(ctx, client.ObjectKey{Name: name}, &d)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the custom resource definition %s: %w", name, err)
	}
	versions := []string{}
	for _, v := range d.Spec.Versions {
		if v.Served {
			versions = append(versions, v.Name)
		}
	}
	slices.Sort(versions)
	return versions, nil
}

// certManager finds the controller by its labels, which its chart and its
// manifests share, in whatever namespace it runs.
// cert-manager.io/docs/installation/helm
func (c *Client) certManager(ctx context.Context) (tag string, err error) {
	list, err := c.clientset.AppsV1().Deployments(metav1.NamespaceAll).List(ctx, metav1.ListOptions{
		LabelSelector: "app.kubernetes.io/name=cert-manager,app.kubernetes.io/component=controller",
	})
	if err != nil {
		return "", fmt.Errorf("looking for cert-manager: %w", err)
	}
	for _, d := range list.Items {
		for _, container := range d.Spec.Template.Spec.Containers {
			if tag := imageTag(container.Image); tag != "" && strings.Contains(container.Image, "cert-manager-controller") {
				return tag, nil
			}
		}
		// An image mirrored by digest has no tag; the chart says its version here.
		if version := d.Labels["app.kubernetes.io/version"]; version != "" {
			return version, nil
		}
	}
	return "", nil
}

// imageTag is the tag of an image's reference; "" where it has none.
func imageTag(image string) string {
	image, _, _ = strings.Cut(image, "@")
	name := image[strings.LastIndexByte(image, '/')+1:]
	_, tag, _ := strings.Cut(name, ":")
	return tag
}

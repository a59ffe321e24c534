package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/home"
	"github.com/kars-dev/kars/internal/kube"
	"github.com/kars-dev/kars/internal/provision"
	"github.com/kars-dev/kars/internal/report"
)

// status is the document of `kars status`.
type status struct {
	APIVersion    string          `json:"apiVersion"`
	Kind          string          `json:"kind"`
	Context       string          `json:"context"`
	Subscription  string          `json:"subscriptionId"`
	ResourceGroup string          `json:"resourceGroup"`
	Tier          provision.Tier  `json:"tier"`
	Trust         *trustStatus    `json:"trust,omitempty"`
	Sandboxes     []sandboxStatus `json:"sandboxes"`
	Notes         []string        `json:"notes"`
}

type trustStatus struct {
	Blueprint string `json:"blueprintClientId"`
	Phase     string `json:"phase"`
}

type sandboxStatus struct {
	provision.Sandbox
	Pod        string            `json:"pod,omitempty"`
	PodSpace   string            `json:"podNamespace,omitempty"`
	Conditions []conditionStatus `json:"conditions"`
}

type conditionStatus struct {
	Type    string `json:"type"`
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Message string `json:"message,omitempty"`
}

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "What there is, what state it is in, and why", Args: noArgs,
		Example: "  kars status\n  kars status -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			k, x, err := a.cluster(cmd.Context())
			if err != nil {
				return err
			}
			s, err := a.readStatus(cmd.Context(), k, x)
			if err != nil {
				return err
			}
			return a.printer.Document(s, func(w io.Writer) { writeStatus(w, s) })
		},
	}
}

func (a *app) readStatus(ctx context.Context, k *kube.Client, x home.Context) (status, error) {
	s := status{
		APIVersion: report.APIVersion, Kind: "Status", Context: x.Name, Subscription: x.Subscription, ResourceGroup: x.ResourceGroup,
		Tier: provision.TierAnonymous, Sandboxes: []sandboxStatus{}, Notes: []string{},
	}
	if x.Local {
		s.Notes = append(s.Notes, "NetworkPolicies are created but the local cluster does not enforce them; AKS does")
	}
	var auth v1alpha1.KarsAuthConfig
	err := k.Client().Get(ctx, client.ObjectKey{Name: "default"}, &auth)
	if client.IgnoreNotFound(err) != nil {
		return s, fmt.Errorf("reading the trust: %w", err)
	}
	if err == nil {
		s.Tier = provision.TierEntra
		s.Trust = &trustStatus{auth.Spec.AgentID.BlueprintClientID, string(auth.Status.Phase)}
	}
	var all v1alpha1.KarsSandboxList
	if err := k.Client().List(ctx, &all, client.InNamespace(a.flags.namespace)); err != nil {
		return s, fmt.Errorf("listing sandboxes: %w", err)
	}
	for i := range all.Items {
		s.Sandboxes = append(s.Sandboxes, showStatus(&all.Items[i]))
	}
	return s, nil
}

func showStatus(sb *v1alpha1.KarsSandbox) sandboxStatus {
	out := sandboxStatus{
		Sandbox: provision.ShowSandbox(sb), Pod: sb.Status.Pod, PodSpace: sb.Status.Namespace, Conditions: []conditionStatus{},
	}
	for _, c := range sb.Status.Conditions {
		out.Conditions = append(out.Conditions, conditionStatus{c.Type, string(c.Status), c.Reason, c.Message})
	}
	return out
}

func writeStatus(w io.Writer, s status) {
	_, _ = fmt.Fprintf(w, "context      %s (group %s)\ntier         %s\n", s.Context, s.ResourceGroup, s.Tier)
	if s.Trust != nil {
		_, _ = fmt.Fprintf(w, "trust        blueprint %s, %s\n", s.Trust.Blueprint, s.Trust.Phase)
	}
	for _, sb := range s.Sandboxes {
		identity := "no identity"
		if sb.AgentIdentity != nil {
			identity = sb.AgentIdentity.DisplayName + " " + sb.AgentIdentity.AppID
		}
		_, _ = fmt.Fprintf(w, "sandbox      %s: %s, %s\n", sb.Name, sb.Phase, identity)
		for _, c := range sb.Conditions {
			if c.Status != "True" {
				_, _ = fmt.Fprintf(w, "             %s is %s: %s: %s\n", c.Type, c.Status, c.Reason, c.Message)
			}
		}
	}
	for _, n := range s.Notes {
		_, _ = fmt.Fprintf(w, "note         %s\n", n)
	}
}

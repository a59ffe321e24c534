package provision

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/event"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/trust"
)

// Caller is who runs the steps; they become the blueprint's owner and sponsor.
type Caller struct {
	ObjectID string
	IsUser   bool
}

const trustDetail = "blueprint, its principal, controller identity, federated credential"

// applyTrust sets up what agent identities derive from. In the automatic mode
// a caller whose directory roles do not suffice ends in the anonymous tier,
// with a warning that names the cause (U35).
func applyTrust(ctx context.Context, r *Run) (event.Status, string, error) {
	if err := r.readTier(ctx); err != nil {
		return "", "", err
	}
	if r.Plan.Options.MeshTrust == plan.TrustAnonymous {
		return event.Skipped, "anonymous tier, as asked", nil
	}
	status, err := r.setUpTrust(ctx)
	var refused *trust.NotPermittedError
	if errors.As(err, &refused) && r.Plan.Options.MeshTrust == plan.TrustAuto {
		r.warnSkipped(refused)
		return event.Skipped, "anonymous tier: no right to make the blueprint", nil
	}
	if err != nil {
		return "", "", err
	}
	r.facts.tier = TierEntra
	return status, trustDetail, nil
}

// readTier learns whether an earlier run, or somebody else, set up trust.
func (r *Run) readTier(ctx context.Context) error {
	have := &v1alpha1.KarsAuthConfig{}
	err := r.facts.kube.Client().Get(ctx, client.ObjectKey{Name: v1alpha1.AuthConfigName}, have)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("reading the trust: %w", err)
	}
	if err == nil {
		r.facts.tier, r.facts.auth = TierEntra, have
	}
	return nil
}

func (r *Run) warnSkipped(cause *trust.NotPermittedError) {
	r.warn(event.Warning{
		ID:   "directory/agent-id-role",
		Text: "Entra Agent ID setup skipped: " + cause.Error() + ". Sandboxes run, but call nothing as a named principal",
		Fix:  "get the role Agent ID Developer or Agent ID Administrator (activate it where it is only eligible), then run: kars mesh setup-trust",
	})
}

func (r *Run) setUpTrust(ctx context.Context) (event.Status, error) {
	federated, err := r.federateController(ctx)
	if err != nil {
		return "", err
	}
	request := r.trustRequest()
	made, err := trust.Ensure(ctx, r.Directory, request)
	if err != nil {
		return "", err
	}
	applied, err := r.facts.kube.Apply(ctx, trust.Config(request, made))
	if err != nil {
		return "", fmt.Errorf("applying KarsAuthConfig/default: %w", err)
	}
	return worst(federated, event.Status(made.Status()), applied), nil
}

// trustRequest says what trust to bring about: a blueprint for this cluster,
// with the caller as its sponsor, that the broker's service account may act as.
func (r *Run) trustRequest() trust.Request {
	p := r.Plan
	controller := r.facts.principals[strings.ToLower(p.ControllerID())]
	out := trust.Request{
		Cloud: r.Cloud, TenantID: p.TenantID, Cluster: p.ClusterID(), BlueprintName: p.Names.Blueprint,
		CallerID: r.Caller.ObjectID, CallerIsUser: r.Caller.IsUser,
		ServiceManagementReference: p.Options.ServiceTree,
		Controller: v1alpha1.ControllerCredential{
			CredentialMode:             v1alpha1.CredentialWorkloadIdentity,
			ManagedIdentityClientID:    controller.clientID,
			ManagedIdentityPrincipalID: controller.principalID,
			ManagedIdentityResourceID:  p.ControllerID(),
		},
		Issuer:         r.facts.issuer,
		FoundryRbac:    []v1alpha1.ScopedRoles{{Scope: p.FoundryID(), RoleDefinitionIDs: []string{plan.OpenAIUser.ID}}},
		DownstreamAPIs: trust.DefaultAPIs(r.Cloud, p.FoundryEndpoint(), p.VaultURI()),
	}
	// Whoever set the trust up stays its sponsor when somebody else runs again.
	out.Sponsors = []trust.Sponsor{{ID: r.Caller.ObjectID}}
	if have := r.facts.auth; have != nil {
		out.RecordedObjectID = have.Spec.AgentID.BlueprintObjectID
		if ids := have.Spec.AgentID.SponsorIDs; len(ids) > 0 {
			out.Sponsors = nil
			for _, id := range ids {
				out.Sponsors = append(out.Sponsors, trust.Sponsor{ID: id})
			}
		}
	}
	return out
}

// federateController lets the controller's service account act as the
// controller's managed identity.
func (r *Run) federateController(ctx context.Context) (event.Status, error) {
	c := r.Plan.ControllerCredential()
	want := Tree{"properties": Tree{"issuer": r.facts.issuer, "subject": c.Subject, "audiences": []any{c.Audience}}}
	have, found, err := r.get(ctx, c.ID, c.APIVersion)
	if err != nil {
		return "", fmt.Errorf("reading the controller's federated credential: %w", err)
	}
	if found && len(drift(want, have)) == 0 {
		return event.Unchanged, nil
	}
	err = r.wait(ctx, plan.StepTrust, "the controller's federated credential", func(ctx context.Context) (bool, string, error) {
		err := r.put(ctx, c.ID, c.APIVersion, want)
		// An identity takes one write of a credential at a time.
		// learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations
		if arm.HasCode(err, "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity") {
			return false, "another credential is being written", nil
		}
		return err == nil, "", err
	})
	if err != nil {
		return "", fmt.Errorf("writing the controller's federated credential: %w", err)
	}
	if found {
		return event.Updated, nil
	}
	return event.Created, nil
}

// worst is the status of several things together: created when all were,
// unchanged when none was touched, updated otherwise.
func worst(all ...event.Status) event.Status {
	out := all[0]
	for _, s := range all[1:] {
		if s != out {
			out = event.Updated
		}
	}
	return out
}

// removeTrust deletes the blueprint, and with it what is left of the agent
// identities that derive from it.
func removeTrust(ctx context.Context, r *Run) (event.Status, string, error) {
	request := r.trustRequest()
	if r.facts.kube != nil {
		if err := r.readTier(ctx); err == nil {
			request = r.trustRequest()
		}
	}
	change, err := trust.Remove(ctx, r.Directory, request)
	var refused *trust.NotPermittedError
	if errors.As(err, &refused) {
		r.warn(event.Warning{ID: "directory/agent-id-role", Text: "the blueprint " + r.Plan.Names.Blueprint + " stays: " + refused.Error()})
		return event.Skipped, "no right to delete the blueprint", nil
	}
	if err != nil {
		return "", "", err
	}
	return event.Status(change.Status), "blueprint " + r.Plan.Names.Blueprint, nil
}

// SetUpTrust is `kars mesh setup-trust`: the trust step alone, for a cluster
// that is there. It reads what it needs of the other steps and writes nothing
// of theirs.
func SetUpTrust(ctx context.Context, r *Run) (Result, error) {
	r.begin()
	result := Result{Steps: []StepResult{}, Warnings: []event.Warning{}}
	err := r.recall(ctx)
	if err == nil {
		var done StepResult
		done, err = r.runStep(ctx, step{"trust", plan.StepTrust, applyTrust})
		result.Steps = append(result.Steps, done)
	}
	result.Warnings = append(result.Warnings, r.facts.warnings...)
	result.Outputs, result.Requests = r.outputs(), r.requests()
	return result, err
}

// recall learns, by reading alone, what the steps before trust would have
// taught.
func (r *Run) recall(ctx context.Context) error {
	foundation, err := r.standings(ctx, plan.StepFoundation)
	if err != nil {
		return err
	}
	r.learnPrincipals(foundation)
	cluster, err := r.standings(ctx, plan.StepCluster)
	if err != nil {
		return err
	}
	if !cluster[0].found {
		return fmt.Errorf("there is no cluster %s: make it with `kars up`", r.Plan.Names.Cluster)
	}
	return r.connect(ctx, cluster[0].have)
}

package controller

import (
	"context"
	"errors"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kars-dev/kars/api/v1alpha1"
	brokerclient "github.com/kars-dev/kars/internal/broker/client"
	"github.com/kars-dev/kars/internal/sandbox"
)

// identity gives the sandbox its agent identity, or puts it in the anonymous
// tier when there is no trust.
func (r *sandboxReconciler) identity(ctx context.Context, p *pass) result {
	status := &p.sb.Status
	status.Tier = p.settings.Tier()
	if p.auth == nil {
		// An identity of an earlier trust stays recorded: it still has to go
		// when the sandbox does.
		p.condition(v1alpha1.ConditionIdentityReady, metav1.ConditionFalse, reasonTrustNotSetUp,
			"there is no KarsAuthConfig/default, so the sandbox has no identity; `kars mesh setup-trust` makes one")
		return result{}
	}
	if p.settings.BrokerCA == "" {
		p.condition(v1alpha1.ConditionIdentityReady, metav1.ConditionFalse, reasonBrokerNotReady,
			"the broker has not published its certificate authority, ConfigMap kars-system/kars-broker-ca")
		// The ConfigMap is watched; its arrival brings the next pass.
		return result{halt: true}
	}
	name := sandbox.DisplayName(r.ClusterName, p.sb.Namespace, p.sb.Name)
	key := p.auth.Spec.AgentID.BlueprintClientID + " " + name
	got, known := recall[brokerclient.Identity](&r.identities, p.sb.UID, key, r.Now(), r.Recheck)
	if !known {
		var err error
		got, err = r.Identities.EnsureIdentity(ctx, p.sb.Namespace, p.sb.Name, string(p.sb.UID), name)
		if recorded := status.AgentIdentity; recorded != nil && brokerclient.IsTemporary(err) {
			// A broker that is away for a moment takes no identity away.
			p.settings.Identity = recorded
			return result{err: err}
		}
		if err != nil {
			p.condition(v1alpha1.ConditionIdentityReady, metav1.ConditionFalse, brokerReason(err), err.Error())
			return result{halt: true, err: err}
		}
		remember(&r.identities, p.sb.UID, key, got, r.Now())
	}
	status.AgentIdentity = &v1alpha1.AgentIdentity{AppID: got.AppID, ObjectID: got.ObjectID, DisplayName: got.DisplayName}
	p.settings.Identity = status.AgentIdentity
	p.condition(v1alpha1.ConditionIdentityReady, metav1.ConditionTrue, reasonReconciled, "the sandbox is "+got.DisplayName)
	return result{}
}

// brokerReason is the broker's code; without an answer, the broker is at fault.
func brokerReason(err error) string {
	var e *brokerclient.Error
	if errors.As(err, &e) && e.Code != "" {
		return string(e.Code)
	}
	return reasonBrokerNotReady
}

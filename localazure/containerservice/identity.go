package containerservice

import (
	"context"
	"net/http"
	"strings"

	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/entra"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

const identityType = "Microsoft.ManagedIdentity/userAssignedIdentities"

// prepareIdentities completes the identities of a cluster: of its control
// plane, which the Resource Manager filled in, and of its kubelets;
// learn.microsoft.com/azure/aks/use-managed-identity.
func (p *Provider) prepareIdentities(_ context.Context, w *arm.Write, properties store.Tree) error {
	kind := strings.ToLower(resource.Text(w.New, "identity", "type"))
	if kind != "userassigned" && kind != "systemassigned" {
		return arm.Errorf(http.StatusBadRequest, "BadRequest", "The cluster needs an identity: 'identity.type' must be SystemAssigned or UserAssigned.")
	}
	properties["servicePrincipalProfile"] = store.Tree{"clientId": "msi"}
	kubelet := resource.Text(properties, "identityProfile", "kubeletidentity", "resourceId")
	if kubelet != "" && kind != "userassigned" {
		return arm.Errorf(http.StatusBadRequest, "CustomKubeletIdentityOnlySupportedOnUserAssignedMSICluster",
			"Custom kubelet identity is only supported on user assigned MSI cluster.")
	}
	if kubelet == "" {
		kubelet = resource.Text(w.Old, "properties", "identityProfile", "kubeletidentity", "resourceId")
	}
	if kubelet == "" {
		var err error
		if kubelet, err = p.makeKubeletIdentity(w); err != nil {
			return err
		}
	}
	ids, err := arm.IdentityIDs(w.Tx, kubelet)
	if err != nil {
		return err
	}
	profile, _ := properties["identityProfile"].(store.Tree)
	if profile == nil {
		profile = store.Tree{}
		properties["identityProfile"] = profile
	}
	profile["kubeletidentity"] = store.Tree{"resourceId": kubelet, "clientId": ids["clientId"], "objectId": ids["principalId"]}
	return nil
}

// makeKubeletIdentity makes the identity that AKS gives to kubelets that are
// brought none: <cluster>-agentpool in the node resource group.
func (p *Provider) makeKubeletIdentity(w *arm.Write) (string, error) {
	id := nodeGroup(w.ID, w.New)
	id.Providers = []armid.Segment{{
		Namespace: "Microsoft.ManagedIdentity", Types: []string{"userAssignedIdentities"}, Names: []string{w.ID.Name() + "-agentpool"},
	}}
	principal, err := p.directory.In(w.Tx).CreateManagedIdentity(id.String(), id.Name())
	if err != nil {
		return "", err
	}
	return id.String(), resource.Put(w.Tx, id, store.Tree{
		"id": id.String(), "name": id.Name(), "type": identityType, "location": w.New["location"],
		"properties": store.Tree{
			"tenantId": p.service.TenantID, "principalId": principal.ID, "clientId": principal.AppID, "provisioningState": arm.Succeeded,
		},
	})
}

// checkIdentities checks what the control plane's identity must be allowed, as
// AKS does while it creates the cluster: to assign the kubelets' identity, and
// to put nodes into their subnets.
func (p *Provider) checkIdentities(ctx context.Context, id armid.ID, tree store.Tree) error {
	control := entra.Claims{IdentityType: "app", TenantID: p.service.TenantID}
	control.ObjectID, control.AppID = controlPlane(tree)
	kubelet := resource.Text(tree, "properties", "identityProfile", "kubeletidentity", "resourceId")
	if !armid.Within(kubelet, nodeGroup(id, tree).String()) {
		if err := p.checkAssign(ctx, control, kubelet); err != nil {
			return err
		}
	}
	list, _ := resource.Value(tree, "properties", "agentPoolProfiles").([]any)
	for _, raw := range list {
		pool, _ := raw.(store.Tree)
		if err := p.checkSubnet(ctx, control, id, tree, pool); err != nil {
			return err
		}
	}
	return nil
}

// controlPlane returns the object and client id of the control plane's identity.
func controlPlane(tree store.Tree) (objectID, clientID string) {
	assigned, _ := resource.Value(tree, "identity", "userAssignedIdentities").(store.Tree)
	for _, ids := range assigned {
		t, _ := ids.(store.Tree)
		return resource.Text(t, "principalId"), resource.Text(t, "clientId")
	}
	return resource.Text(tree, "identity", "principalId"), ""
}

// checkAssign accepts the action under the identity's name too, which is how
// the role Managed Identity Operator holds it.
func (p *Provider) checkAssign(ctx context.Context, control entra.Claims, kubelet string) error {
	name := kubelet[strings.LastIndex(kubelet, "/"):]
	for _, action := range []string{identityType + "/assign/action", identityType + name + "/assign/action"} {
		allowed, err := p.may(ctx, control, action, kubelet)
		if err != nil || allowed {
			return err
		}
	}
	return arm.Errorf(http.StatusBadRequest, "CustomKubeletIdentityMissingPermissionError",
		"The cluster using user-assigned managed identity must be granted 'Managed Identity Operator' role to assign kubelet identity. You can run 'az role assignment create --assignee %s --scope %s --role \"Managed Identity Operator\"' to grant the permission. See https://learn.microsoft.com/en-us/azure/aks/use-managed-identity#add-role-assignment",
		control.ObjectID, kubelet)
}

func (p *Provider) checkSubnet(ctx context.Context, control entra.Claims, id armid.ID, tree, pool store.Tree) error {
	const join = "Microsoft.Network/virtualNetworks/subnets/join/action"
	subnet := resource.Text(pool, "vnetSubnetID")
	if subnet == "" {
		return nil
	}
	parsed, err := armid.Parse(subnet)
	if err == nil {
		_, err = p.service.Stored(parsed)
	}
	if err != nil {
		return arm.Errorf(http.StatusBadRequest, "SubnetNotFound", "The subnet '%s' of agent pool '%s' could not be found.", subnet, resource.Text(pool, "name"))
	}
	allowed, err := p.may(ctx, control, join, subnet)
	if err != nil || allowed {
		return err
	}
	scaleSet := nodeGroup(id, tree).String() + "/providers/Microsoft.Compute/virtualMachineScaleSets/" + scaleSetName(resource.Text(pool, "name"))
	return arm.Errorf(http.StatusForbidden, "LinkedAuthorizationFailed",
		"The client '%s' with object id '%s' has permission to perform action 'Microsoft.Compute/virtualMachineScaleSets/write' on scope '%s'; however, it does not have permission to perform action(s) '%s' on the linked scope(s) '%s' (respectively) or the linked scope(s) are invalid.",
		control.AppID, control.ObjectID, scaleSet, join, subnet)
}

func (p *Provider) may(ctx context.Context, c entra.Claims, action, scope string) (bool, error) {
	d, err := p.service.Authorizer.Authorize(ctx, c, rbac.Request{Action: action, Scope: scope})
	return d.Verdict == rbac.Allowed, err
}

// scaleSetName is what AKS calls an agent pool's scale set, with the one hash
// that all clusters here have.
func scaleSetName(pool string) string { return "aks-" + pool + "-00000000-vmss" }

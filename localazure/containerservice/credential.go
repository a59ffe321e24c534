package containerservice

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"

	"sigs.k8s.io/yaml"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/requests"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// credential lists a cluster's kubeconfig. With local accounts, and without
// Entra, users and administrators alike get a client certificate;
// learn.microsoft.com/azure/aks/manage-local-accounts-managed-azure-ad.
func (p *Provider) credential(user, suffix string) arm.Handler {
	return func(ctx context.Context, r *arm.Request) (*arm.Response, error) {
		requests.SetRead(ctx)
		tree, err := p.service.Stored(r.ID)
		if err != nil {
			return nil, err
		}
		if state := resource.Text(tree, "properties", "provisioningState"); state != arm.Succeeded && state != "Updating" {
			return nil, arm.Errorf(http.StatusConflict, "OperationNotAllowed",
				"Operation is not allowed: the cluster '%s' is in the provisioning state %s.", r.ID.Name(), state)
		}
		running, err := p.Ensure(ctx, tree)
		if err != nil {
			return nil, err
		}
		config, err := kubeconfig(r.ID.Name()+suffix, r.ID.Name(), user+"_"+r.ID.ResourceGroup+"_"+r.ID.Name(), running)
		if err != nil {
			return nil, err
		}
		return arm.OK(store.Tree{"kubeconfigs": []store.Tree{{"name": user, "value": base64.StdEncoding.EncodeToString(config)}}}), nil
	}
}

func kubeconfig(context, cluster, user string, running Running) ([]byte, error) {
	encode := base64.StdEncoding.EncodeToString
	config, err := yaml.Marshal(store.Tree{
		"apiVersion": "v1", "kind": "Config", "current-context": context, "preferences": store.Tree{},
		"clusters": []store.Tree{{"name": cluster, "cluster": store.Tree{
			"server": running.Server, "certificate-authority-data": encode(running.CA),
		}}},
		"users": []store.Tree{{"name": user, "user": store.Tree{
			"client-certificate-data": encode(running.AdminCertificate), "client-key-data": encode(running.AdminKey),
		}}},
		"contexts": []store.Tree{{"name": context, "context": store.Tree{"cluster": cluster, "user": user}}},
	})
	if err != nil {
		return nil, fmt.Errorf("writing the kubeconfig of %s: %w", cluster, err)
	}
	return config, nil
}

package sandbox

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kars-dev/kars/api/v1alpha1"
)

// Keys of the ConfigMap kars-auth-sidecar-env. They are the configuration keys
// of Microsoft's Entra SDK sidecar, so that one could stand in the place of
// ours; learn.microsoft.com/entra/msidweb/agent-id-sdk/configuration.
const (
	envInstance     = "AzureAd__Instance"
	envTenantID     = "AzureAd__TenantId"
	envClientID     = "AzureAd__ClientId"
	envSourceType   = "AzureAd__ClientCredentials__0__SourceType"
	envManagedID    = "AzureAd__ClientCredentials__0__ManagedIdentityClientId"
	envTokenFile    = "AzureAd__ClientCredentials__0__SignedAssertionFileDiskPath"
	azureTokenFile  = "/var/run/secrets/azure/tokens/azure-identity-token"
	downstreamStart = "DownstreamApis__"
)

// SidecarEnv is the environment by which workloads know the trust, as data of
// the ConfigMap kars-auth-sidecar-env. Nothing in it is secret.
func SidecarEnv(spec v1alpha1.KarsAuthConfigSpec) map[string]string {
	env := map[string]string{
		envInstance: strings.TrimSuffix(spec.Tenant.AuthorityHost, "/") + "/",
		envTenantID: spec.Tenant.TenantID,
		envClientID: spec.AgentID.BlueprintClientID,
	}
	switch spec.Controller.CredentialMode {
	case v1alpha1.CredentialManagedIdentity:
		env[envSourceType] = "SignedAssertionFromManagedIdentity"
		env[envManagedID] = spec.Controller.ManagedIdentityClientID
	case v1alpha1.CredentialWorkloadIdentity:
		env[envSourceType] = "SignedAssertionFilePath"
		env[envTokenFile] = azureTokenFile
	}
	for name, api := range spec.DownstreamAPIs {
		prefix := downstreamStart + name + "__"
		env[prefix+"BaseUrl"] = api.BaseURL
		env[prefix+"RequestAppToken"] = strconv.FormatBool(api.RequestAppToken == nil || *api.RequestAppToken)
		for i, scope := range api.Scopes {
			env[fmt.Sprintf("%sScopes__%d", prefix, i)] = scope
		}
	}
	return env
}

// SidecarEnvConfigMap is the ConfigMap kars-auth-sidecar-env of kars-system.
func SidecarEnvConfigMap(spec v1alpha1.KarsAuthConfigSpec) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{
			Name:      v1alpha1.SidecarEnvConfigMap,
			Namespace: v1alpha1.SystemNamespace,
			Labels: map[string]string{
				"app.kubernetes.io/part-of":    "kars",
				"app.kubernetes.io/managed-by": "kars-controller",
			},
			Annotations: map[string]string{
				v1alpha1.AnnotationAuthConfigHash: hash(spec),
				v1alpha1.AnnotationBlueprint:      spec.AgentID.BlueprintClientID,
			},
		},
		Data: SidecarEnv(spec),
	}
}

// configMaps are the copies that the sandbox's pod mounts or reads: a pod
// cannot use a ConfigMap of another namespace.
func configMaps(sb *v1alpha1.KarsSandbox, s Settings) []*corev1.ConfigMap {
	var maps []*corev1.ConfigMap
	add := func(name string, data map[string]string) {
		maps = append(maps, &corev1.ConfigMap{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
			ObjectMeta: meta(sb, name),
			Data:       data,
		})
	}
	if s.CABundle != "" {
		add(v1alpha1.CABundleConfigMap, map[string]string{v1alpha1.CAKey: s.CABundle})
	}
	if s.Tier() == v1alpha1.TierEntra {
		add(v1alpha1.BrokerCAConfigMap, map[string]string{v1alpha1.CAKey: s.BrokerCA})
		add(v1alpha1.SidecarEnvConfigMap, SidecarEnv(*s.Auth))
	}
	return maps
}

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// CredentialMode says with which credential the broker acts as the blueprint.
//
// +kubebuilder:validation:Enum=ManagedIdentityImds;WorkloadIdentity
type CredentialMode string

// The credential modes.
const (
	// CredentialManagedIdentity is a managed identity of the node, federated on
	// the blueprint, whose token comes from the instance metadata service.
	CredentialManagedIdentity CredentialMode = "ManagedIdentityImds"
	// CredentialWorkloadIdentity is the broker's own projected service-account
	// token, federated on the blueprint.
	CredentialWorkloadIdentity CredentialMode = "WorkloadIdentity"
)

// Tenant is the Entra tenant of the blueprint.
//
// +kubebuilder:validation:XValidation:rule="self.tenantId == oldSelf.tenantId",message="tenantId is immutable: delete the KarsAuthConfig and set up trust anew"
type Tenant struct {
	// TenantID is the tenant's GUID.
	// +kubebuilder:validation:Pattern=`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`
	TenantID string `json:"tenantId"`
	// AuthorityHost is the base URL of Entra's token service in the cloud.
	// +optional
	// +kubebuilder:default="https://login.microsoftonline.com"
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^https://[a-z0-9]([a-z0-9.-]*[a-z0-9])?/?$`
	AuthorityHost string `json:"authorityHost,omitempty"`
}

// Blueprint is the agent identity blueprint from which identities derive.
type Blueprint struct {
	// BlueprintClientID is the blueprint's application id.
	// +kubebuilder:validation:Pattern=`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`
	BlueprintClientID string `json:"blueprintClientId"`
	// BlueprintObjectID is the object id of the blueprint's application.
	// +kubebuilder:validation:Pattern=`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`
	BlueprintObjectID string `json:"blueprintObjectId"`
	// SponsorIDs are the object ids of the users and groups that answer for
	// every agent identity. Entra requires one for identities that an
	// application creates.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=10
	// +kubebuilder:validation:items:Pattern=`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`
	SponsorIDs []string `json:"sponsorIds,omitempty"`
}

// ControllerCredential is how the broker proves to be the blueprint.
//
// +kubebuilder:validation:XValidation:rule="self.credentialMode != 'ManagedIdentityImds' || has(self.managedIdentityClientId)",message="managedIdentityClientId is required when credentialMode is ManagedIdentityImds"
type ControllerCredential struct {
	// CredentialMode is ManagedIdentityImds or WorkloadIdentity.
	CredentialMode CredentialMode `json:"credentialMode"`
	// ManagedIdentityClientID is the client id of the managed identity.
	// +optional
	// +kubebuilder:validation:Pattern=`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`
	ManagedIdentityClientID string `json:"managedIdentityClientId,omitempty"`
	// ManagedIdentityResourceID is the ARM id of the managed identity.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	ManagedIdentityResourceID string `json:"managedIdentityResourceId,omitempty"`
	// ManagedIdentityPrincipalID is the object id of the managed identity.
	// +optional
	// +kubebuilder:validation:Pattern=`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`
	ManagedIdentityPrincipalID string `json:"managedIdentityPrincipalId,omitempty"`
}

// ScopedRoles are roles that every agent identity gets at a scope.
type ScopedRoles struct {
	// Scope is an ARM id, as that of a Foundry account.
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^/subscriptions/[^/]+(/[^/]+)*$`
	Scope string `json:"scope"`
	// RoleDefinitionIDs are the GUIDs of the roles.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=10
	// +kubebuilder:validation:items:Pattern=`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`
	RoleDefinitionIDs []string `json:"roleDefinitionIds"`
}

// DownstreamAPI is an API that agents call with a token of their identity.
type DownstreamAPI struct {
	// BaseURL is where the API is.
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^https://.+`
	BaseURL string `json:"baseUrl"`
	// Scopes are what is asked for, as https://cognitiveservices.azure.com/.default.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Scopes []string `json:"scopes,omitempty"`
	// RequestAppToken asks for a token of the agent identity itself, not of a
	// user on whose behalf it acts.
	// +optional
	// +kubebuilder:default=true
	RequestAppToken *bool `json:"requestAppToken,omitempty"`
}

// KarsAuthConfigSpec is the trust between this cluster and Entra.
type KarsAuthConfigSpec struct {
	// Tenant is the Entra tenant of the blueprint.
	Tenant Tenant `json:"tenant"`
	// AgentID is the blueprint from which agent identities derive.
	AgentID Blueprint `json:"agentId"`
	// Controller is how the broker proves to be the blueprint.
	Controller ControllerCredential `json:"controller"`
	// FoundryRbac are the roles that every agent identity gets.
	// +optional
	// +listType=map
	// +listMapKey=scope
	// +kubebuilder:validation:MaxItems=16
	FoundryRbac []ScopedRoles `json:"foundryRbac,omitempty"`
	// DownstreamAPIs are the APIs that agents may call, by name.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule="self.all(name, name.matches('^[A-Za-z][A-Za-z0-9]*$'))",message="names are letters and digits: they become part of environment variables"
	DownstreamAPIs map[string]DownstreamAPI `json:"downstreamApis,omitempty"`
}

// AuthConfigPhase is the state of the trust in one word, for people.
//
// +kubebuilder:validation:Enum=Pending;Ready;Degraded
type AuthConfigPhase string

// The phases of a KarsAuthConfig.
const (
	AuthConfigPending  AuthConfigPhase = "Pending"
	AuthConfigReady    AuthConfigPhase = "Ready"
	AuthConfigDegraded AuthConfigPhase = "Degraded"
)

// Condition types of a KarsAuthConfig.
const (
	// ConditionSidecarConfigMaterialized says that the ConfigMap
	// kars-auth-sidecar-env matches the specification.
	ConditionSidecarConfigMaterialized = "SidecarConfigMaterialized"
)

// KarsAuthConfigStatus is what became of the trust.
type KarsAuthConfigStatus struct {
	// Phase is the state in one word.
	// +optional
	Phase AuthConfigPhase `json:"phase,omitempty"`
	// ObservedGeneration is the generation of the specification that the status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions are SidecarConfigMaterialized and Ready.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// KarsAuthConfig is the trust between this cluster and Entra: which blueprint
// agent identities derive from and how the broker proves to be it. There is
// one, named default. While there is none, sandboxes run in the anonymous tier.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=kac,categories=kars
// +kubebuilder:printcolumn:name="Tenant",type=string,JSONPath=`.spec.tenant.tenantId`
// +kubebuilder:printcolumn:name="Blueprint",type=string,JSONPath=`.spec.agentId.blueprintClientId`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name == 'default'",message="the only KarsAuthConfig is named default"
type KarsAuthConfig struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is the trust.
	Spec KarsAuthConfigSpec `json:"spec"`
	// Status is what became of it.
	// +optional
	Status KarsAuthConfigStatus `json:"status,omitempty"`
}

// KarsAuthConfigList is a list of KarsAuthConfigs.
//
// +kubebuilder:object:root=true
type KarsAuthConfigList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []KarsAuthConfig `json:"items"`
}

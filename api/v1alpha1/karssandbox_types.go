package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RuntimeKind says where the agent's image comes from.
//
// +kubebuilder:validation:Enum=Kars;BYO
type RuntimeKind string

// The kinds of runtime.
const (
	// RuntimeKars is the reference agent of this project.
	RuntimeKars RuntimeKind = "Kars"
	// RuntimeBYO is an image that the user brings. It keeps the agent contract
	// of docs/architecture.md.
	RuntimeBYO RuntimeKind = "BYO"
)

// Isolation says how an agent is held apart from its node.
//
// +kubebuilder:validation:Enum=standard;enhanced;confidential
type Isolation string

// The levels of isolation, each with what the ones before it have.
const (
	// IsolationStandard is a restricted security context and the container
	// runtime's default seccomp profile.
	IsolationStandard Isolation = "standard"
	// IsolationEnhanced adds kars' own seccomp profile and, where nodes report
	// it, a user namespace.
	IsolationEnhanced Isolation = "enhanced"
	// IsolationConfidential adds a virtual machine per pod (Kata).
	IsolationConfidential Isolation = "confidential"
)

// Runtime is what runs in the agent container.
//
// +kubebuilder:validation:XValidation:rule="self.kind == 'BYO' ? has(self.byo) : !has(self.byo)",message="byo is required when kind is BYO and forbidden otherwise"
// +kubebuilder:validation:XValidation:rule="self.kind == oldSelf.kind",message="kind is immutable: delete the sandbox and create it anew"
type Runtime struct {
	// Kind is Kars for the reference agent, BYO for an image of one's own.
	Kind RuntimeKind `json:"kind"`
	// BYO describes the image when kind is BYO.
	// +optional
	BYO *BYORuntime `json:"byo,omitempty"`
}

// BYORuntime is an image that keeps the agent contract.
type BYORuntime struct {
	// Image is the reference of the image, best by digest.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9][a-zA-Z0-9._:/@-]*$`
	Image string `json:"image"`
}

// Model is the model that the agent may call.
type Model struct {
	// Endpoint is the base URL of the Azure AI Foundry or Azure OpenAI account,
	// as https://<account>.openai.azure.com. Empty means the cluster's default.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^https://[a-z0-9]([a-z0-9.-]*[a-z0-9])?/?$`
	Endpoint string `json:"endpoint,omitempty"`
	// Deployment is the name of the model deployment in that account. Empty
	// means the cluster's default.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9][a-zA-Z0-9._-]*$`
	Deployment string `json:"deployment,omitempty"`
}

// Resources are the compute resources of the agent container.
type Resources struct {
	// Requests are what the scheduler reserves.
	// +optional
	Requests corev1.ResourceList `json:"requests,omitempty"`
	// Limits are what the node enforces.
	// +optional
	Limits corev1.ResourceList `json:"limits,omitempty"`
}

// KarsSandboxSpec is what a sandbox should be.
type KarsSandboxSpec struct {
	// Runtime is what runs in the agent container.
	// +optional
	// +kubebuilder:default={kind: Kars}
	Runtime Runtime `json:"runtime,omitempty"`
	// Isolation says how the agent is held apart from its node.
	// +optional
	// +kubebuilder:default=enhanced
	Isolation Isolation `json:"isolation,omitempty"`
	// Model is the model that the agent may call.
	// +optional
	Model Model `json:"model,omitempty"`
	// Resources are those of the agent container; empty means the defaults of kars.
	// +optional
	Resources Resources `json:"resources,omitempty"`
	// Suspended removes the pod and keeps everything else, the identity included.
	// +optional
	Suspended bool `json:"suspended,omitempty"`
}

// Phase is a sandbox's state in one word, for people. Programs read conditions.
//
// +kubebuilder:validation:Enum=Pending;Creating;Running;Suspended;Degraded;Failed;Terminating
type Phase string

// The phases of a sandbox. It is PhaseRunning exactly while the condition
// Ready is true.
const (
	PhasePending     Phase = "Pending"     // seen by no reconciler yet
	PhaseCreating    Phase = "Creating"    // on the way to its first Ready
	PhaseRunning     Phase = "Running"     // the condition Ready is true
	PhaseSuspended   Phase = "Suspended"   // has no pod, on request
	PhaseDegraded    Phase = "Degraded"    // was Ready, and is not now
	PhaseFailed      Phase = "Failed"      // stays as it is until something is changed
	PhaseTerminating Phase = "Terminating" // being deleted
)

// Tier says whether a sandbox can call Azure as a named principal.
//
// +kubebuilder:validation:Enum=entra;anonymous
type Tier string

// The tiers.
const (
	TierEntra     Tier = "entra"     // has an agent identity of its own
	TierAnonymous Tier = "anonymous" // trust is not set up: runs, but calls nothing
)

// AgentIdentity is an Entra agent identity.
type AgentIdentity struct {
	// AppID is the application (client) id. Entra makes it equal to the object id.
	AppID string `json:"appId"`
	// ObjectID is the id of the service principal, to which roles are assigned.
	ObjectID string `json:"objectId"`
	// DisplayName is the name that audit logs show.
	// +optional
	DisplayName string `json:"displayName,omitempty"`
}

// Condition types of a KarsSandbox.
const (
	ConditionIdentityReady = "IdentityReady" // the agent identity exists
	ConditionAccessGranted = "AccessGranted" // its role assignments exist
	ConditionPodReady      = "PodReady"      // agent and router are up
	ConditionReady         = "Ready"         // the sandbox can be used, in its tier
)

// KarsSandboxStatus is what a sandbox is.
type KarsSandboxStatus struct {
	// Phase is the state in one word.
	// +optional
	Phase Phase `json:"phase,omitempty"`
	// ObservedGeneration is the generation of the specification that the status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Namespace is where the sandbox's pod is.
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// Pod is the name of the sandbox's pod, empty when there is none.
	// +optional
	Pod string `json:"pod,omitempty"`
	// Tier says whether the sandbox can call Azure as a named principal.
	// +optional
	Tier Tier `json:"tier,omitempty"`
	// AgentIdentity is the identity as which the sandbox calls Azure.
	// +optional
	AgentIdentity *AgentIdentity `json:"agentIdentity,omitempty"`
	// GrantedRoles are the role assignments that the identity holds through the
	// controller, so that those a later configuration no longer names are taken
	// back, and all of them when the sandbox goes.
	// +optional
	// +listType=atomic
	GrantedRoles []GrantedRole `json:"grantedRoles,omitempty"`
	// Conditions are IdentityReady, AccessGranted, PodReady and Ready.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// GrantedRole is one role assignment. Its name follows from the three fields.
type GrantedRole struct {
	// Scope is the ARM id at which the role is assigned.
	Scope string `json:"scope"`
	// RoleDefinitionID is the role's GUID.
	RoleDefinitionID string `json:"roleDefinitionId"`
	// PrincipalID is the object id of the principal that holds the role.
	PrincipalID string `json:"principalId"`
}

// KarsSandbox is one agent: an identity of its own in Entra, and a pod in
// which the agent reaches nothing but the router beside it.
//
// The name is part of the name of the sandbox's namespace, kars-<name>-<8 hex>,
// which Kubernetes limits to 63 characters.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=cs,categories=kars
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Tier",type=string,JSONPath=`.status.tier`
// +kubebuilder:printcolumn:name="Isolation",type=string,JSONPath=`.spec.isolation`
// +kubebuilder:printcolumn:name="Identity",type=string,priority=1,JSONPath=`.status.agentIdentity.displayName`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 49 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="the name must have at most 49 characters, lower-case letters, digits and hyphens, and begin and end with a letter or digit"
type KarsSandbox struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what the sandbox should be.
	// +optional
	// +kubebuilder:default={}
	Spec KarsSandboxSpec `json:"spec,omitempty"`
	// Status is what the sandbox is.
	// +optional
	Status KarsSandboxStatus `json:"status,omitempty"`
}

// KarsSandboxList is a list of sandboxes.
//
// +kubebuilder:object:root=true
type KarsSandboxList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []KarsSandbox `json:"items"`
}

package v1alpha1

// Labels and annotations that kars puts on what it creates.
const (
	// LabelRole says what a namespace or pod is for; see [RoleSandbox].
	LabelRole = Group + "/role"
	// LabelSandbox carries the name of the KarsSandbox an object belongs to.
	LabelSandbox = Group + "/sandbox"
	// LabelSandboxNamespace carries the namespace of that KarsSandbox.
	LabelSandboxNamespace = Group + "/sandbox-namespace"
	// LabelSandboxUID carries the UID of that KarsSandbox. Objects in another
	// namespace cannot have an owner reference to it, so this is how they are
	// found and told from those of an earlier resource of the same name.
	LabelSandboxUID = Group + "/sandbox-uid"
	// LabelPool is the node label that says for which pods a pool is meant.
	LabelPool = Group + "/pool"

	// RoleSandbox is the value of [LabelRole] on a sandbox's namespace. The
	// admission policy of the chart selects namespaces by it.
	RoleSandbox = "sandbox"

	// AnnotationSpecHash is the hash of the specification that an object was
	// made from. A pod whose hash differs from the wanted one is re-created.
	AnnotationSpecHash = Group + "/spec-hash"
	// AnnotationAuthConfigHash is the hash of the KarsAuthConfig specification
	// that the ConfigMap kars-auth-sidecar-env was made from.
	AnnotationAuthConfigHash = Group + "/auth-config-spec-hash"
	// AnnotationBlueprint is the application id of the blueprint in force.
	AnnotationBlueprint = Group + "/blueprint-client-id"

	// Finalizer keeps a KarsSandbox until what was made for it is gone.
	Finalizer = Group + "/namespace-cleanup"
)

// Names of objects that more than one component reads.
const (
	// SystemNamespace is where the controller and the broker run.
	SystemNamespace = "kars-system"
	// ResourceNamespace is where KarsSandbox resources live unless asked otherwise.
	ResourceNamespace = "kars"
	// AuthConfigName is the only name that a KarsAuthConfig may have.
	AuthConfigName = "default"
	// SidecarEnvConfigMap is the ConfigMap that carries the trust to workloads.
	SidecarEnvConfigMap = "kars-auth-sidecar-env"
	// BrokerCAConfigMap is the ConfigMap, key [CAKey], with the certificate of
	// the authority that signs the broker's serving certificate.
	BrokerCAConfigMap = "kars-broker-ca"
	// CABundleConfigMap is the ConfigMap, key [CAKey], with the certificates
	// that pods trust beside the public ones. It is absent when there are none.
	CABundleConfigMap = "kars-ca-bundle"
	// CAKey is the key of a ConfigMap under which certificates are, as PEM.
	CAKey = "ca.crt"
)

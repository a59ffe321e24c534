package plan

// Feature is a preview feature of a resource provider that must be registered
// with the subscription. Registering takes minutes to reach the provider, which
// must be registered anew afterwards.
// learn.microsoft.com/azure/azure-resource-manager/management/preview-features
type Feature struct {
	Namespace string `json:"namespace"` // as Microsoft.Compute
	Name      string `json:"name"`      // as EncryptionAtHost
	Why       string `json:"why"`
	// Optional features may be unregistered, or unknown to Azure: the run warns
	// and goes on.
	Optional bool `json:"optional"`
}

// ID is how needs and findings name the feature: Microsoft.Compute/EncryptionAtHost.
func (f Feature) ID() string { return f.Namespace + "/" + f.Name }

// features are those of the plan's nodes (U19). Encryption at host must be
// registered; Pod Sandboxing no longer needs its preview's feature where it is
// generally available, so that the lack of that one is no obstacle.
// learn.microsoft.com/azure/aks/enable-host-encryption
// learn.microsoft.com/azure/aks/use-pod-sandboxing
func (p *Plan) features() []Feature {
	out := []Feature{{Namespace: "Microsoft.Compute", Name: "EncryptionAtHost", Why: "the sandboxes' nodes encrypt their disks at the host"}}
	if p.Options.Isolation == confidential {
		out = append(out, Feature{
			Namespace: "Microsoft.ContainerService", Name: "KataVMIsolationPreview",
			Why: "confidential sandboxes run in virtual machines of their own", Optional: true,
		})
	}
	return out
}

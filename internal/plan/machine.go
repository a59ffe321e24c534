package plan

// Machine is a row of like virtual machines: a node pool's. Quotas and the
// sizes that a region offers are checked against it.
type Machine struct {
	Pool  string `json:"pool"`
	Size  string `json:"size"`  // as Standard_D4as_v5
	Count int    `json:"count"` // nodes that the run makes
	// Surge is how many nodes more an upgrade of the pool takes for a while: AKS
	// surges by a tenth of the pool, rounded up, where nothing else is said.
	// learn.microsoft.com/azure/aks/upgrade-aks-node-pools-rolling
	Surge            int    `json:"surge"`
	EncryptionAtHost bool   `json:"encryptionAtHost"`
	Why              string `json:"why"`
}

// The cluster's node pools.
const (
	SystemPool  = "system"
	SandboxPool = "clawpool"
)

// machines are the nodes of the cluster, one of each pool.
func machines() []Machine {
	surge := func(count int) int { return (count + 9) / 10 }
	return []Machine{
		{Pool: SystemPool, Size: "Standard_D2as_v5", Count: 1, Surge: surge(1), Why: "the cluster's own pods and kars' run on it"},
		{Pool: SandboxPool, Size: "Standard_D4as_v5", Count: 1, Surge: surge(1), EncryptionAtHost: true, Why: "sandboxes run on it"}, // U22
	}
}

// Package v1alpha1 holds the Kubernetes API of kars, kars.azure.com/v1alpha1:
// [KarsSandbox], one agent with an identity of its own, and [KarsAuthConfig],
// the trust between a cluster and Microsoft Entra from which such identities
// come.
//
// The custom resource definitions in charts/kars/crds and the deep copies are
// generated from these types by `make generate`.
//
// +kubebuilder:object:generate=true
// +groupName=kars.azure.com
package v1alpha1

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Group is the API group of every kars resource.
const Group = "kars.azure.com"

// GroupVersion is the group and version of the types in this package.
//
// +kubebuilder:object:generate=false
var GroupVersion = schema.GroupVersion{Group: Group, Version: "v1alpha1"}

// AddToScheme makes s know the types of this package.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion,
		&KarsSandbox{}, &KarsSandboxList{},
		&KarsAuthConfig{}, &KarsAuthConfigList{},
	)
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}

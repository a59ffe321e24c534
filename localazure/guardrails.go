package localazure

import (
	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/lock"
	"github.com/kars-dev/kars/localazure/policy"
	"github.com/kars-dev/kars/localazure/resources"
)

// addGuardrails adds what binds everyone, owners too: management locks, Azure
// Policy, and the deny assignments that deployment stacks make.
func (s *Server) addGuardrails() {
	s.arm.Add(arm.Provider{Namespace: "Microsoft.Authorization", Types: []arm.Type{
		lock.New(s.arm),
		{Name: resources.DenyType, APIVersions: []string{"2022-04-01"}, Extension: true, ReadOnly: true},
	}})
	policies := policy.New(s.arm)
	for _, p := range policies.Providers() {
		s.arm.Add(p)
	}
	s.arm.SetGuards(lock.Guard{Store: s.store}, policies)
}

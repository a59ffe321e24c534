package localazure

import (
	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/lock"
	"github.com/kars-dev/kars/localazure/policy"
)

// addGuardrails adds what binds everyone, owners too: management locks and
// Azure Policy.
func (s *Server) addGuardrails() {
	s.arm.Add(arm.Provider{Namespace: "Microsoft.Authorization", Types: []arm.Type{lock.New(s.arm)}})
	policies := policy.New(s.arm)
	for _, p := range policies.Providers() {
		s.arm.Add(p)
	}
	s.arm.SetGuards(lock.Guard{Store: s.store}, policies)
}

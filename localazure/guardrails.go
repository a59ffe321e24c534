package localazure

import (
	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/lock"
)

// addGuardrails adds what binds everyone, owners too: management locks.
func (s *Server) addGuardrails() {
	s.arm.Add(arm.Provider{Namespace: "Microsoft.Authorization", Types: []arm.Type{lock.New(s.arm)}})
	s.arm.SetGuards(lock.Guard{Store: s.store}, nil)
}

// Package localazure is an Azure on one machine: Resource Manager, Microsoft
// Graph, Entra, the instance metadata service, and the data planes of container
// registries and models, under Azure's own host names, with real tokens and real
// authorisation, over one embedded database.
//
// Start with [Open]. The first time, it founds a tenant with one subscription
// and the user owner, whose credential goes to [Options.Keep]:
//
//	s, err := localazure.Open(localazure.Options{
//		Dir:  t.TempDir(),
//		Keep: func(c localazure.Credential) error { owner = c; return nil },
//	})
//	defer s.Close()
//
// Then [Server.Serve] answers on a listener with a certificate for whatever
// name a client asks for, signed by [Server.CA]. A test needs no listener: a
// transport that dials any name to an httptest server of [Server.Handler], or
// that calls the handler itself, is enough, because the handler routes by the
// Host header. [Server.ServeAdmin] is for whoever started it, on a socket that
// only they can open: what was requested, and new principals.
//
// What a subscription can have is enforced: quotas, restricted sizes, preview
// features, models by region, names that others took. It is set through Azure's
// own APIs where there is one (Microsoft.Quota/quotas, Microsoft.Features), and
// else by [Server.RestrictSize], [Server.SetModelQuota] and [Server.ReserveName].
//
// What a locked-down tenant has binds everyone, owners too, and is set through
// Azure's own APIs alone: management locks (Microsoft.Authorization/locks),
// Azure Policy (policyDefinitions, policyAssignments, with four of the built-in
// definitions, and the question checkPolicyRestrictions), and the deny
// assignments that deployment stacks make (Microsoft.Resources/deploymentStacks).
//
// Managed clusters need [Options.Clusters]; without it they are refused.
//
// No acknowledged write is lost when the process is killed: long operations
// that were running continue at the next Open.
package localazure

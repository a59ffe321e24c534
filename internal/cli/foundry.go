package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/plan"
)

// maxSubscriptions bounds the search for an account.
const maxSubscriptions = 50

// findAccount finds the ARM id of the account that --foundry-endpoint names:
// in the plan's subscription, or else in the others that the caller sees. The
// caller may be allowed to look nowhere; the plan then says what that leaves
// open.
func (p *planFlags) findAccount(ctx context.Context, s *session) error {
	domain := p.chosen().FoundryDomain()
	if domain == "" || p.options.FoundryID != "" {
		return nil
	}
	id, looked, err := findAccount(ctx, s.arm, s.subscription, domain)
	if err != nil || id != "" {
		p.options.FoundryID = id
		return err
	}
	all, err := s.arm.Subscriptions(ctx)
	if err != nil && !arm.IsForbidden(err) {
		return err
	}
	for i, other := range all {
		if i == maxSubscriptions {
			break
		}
		if strings.EqualFold(other.ID, s.subscription) {
			continue
		}
		id, there, err := findAccount(ctx, s.arm, other.ID, domain)
		if err != nil || id != "" {
			p.options.FoundryID = id
			return err
		}
		looked = looked || there
	}
	if looked {
		return &plan.InputError{
			Field: "foundry-endpoint", Value: p.options.FoundryEndpoint,
			Problem: "is no account in any subscription that you see",
			Fix:     "az cognitiveservices account list --query '[].properties.endpoint'",
		}
	}
	return nil
}

// findAccount returns "" where the subscription has no such account, and false
// where the caller may not look.
//
// learn.microsoft.com/rest/api/aiservices/accountmanagement/accounts/list
func findAccount(ctx context.Context, c *arm.Client, subscription, domain string) (id string, looked bool, err error) {
	accounts, err := c.List(ctx, arm.SubscriptionID(subscription)+"/providers/Microsoft.CognitiveServices/accounts", "2025-06-01", nil)
	switch {
	case arm.IsForbidden(err):
		return "", false, nil
	case err != nil:
		return "", false, fmt.Errorf("looking for the account %s: %w", domain, err)
	}
	for _, a := range accounts {
		properties, _ := a["properties"].(map[string]any)
		if name, _ := properties["customSubDomainName"].(string); strings.EqualFold(name, domain) {
			id, _ := a["id"].(string)
			return id, true, nil
		}
	}
	return "", true, nil
}

// checkBuildable refuses, after the checks, what plan and preflight know and
// the run cannot bring about.
func checkBuildable(p *plan.Plan) error {
	switch {
	case p.Options.Gateway:
		return usagef("leave out a2aGateway.enabled", "this kars has no gateway yet: its permissions are checked, but it cannot be brought up")
	case p.Options.FoundryEndpoint != "" && p.Options.FoundryID == "":
		return usagef("name it: --foundry-id; or have a role at its subscription that lets you look, as Reader",
			"the account behind --foundry-endpoint %s was not found: no subscription lets you look", p.Options.FoundryEndpoint)
	}
	return nil
}

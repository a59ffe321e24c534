package model

import (
	"crypto/subtle"
	"fmt"
	"net/http"

	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure/entra"
	"github.com/kars-dev/kars/localazure/requests"
)

// audiences are those an Entra token may have;
// learn.microsoft.com/azure/ai-foundry/openai/how-to/managed-identity.
func audiences() []string {
	return []string{"https://cognitiveservices.azure.com", "https://ai.azure.com"}
}

// authorize admits a caller with a key of the account, or with a token of
// somebody who has the operation's data action at the account. The request log
// learns who it was.
func (s *Service) authorize(r *http.Request, account Account, op operation) error {
	requests.SetRead(r.Context()) // a completion changes nothing
	if key := r.Header.Get("Api-Key"); key != "" {
		return checkKey(account, key)
	}
	raw, ok := entra.BearerToken(r)
	if !ok {
		return badToken()
	}
	who, err := s.entra.Verify(r.Context(), raw, audiences()...)
	if err != nil {
		s.log.InfoContext(r.Context(), "token refused", "host", r.Host, "error", err)
		return badToken()
	}
	requests.SetCaller(r.Context(), requests.Caller{
		ObjectID: who.ObjectID, AppID: who.AppID, IdentityType: who.IdentityType,
		Audience: who.Audience, ParentAppID: who.ParentAppID,
	})
	d, err := s.authorizer.Authorize(r.Context(), who, rbac.Request{Action: op.action, Data: true, Scope: account.ID})
	if err != nil {
		return fmt.Errorf("authorizing %s at %s: %w", op.action, account.ID, err)
	}
	if d.Verdict == rbac.Allowed {
		return nil
	}
	principal := who.ObjectID
	if who.UPN != "" {
		principal = who.UPN
	}
	return permissionDenied(principal, op)
}

func checkKey(account Account, key string) error {
	if account.DisableLocalAuth {
		return keysDisabled()
	}
	for _, k := range account.Keys {
		if k != "" && subtle.ConstantTimeCompare([]byte(k), []byte(key)) == 1 {
			return nil
		}
	}
	return badKey()
}

package token

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kars-dev/kars/internal/broker/client"
)

// CodeWrongIdentity means that the broker's token is not the one expected:
// the identity of the sandbox changed under the pod, or something is amiss.
const CodeWrongIdentity client.Code = "WrongIdentity"

var errClaims = errors.New("the token is not the expected one")

// expectation is what a token must say.
type expectation struct {
	appID, tenantID, resource string
	now                       time.Time
}

// maxClaims bounds the part of a token that is decoded.
const maxClaims = 16 << 10

// checkClaims checks what a token says about itself. The signature is not
// checked: the token came over TLS from the broker, and the resource that it
// is for checks it. What this catches is the wrong token in the right hands.
func checkClaims(raw string, want expectation) error {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 || len(parts[1]) > maxClaims {
		return fmt.Errorf("%w: it is not a JWT", errClaims)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return fmt.Errorf("%w: its claims are not base64url", errClaims)
	}
	var claims struct {
		AppID    string      `json:"appid"`
		Client   string      `json:"azp"`
		TenantID string      `json:"tid"`
		Audience string      `json:"aud"`
		Expires  json.Number `json:"exp"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return fmt.Errorf("%w: its claims are not the JSON of an access token", errClaims)
	}
	app := claims.AppID
	if app == "" {
		// Version 2 tokens name the client azp.
		app = claims.Client
	}
	switch {
	case !strings.EqualFold(app, want.appID):
		return fmt.Errorf("%w: appid is %q, not the agent identity %q", errClaims, clip(app), want.appID)
	case !strings.EqualFold(claims.TenantID, want.tenantID):
		return fmt.Errorf("%w: tid is %q, not %q", errClaims, clip(claims.TenantID), want.tenantID)
	case strings.TrimSuffix(claims.Audience, "/") != strings.TrimSuffix(want.resource, "/"):
		return fmt.Errorf("%w: aud is %q, not %q", errClaims, clip(claims.Audience), want.resource)
	}
	exp, err := claims.Expires.Int64()
	if err != nil || !time.Unix(exp, 0).After(want.now) {
		return fmt.Errorf("%w: it has expired", errClaims)
	}
	return nil
}

// clip keeps a foreign text short in a message.
func clip(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}

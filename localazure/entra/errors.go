package entra

import (
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
)

// oauthError is a refusal of the token endpoint. Codes and texts are those of
// learn.microsoft.com/entra/identity-platform/reference-error-codes.
type oauthError struct {
	status int
	code   int    // of AADSTS
	kind   string // RFC 6749's error
	text   string
}

func (e *oauthError) Error() string { return fmt.Sprintf("AADSTS%d: %s", e.code, e.text) }

const federationHelp = "Check your federated identity credential Subject, Audience and Issuer against the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation"

func badClient(code int, format string, args ...any) *oauthError {
	return &oauthError{http.StatusUnauthorized, code, "invalid_client", fmt.Sprintf(format, args...)}
}

func badRequest(code int, kind, format string, args ...any) *oauthError {
	return &oauthError{http.StatusBadRequest, code, kind, fmt.Sprintf(format, args...)}
}

func errMissing(parameter string) *oauthError {
	return badRequest(900144, "invalid_request", "The request body must contain the following parameter: '%s'.", parameter)
}

func errTenant(tenant string) *oauthError {
	return badRequest(90002, "invalid_request", "Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.", tenant)
}

func errGrantType(grant string) *oauthError {
	return badRequest(70003, "unsupported_grant_type", "The app requested an unsupported grant type '%s'.", grant)
}

func errInvalidScope(scope string) *oauthError {
	return badRequest(70011, "invalid_scope", "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope %s is not valid.", scope)
}

func errSeveralResources() *oauthError {
	return badRequest(28000, "invalid_scope", "Provided value for the input parameter scope is not valid because it contains more than one resource.")
}

func errNotDefault(scope string) *oauthError {
	return badRequest(1002012, "invalid_scope", "The provided value for scope %s is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).", scope)
}

func errUnknownResource(name, tenant string) *oauthError {
	return badRequest(500011, "invalid_resource", "The resource principal named %s was not found in the tenant named %s. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant.", name, tenant)
}

func errUnknownClient(client, tenant string) *oauthError {
	return badRequest(700016, "unauthorized_client", "Application with identifier '%s' was not found in the directory '%s'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.", client, tenant)
}

func errNoServicePrincipal(client, tenant string) *oauthError {
	return badRequest(7000229, "unauthorized_client", "The client application %s is missing service principal in the tenant %s.", client, tenant)
}

func errDisabledClient(client, name string) *oauthError {
	return badRequest(7000112, "unauthorized_client", "Application '%s'(%s) is disabled.", client, name)
}

func errSecret(client string) *oauthError {
	return badClient(7000215, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '%s'.", client)
}

func errSecretExpired(client string) *oauthError {
	return badClient(7000222, "The provided client secret keys for app '%s' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.", client)
}

func errNoCredential() *oauthError {
	return badClient(7000216, "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.")
}

func errNotPublic() *oauthError {
	return badClient(7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
}

func errPassword() *oauthError {
	return badRequest(50126, "invalid_grant", "Error validating credentials due to invalid username or password.")
}

func errUserDisabled() *oauthError {
	return badRequest(50057, "invalid_grant", "The user account is disabled.")
}

func errConsent(client, name string) *oauthError {
	return badRequest(65001, "invalid_grant", "The user or administrator has not consented to use the application with ID '%s' named '%s'. Send an interactive authorization request for this user and resource.", client, name)
}

func errRefreshToken() *oauthError {
	return badRequest(9002313, "invalid_grant", "Invalid request. Request is malformed or invalid.")
}

func errRefreshExpired() *oauthError {
	return badRequest(700082, "invalid_grant", "The refresh token has expired due to inactivity.")
}

func errAgenticClient(client, resource string) *oauthError {
	return badRequest(82001, "unauthorized_client", "Agentic application '%s' is not permitted to request app-only tokens for resource '%s'.", client, resource)
}

// answer is the body of a refusal.
func (e *oauthError) answer(now time.Time, correlation string) map[string]any {
	trace := uuid.NewString()
	at := now.UTC().Format("2006-01-02 15:04:05Z")
	return map[string]any{
		"error": e.kind,
		"error_description": fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s",
			e.code, e.text, trace, correlation, at),
		"error_codes": []int{e.code}, "timestamp": at, "trace_id": trace, "correlation_id": correlation,
		"error_uri": fmt.Sprintf("https://%s/error?code=%d", LoginHost, e.code),
	}
}

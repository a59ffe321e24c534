// Package imds answers the instance metadata service of one node: tokens of the
// user-assigned identities that the node carries, and what the node is.
//
// A node's identities are what its handler is made with. Another node's cannot
// be asked for here, whatever a request says: which identities a pod can reach
// depends on where it runs and on nothing that it sends.
package imds

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/entra"
	"github.com/kars-dev/kars/localazure/requests"
)

// Issuer issues the tokens of managed identities.
type Issuer interface {
	IssueManagedIdentity(ctx context.Context, p directory.Principal, resource string) (entra.Token, error)
}

// Instance is what a node is.
type Instance struct {
	Name           string
	ResourceID     string // ARM id of the virtual machine or scale set instance
	Location       string
	SubscriptionID string
	ResourceGroup  string
	VMSize         string
	Tags           string // "name:value;name:value"
}

// Options are what a [Service] works with.
type Options struct {
	Issuer Issuer
	Now    func() time.Time
	// Identities returns the ARM ids of the user-assigned identities that the
	// node carries now.
	Identities func(context.Context) ([]string, error)
	// Principal finds a managed identity by its ARM id.
	Principal func(armID string) (directory.Principal, bool, error)
	Instance  Instance
}

// Service is the instance metadata service of one node.
type Service struct {
	o   Options
	mux *http.ServeMux
}

// New returns the instance metadata service of one node.
func New(o Options) *Service {
	s := &Service{o: o, mux: http.NewServeMux()}
	s.mux.HandleFunc("GET /metadata/identity/oauth2/token", s.token)
	s.mux.HandleFunc("GET /metadata/instance", s.instance)
	s.mux.HandleFunc("GET /metadata/versions", s.versions)
	return s
}

// ServeHTTP answers a request to http://169.254.169.254. Requests without the
// header Metadata, and those that a proxy passed on, are refused: a request that
// a server was tricked into carries neither;
// learn.microsoft.com/azure/virtual-machines/instance-metadata-service#security-and-authentication.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	requests.SetRead(r.Context())
	if !strings.EqualFold(r.Header.Get("Metadata"), "true") {
		refuse(w, http.StatusBadRequest, "invalid_request", "Required metadata header not specified")
		return
	}
	if r.Header.Get("X-Forwarded-For") != "" {
		refuse(w, http.StatusBadRequest, "invalid_request", "Requests that contain the header X-Forwarded-For are not accepted")
		return
	}
	s.mux.ServeHTTP(w, r)
}

// token answers with the token of one of the node's identities;
// learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token.
func (s *Service) token(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if !validVersion(query.Get("api-version")) {
		refuse(w, http.StatusBadRequest, "invalid_request", "Required query variable 'api-version' is missing or not supported")
		return
	}
	resource := query.Get("resource")
	if resource == "" {
		refuse(w, http.StatusBadRequest, "invalid_request", "Required query variable 'resource' is missing")
		return
	}
	mine, err := s.principals(r.Context())
	if err != nil {
		refuse(w, http.StatusInternalServerError, "unknown", "Failed to retrieve token from the Active directory")
		return
	}
	p, refused := choose(mine, query.Get("client_id"), query.Get("object_id"), firstOf(query.Get("mi_res_id"), query.Get("msi_res_id")))
	if refused != "" {
		refuse(w, http.StatusBadRequest, "invalid_request", refused)
		return
	}
	token, err := s.o.Issuer.IssueManagedIdentity(r.Context(), p, resource)
	switch {
	case errors.Is(err, entra.ErrAudience):
		refuse(w, http.StatusBadRequest, "invalid_resource",
			"AADSTS500011: The resource principal named "+resource+" was not found in the tenant.")
	case err != nil:
		refuse(w, http.StatusInternalServerError, "unknown", "Failed to retrieve token from the Active directory")
	default:
		requests.SetCaller(r.Context(), requests.Caller{
			ObjectID: p.ID, AppID: p.AppID, IdentityType: "app", Audience: token.Resource,
		})
		s.write(w, p, token)
	}
}

func (s *Service) write(w http.ResponseWriter, p directory.Principal, token entra.Token) {
	unix := func(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }
	writeJSON(w, http.StatusOK, map[string]string{
		"access_token": token.AccessToken, "client_id": p.AppID, "token_type": "Bearer", "resource": token.Resource,
		"expires_in":     strconv.Itoa(int(token.Expires.Sub(s.o.Now()).Seconds())),
		"ext_expires_in": strconv.Itoa(int(token.Expires.Sub(s.o.Now()).Seconds())),
		"expires_on":     unix(token.Expires), "not_before": unix(token.NotBefore),
	})
}

// principals are the node's identities that are there.
func (s *Service) principals(ctx context.Context) ([]directory.Principal, error) {
	ids, err := s.o.Identities(ctx)
	if err != nil {
		return nil, err
	}
	var out []directory.Principal
	for _, id := range ids {
		p, found, err := s.o.Principal(id)
		if err != nil {
			return nil, err
		}
		if found {
			out = append(out, p)
		}
	}
	return out, nil
}

// choose picks the identity that a request names. Without a name there must be
// one alone.
func choose(mine []directory.Principal, clientID, objectID, armID string) (directory.Principal, string) {
	named := 0
	for _, name := range []string{clientID, objectID, armID} {
		if name != "" {
			named++
		}
	}
	if named > 1 {
		return directory.Principal{}, "Only one of client_id, object_id and mi_res_id may be given"
	}
	if named == 0 {
		switch len(mine) {
		case 0:
			return directory.Principal{}, "Identity not found"
		case 1:
			return mine[0], ""
		}
		return directory.Principal{}, "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request"
	}
	for _, p := range mine {
		if same(clientID, p.AppID) || same(objectID, p.ID) || same(armID, p.ARMID) {
			return p, ""
		}
	}
	return directory.Principal{}, "Identity not found"
}

// instance answers with what the node is;
// learn.microsoft.com/azure/virtual-machines/instance-metadata-service#instance-metadata.
func (s *Service) instance(w http.ResponseWriter, r *http.Request) {
	if !validVersion(r.URL.Query().Get("api-version")) {
		refuse(w, http.StatusBadRequest, "Bad request", "api-version is invalid or was not specified in the request.")
		return
	}
	i := s.o.Instance
	writeJSON(w, http.StatusOK, map[string]any{"compute": map[string]any{
		"azEnvironment": "AzurePublicCloud", "location": i.Location, "name": i.Name, "osType": "Linux",
		"provider": "Microsoft.Compute", "resourceGroupName": i.ResourceGroup, "resourceId": i.ResourceID,
		"subscriptionId": i.SubscriptionID, "tags": i.Tags, "vmSize": i.VMSize,
		"vmId": uuid.NewSHA1(uuid.NameSpaceURL, []byte(strings.ToLower(i.ResourceID))).String(),
	}})
}

func (s *Service) versions(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"apiVersions": []string{"2018-02-01", "2019-08-01", "2021-02-01"}})
}

// validVersion says whether a version is a date that is not before the first
// one with tokens.
func validVersion(version string) bool {
	at, err := time.Parse(time.DateOnly, version)
	return err == nil && at.Year() >= 2018
}

func refuse(w http.ResponseWriter, status int, code, description string) {
	writeJSON(w, status, map[string]string{"error": code, "error_description": description})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller may have gone
}

func same(asked, have string) bool { return asked != "" && strings.EqualFold(asked, have) }

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// Package model is the data plane of the local Azure's OpenAI and Foundry
// accounts: chat completions, plain and streamed, and the list of models.
//
// [New] makes the service. As an http.Handler it answers by Host, for
// <subdomain>.openai.azure.com, .cognitiveservices.azure.com and
// .services.ai.azure.com:
//
//	POST /openai/deployments/{deployment}/chat/completions?api-version=…
//	POST /openai/v1/chat/completions   (the deployment is the field "model")
//	GET  /openai/v1/models
//
// The protocol is Azure's: tokens, role assignments, errors, content filter
// results, usage, server-sent events. The text is not a language model's. It is
// computed from the request, says so, and is the same for the same request:
// sampling parameters are taken and change nothing, tools are never called.
// What would need a real model (images, audio, a JSON schema for the answer)
// is refused.
//
// Tokens are estimated: see [CountTokens]. The content filter is a list of
// phrases: see [Classify].
package model

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure/entra"
)

// Account is what the control plane knows of an account.
type Account struct {
	ID string // ARM id
	// DisableLocalAuth refuses keys.
	DisableLocalAuth bool
	Keys             []string // the two keys, unless they are disabled
	Deployments      []Deployment
}

// Deployment is a model under a name.
type Deployment struct {
	Name    string // as callers name it
	Model   string // "gpt-4.1"
	Version string // "2025-04-14"
	Created time.Time
}

// Accounts finds an account by its host name, "<subdomain>.openai.azure.com"
// or one of its other names.
type Accounts interface {
	Account(ctx context.Context, host string) (Account, bool, error)
}

// Verifier checks an Entra access token for one of the audiences.
type Verifier interface {
	Verify(ctx context.Context, rawToken string, audiences ...string) (entra.Claims, error)
}

// Authorizer decides from role assignments.
type Authorizer interface {
	Authorize(ctx context.Context, c entra.Claims, r rbac.Request) (rbac.Decision, error)
}

// Options are what a [Service] needs.
type Options struct {
	Accounts   Accounts
	Entra      Verifier
	Authorizer Authorizer
	Now        func() time.Time // nil: time.Now
	Random     io.Reader        // for ids; nil: crypto/rand
	Log        *slog.Logger     // nil: nothing is logged
}

// Service answers for every account.
type Service struct {
	accounts   Accounts
	entra      Verifier
	authorizer Authorizer
	now        func() time.Time
	random     io.Reader
	log        *slog.Logger
}

// New returns the service.
func New(o Options) *Service {
	s := &Service{
		accounts: o.Accounts, entra: o.Entra, authorizer: o.Authorizer,
		now: o.Now, random: o.Random, log: o.Log,
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.random == nil {
		s.random = rand.Reader
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s
}

// ServeHTTP answers for the account that the Host header names.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := s.serve(w, r); err != nil {
		s.writeError(w, r, err)
	}
}

func (s *Service) serve(w http.ResponseWriter, r *http.Request) error {
	id, err := uuid.NewRandomFromReader(s.random)
	if err != nil {
		return fmt.Errorf("making a request id: %w", err)
	}
	w.Header().Set("Apim-Request-Id", id.String())
	w.Header().Set("X-Request-Id", id.String())
	account, ok, err := s.accounts.Account(r.Context(), hostname(r))
	if err != nil {
		return fmt.Errorf("looking up account %s: %w", hostname(r), err)
	}
	if !ok {
		return resourceNotFound()
	}
	op, ok := findOperation(r)
	if !ok {
		return resourceNotFound()
	}
	if err := s.authorize(r, account, op); err != nil {
		return err
	}
	if op.models {
		return listModels(w, account)
	}
	return s.complete(w, r, account, op, "chatcmpl-"+strings.ReplaceAll(id.String(), "-", ""))
}

// operation is one of the service's operations.
type operation struct {
	name       string // as Azure's errors name it, "POST /openai/…"
	action     string // the data action it needs
	deployment string // of the path; empty where the body names it
	models     bool   // list of models
}

// The data actions of the operations;
// learn.microsoft.com/azure/role-based-access-control/permissions/ai-machine-learning#microsoftcognitiveservices.
const (
	completionsAction = "Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action"
	modelsRead        = "Microsoft.CognitiveServices/accounts/OpenAI/models/read"
)

// findOperation finds what a request asks for. The paths of a deployment need
// an API version, those of v1 do not.
func findOperation(r *http.Request) (operation, bool) {
	switch path := strings.TrimSuffix(r.URL.Path, "/"); {
	case r.Method == http.MethodPost && path == "/openai/v1/chat/completions":
		return operation{name: "POST /openai/v1/chat/completions", action: completionsAction}, true
	case r.Method == http.MethodGet && path == "/openai/v1/models":
		return operation{name: "GET /openai/v1/models", action: modelsRead, models: true}, true
	case r.Method == http.MethodPost && r.URL.Query().Get("api-version") != "":
		rest, ok := strings.CutPrefix(path, "/openai/deployments/")
		name, isChat := strings.CutSuffix(rest, "/chat/completions")
		return operation{
			name:   "POST /openai/deployments/{deployment-id}/chat/completions",
			action: completionsAction, deployment: name,
		}, ok && isChat && name != "" && !strings.Contains(name, "/")
	}
	return operation{}, false
}

func listModels(w http.ResponseWriter, account Account) error {
	type entry struct {
		ID      string `json:"id"`
		Object  string `json:"object"`
		Created int64  `json:"created"`
		OwnedBy string `json:"owned_by"`
	}
	list := []entry{}
	for _, d := range account.Deployments {
		list = append(list, entry{d.Name, "model", d.Created.Unix(), "azure"})
	}
	return writeJSON(w, http.StatusOK, map[string]any{"object": "list", "data": list})
}

func hostname(r *http.Request) string {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(host)
}

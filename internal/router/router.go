// Package router is the policy point of a sandbox pod: the only thing that the
// agent can reach. On the agent's side [Router] serves the two paths of the
// OpenAI API that an agent needs, and sends them to the one model endpoint
// with a token of the sandbox's own agent identity. On the kubelet's side it
// answers health checks, metrics, and the messages of `kars connect`.
//
// Nothing of an agent's request is trusted: its headers are dropped but for a
// short list, its body is read and written anew, and neither the address nor
// the model can be chosen.
package router

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kars-dev/kars/internal/azure/cloud"
	"github.com/kars-dev/kars/internal/broker/client"
)

// Tier says whether the sandbox has an identity to call with.
type Tier string

// The tiers of a sandbox.
const (
	TierEntra     Tier = "entra"
	TierAnonymous Tier = "anonymous"
)

// TokenSource gets a token of the sandbox's agent identity; the token
// sidecar's client is one.
type TokenSource interface {
	Token(ctx context.Context, resource string) (client.Token, error)
}

// Options say what a [Router] stands between.
type Options struct {
	// AgentURL is where the agent listens, http://127.0.0.1:8080.
	AgentURL string
	// ModelEndpoint is the base URL of the model account,
	// https://<account>.openai.azure.com. Other domains are refused: the
	// agent's token must not travel to whoever is named in a resource.
	ModelEndpoint string
	// Deployment is the only model that the agent may use.
	Deployment string
	// Tier of the sandbox.
	Tier Tier
	// Tokens is needed in the entra tier.
	Tokens TokenSource
	// Transport reaches the model endpoint.
	Transport http.RoundTripper
	// Registry collects the metrics.
	Registry *prometheus.Registry
	Log      *slog.Logger
	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// Router stands between an agent and everything else.
type Router struct {
	o         Options
	endpoint  *url.URL
	agent     *url.URL
	resource  string
	metrics   *metrics
	readiness *readiness
	local     *http.Transport
}

// New checks the options and returns a Router.
func New(o Options) (*Router, error) {
	if o.Log == nil || o.Registry == nil || o.Transport == nil {
		return nil, errors.New("router: log, registry and transport are needed")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &Router{o: o, metrics: newMetrics(o.Registry), readiness: newReadiness(o.Tier)}
	// The agent is beside the router: no proxy, no waiting.
	r.local = &http.Transport{MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute, ResponseHeaderTimeout: callTimeout}
	agent, err := url.Parse(o.AgentURL)
	if err != nil || agent.Scheme != "http" || agent.Host == "" {
		return nil, fmt.Errorf("router: agent URL %q is not an http URL", o.AgentURL)
	}
	r.agent = agent
	switch o.Tier {
	case TierAnonymous:
		return r, nil
	case TierEntra:
	default:
		return nil, fmt.Errorf("router: tier %q is neither %s nor %s", o.Tier, TierEntra, TierAnonymous)
	}
	if o.Tokens == nil || o.Deployment == "" {
		return nil, errors.New("router: a token source and a model deployment are needed in the entra tier")
	}
	r.endpoint, r.resource, err = modelEndpoint(o.ModelEndpoint)
	return r, err
}

// foundrySuffix is the domain of Azure AI Foundry's own endpoints;
// learn.microsoft.com/azure/ai-foundry/foundry-models/concepts/endpoints
const foundrySuffix = "services.ai.azure.com"

// modelEndpoint checks the address of the model account and returns it with
// the resource that its tokens are for.
func modelEndpoint(raw string) (*url.URL, string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, "", fmt.Errorf("router: model endpoint: %w", err)
	}
	if u.Scheme != "https" || u.Host == "" || u.Port() != "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return nil, "", fmt.Errorf("router: model endpoint %q is not of the form https://<account>.%s", raw, cloud.Public.OpenAISuffix)
	}
	host := strings.ToLower(u.Hostname())
	for _, c := range []cloud.Cloud{cloud.Public, cloud.USGov, cloud.China} {
		suffixes := []string{c.OpenAISuffix, c.CognitiveServicesSuffix}
		if c.Name == cloud.Public.Name {
			suffixes = append(suffixes, foundrySuffix)
		}
		for _, suffix := range suffixes {
			if account, ok := strings.CutSuffix(host, "."+suffix); ok && account != "" && !strings.Contains(account, ".") {
				return &url.URL{Scheme: "https", Host: host}, c.CognitiveServicesAudience, nil
			}
		}
	}
	return nil, "", fmt.Errorf("router: model endpoint %q is not in a domain of Azure OpenAI", raw)
}

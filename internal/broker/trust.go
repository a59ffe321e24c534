package broker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/agentid"
	"github.com/kars-dev/kars/internal/azure/cloud"
	brokerclient "github.com/kars-dev/kars/internal/broker/client"
)

// Acting is what acts as the blueprint of one KarsAuthConfig.
type Acting struct {
	Exchange  *agentid.Exchange
	Directory *agentid.Directory
	// Resources are those for which agents may have tokens.
	Resources []string
}

// Trust returns what acts as the blueprint now. Where there is no
// KarsAuthConfig/default the error is a refusal, TrustNotReady.
type Trust func(ctx context.Context) (*Acting, error)

// TrustOptions say how a [ConfiguredTrust] reaches Entra and Graph.
type TrustOptions struct {
	// Cluster reads KarsAuthConfigs.
	Cluster client.Reader
	// ClusterUID tags this cluster's identities.
	ClusterUID string
	// AssertionFile is the broker's projected token for Entra.
	AssertionFile string
	// Transport reaches Entra and Graph.
	Transport policy.Transporter
	// Metadata reaches the node's instance metadata service, without a proxy.
	Metadata *http.Client
	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// ConfiguredTrust acts as KarsAuthConfig/default says. What it builds lives,
// with its cached tokens, until the specification changes.
type ConfiguredTrust struct {
	o TrustOptions

	mu     sync.Mutex
	spec   *v1alpha1.KarsAuthConfigSpec
	acting *Acting
}

// NewConfiguredTrust returns a ConfiguredTrust; it reads nothing.
func NewConfiguredTrust(o TrustOptions) *ConfiguredTrust { return &ConfiguredTrust{o: o} }

// Current is a [Trust].
func (t *ConfiguredTrust) Current(ctx context.Context) (*Acting, error) {
	var config v1alpha1.KarsAuthConfig
	err := t.o.Cluster.Get(ctx, types.NamespacedName{Name: v1alpha1.AuthConfigName}, &config)
	if apierrors.IsNotFound(err) || (err == nil && config.DeletionTimestamp != nil) {
		return nil, refusal(http.StatusConflict, brokerclient.CodeTrustNotReady,
			fmt.Sprintf("there is no KarsAuthConfig/%s: trust with Entra is not set up", v1alpha1.AuthConfigName))
	}
	if err != nil {
		return nil, fmt.Errorf("reading KarsAuthConfig/%s: %w", v1alpha1.AuthConfigName, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.spec != nil && reflect.DeepEqual(*t.spec, config.Spec) {
		return t.acting, nil
	}
	acting, err := t.build(config.Spec)
	if err != nil {
		return nil, refusal(http.StatusConflict, brokerclient.CodeTrustNotReady,
			fmt.Sprintf("KarsAuthConfig/%s: %v", v1alpha1.AuthConfigName, err))
	}
	t.spec, t.acting = config.Spec.DeepCopy(), acting
	return acting, nil
}

func (t *ConfiguredTrust) build(spec v1alpha1.KarsAuthConfigSpec) (*Acting, error) {
	c, err := cloudOf(spec.Tenant.AuthorityHost)
	if err != nil {
		return nil, err
	}
	options := policy.ClientOptions{
		Transport: t.o.Transport,
		// A sandbox waits for the answer: few, quick retries.
		Retry: policy.RetryOptions{MaxRetries: 2, RetryDelay: 200 * time.Millisecond, MaxRetryDelay: 2 * time.Second},
	}
	assertion := agentid.AssertionFromFile(t.o.AssertionFile)
	if spec.Controller.CredentialMode == v1alpha1.CredentialManagedIdentity {
		assertion = agentid.AssertionFromManagedIdentity(agentid.ManagedIdentity{
			ClientID: spec.Controller.ManagedIdentityClientID,
			Audience: c.TokenExchangeAudience,
			Client:   t.o.Metadata,
		})
	}
	exchange, err := agentid.NewExchange(agentid.ExchangeOptions{
		AuthorityHost:      "https://" + c.ActiveDirectoryHost,
		TenantID:           spec.Tenant.TenantID,
		BlueprintID:        spec.AgentID.BlueprintClientID,
		FederationAudience: c.TokenExchangeAudience,
		Assertion:          assertion,
		Client:             options,
		Now:                t.o.Now,
	})
	if err != nil {
		return nil, err
	}
	graph := "https://" + c.Graph
	return &Acting{
		Exchange: exchange,
		Directory: agentid.NewDirectory(agentid.DirectoryOptions{
			Graph:       agentid.NewGraphClient(graph, exchange, options),
			BlueprintID: spec.AgentID.BlueprintClientID,
			ClusterUID:  t.o.ClusterUID,
			Sponsors:    spec.AgentID.SponsorIDs,
			SponsorURL:  graph + "/v1.0",
		}),
		Resources: resources(c, spec.DownstreamAPIs),
	}, nil
}

// cloudOf finds the cloud by its authority host. Another host is refused: the
// blueprint's proof must reach Entra and no one else.
func cloudOf(authority string) (cloud.Cloud, error) {
	if authority == "" {
		return cloud.Public, nil
	}
	for _, c := range []cloud.Cloud{cloud.Public, cloud.USGov, cloud.China} {
		if strings.EqualFold(strings.TrimSuffix(authority, "/"), strings.TrimSuffix(c.Authority(), "/")) {
			return c, nil
		}
	}
	return cloud.Cloud{}, errors.New("tenant.authorityHost is not that of a known Azure cloud")
}

// resources are those that the downstream APIs' scopes name; where there are
// none, the model endpoint's alone.
func resources(c cloud.Cloud, apis map[string]v1alpha1.DownstreamAPI) []string {
	var out []string
	for _, api := range apis {
		for _, scope := range api.Scopes {
			if resource, ok := strings.CutSuffix(scope, "/.default"); ok && resource != "" {
				out = append(out, strings.TrimSuffix(resource, "/"))
			}
		}
	}
	if len(out) == 0 {
		out = append(out, c.CognitiveServicesAudience)
	}
	// An exchange token would let its holder act as the agent anywhere, by
	// hand: it is never given out, whatever a configuration says.
	out = slices.DeleteFunc(out, func(r string) bool { return strings.HasPrefix(r, "api://AzureADTokenExchange") })
	slices.Sort(out)
	return slices.Compact(out)
}

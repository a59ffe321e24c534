package plan

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Isolation says how far a sandbox is kept from its node.
type Isolation string

// The isolation levels.
const (
	Standard Isolation = "standard" // restricted security context, RuntimeDefault seccomp
	Enhanced Isolation = "enhanced" // plus kars' seccomp profile and, where nodes report it, a user namespace

	// confidential is refused by Validate while no pool for it is planned.
	confidential Isolation = "confidential"
)

// MeshTrust says whether trust with Entra is set up.
type MeshTrust string

// The choices of --mesh-trust.
const (
	TrustAuto      MeshTrust = "auto"      // set it up; without the right to, go on with a warning
	TrustEntra     MeshTrust = "entra"     // set it up or fail
	TrustAnonymous MeshTrust = "anonymous" // do not
)

// Options are what a person chooses. Zero values take the defaults of
// [Options.WithDefaults].
type Options struct {
	SubscriptionID string    `json:"subscriptionId,omitempty"`
	TenantID       string    `json:"tenantId,omitempty"`
	Name           string    `json:"name,omitempty"`   // of the first sandbox
	Region         string    `json:"region,omitempty"` // as "eastus2" or "East US 2"
	ResourceGroup  string    `json:"resourceGroup,omitempty"`
	ClusterName    string    `json:"clusterName,omitempty"`
	Isolation      Isolation `json:"isolation,omitempty"`
	Model          string    `json:"model,omitempty"` // name of a model, and of its deployment
	MeshTrust      MeshTrust `json:"meshTrust,omitempty"`
	ServiceTree    string    `json:"serviceTree,omitempty"` // GUID, or empty
	// Gateway is the chart's value a2aGateway.enabled: agents of other clusters
	// reach this one's through a public load balancer.
	Gateway bool `json:"gateway,omitempty"`
	// FoundryEndpoint is the URL of an account that is there already and holds a
	// deployment named after the model. The plan then makes none.
	FoundryEndpoint string `json:"foundryEndpoint,omitempty"`
	// FoundryID is the ARM id of the account behind FoundryEndpoint, which may lie
	// in another group or subscription. Whoever makes the plan looks it up; while
	// it is empty the plan lacks the grants at the account and has a
	// [NeedAccount] instead.
	FoundryID   string   `json:"foundryId,omitempty"`
	ImageSource string   `json:"imageSource,omitempty"` // registry and path that images are imported from
	Images      []Image  `json:"images,omitempty"`
	Suffixes    Suffixes `json:"suffixes,omitempty"`
}

// Suffixes are the DNS suffixes of the cloud's data planes.
type Suffixes struct {
	Registry string `json:"registry,omitempty"` // "azurecr.io"
	Vault    string `json:"vault,omitempty"`    // "vault.azure.net"
	OpenAI   string `json:"openAI,omitempty"`   // "openai.azure.com"
}

// InputError says which input is wrong, why, and what would be right.
type InputError struct {
	Field   string // the flag's name without dashes
	Value   string
	Problem string
	Fix     string
}

func (e *InputError) Error() string {
	return fmt.Sprintf("--%s %q %s", e.Field, e.Value, e.Problem)
}

// WithDefaults fills in what was left empty and folds the region's spelling.
func (o Options) WithDefaults() Options {
	def := func(v *string, d string) {
		if *v == "" {
			*v = d
		}
	}
	o.Region = strings.ToLower(strings.ReplaceAll(o.Region, " ", ""))
	def(&o.Name, "my-assistant")
	def(&o.Region, "eastus2")
	def(&o.ResourceGroup, "kars-"+o.Region)
	def(&o.ClusterName, "kars")
	def(&o.Model, "gpt-4.1")
	def((*string)(&o.Isolation), string(Enhanced))
	def((*string)(&o.MeshTrust), string(TrustAuto))
	def(&o.ImageSource, "ghcr.io/kars-dev")
	def(&o.Suffixes.Registry, "azurecr.io")
	def(&o.Suffixes.Vault, "vault.azure.net")
	def(&o.Suffixes.OpenAI, "openai.azure.com")
	o.FoundryEndpoint = o.foundryRoot()
	return o
}

// A rule is one input's own rule. Lengths and characters are Azure's; the
// shortest of the names derived from an input decides.
// learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
type rule struct {
	field, value string
	pattern      *regexp.Regexp
	max          int
	says         string
	fix          string
}

var (
	guidPattern    = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	labelPattern   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
	clusterPattern = regexp.MustCompile(`^[a-z]([a-z0-9]|-[a-z0-9])*$`)
	groupPattern   = regexp.MustCompile(`^[\p{L}\p{N}_().-]*[\p{L}\p{N}_()-]$`)
	regionPattern  = regexp.MustCompile(`^[a-z]+[a-z0-9]*$`)
	modelPattern   = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]+$`)
)

func (o Options) rules() []rule {
	return []rule{
		{
			"name", o.Name, labelPattern, 49,
			"must be lower-case letters, digits and hyphens, at most 49, beginning and ending with a letter or digit: its namespace is kars-<name>-<8 characters>",
			"--name my-assistant",
		},
		{
			"cluster-name", o.ClusterName, clusterPattern, 14,
			"must be lower-case letters, digits and single hyphens, at most 14, beginning with a letter: the key vault's name is <cluster>-kv-<6 characters>, and a vault's name has at most 24",
			"--cluster-name kars",
		},
		{
			"resource-group", o.ResourceGroup, groupPattern, 80,
			"must be letters, digits and _ ( ) . -, at most 80, and not end with a full stop",
			"--resource-group kars-eastus2",
		},
		{
			"region", o.Region, regionPattern, 40,
			"is not a region's name",
			"--region eastus2",
		},
		{
			"model", o.Model, modelPattern, 64,
			"must be letters, digits and _ . -, 2 to 64, beginning with a letter or digit",
			"--model gpt-4.1",
		},
	}
}

// Validate reports everything that is wrong with the options at once; each of
// the joined errors is an [*InputError].
func (o Options) Validate() error {
	var errs []error
	for _, r := range o.rules() {
		if r.field == "resource-group" && r.value == "kars-"+o.Region {
			continue // by default named after the region, whose own rule is stricter
		}
		if len(r.value) > r.max || !r.pattern.MatchString(r.value) {
			errs = append(errs, &InputError{r.field, r.value, r.says, r.fix})
		}
	}
	switch o.Isolation {
	case Standard, Enhanced:
	case confidential:
		errs = append(errs, &InputError{"isolation", string(o.Isolation), "needs a Kata node pool, which is not planned yet", "--isolation enhanced"})
	default:
		errs = append(errs, &InputError{"isolation", string(o.Isolation), "is not one of standard, enhanced", "--isolation enhanced"})
	}
	switch o.MeshTrust {
	case TrustAuto, TrustEntra, TrustAnonymous:
	default:
		errs = append(errs, &InputError{"mesh-trust", string(o.MeshTrust), "is not one of auto, entra, anonymous", "--mesh-trust auto"})
	}
	for _, g := range []struct{ field, value string }{
		{"service-tree", o.ServiceTree}, {"subscription", o.SubscriptionID}, {"tenant", o.TenantID},
	} {
		if g.value != "" && !guidPattern.MatchString(g.value) {
			errs = append(errs, &InputError{g.field, g.value, "is not a GUID", "--" + g.field + " 00000000-0000-0000-0000-000000000000"})
		}
	}
	return errors.Join(append(errs, o.endpointErrors()...)...)
}

package plan

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// accountHosts are the suffixes of the hosts at which an account of Azure AI
// Foundry or Azure OpenAI answers, in the public cloud and the sovereign ones.
// learn.microsoft.com/azure/ai-services/cognitive-services-virtual-networks
// learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure
func accountHosts() []string {
	var out []string
	for _, cloud := range []string{"azure.com", "azure.us", "azure.cn"} {
		out = append(out, "openai."+cloud, "cognitiveservices."+cloud, "services.ai."+cloud)
	}
	return out
}

var accountPattern = regexp.MustCompile(`(?i)^/subscriptions/[0-9a-f-]{36}/resourceGroups/[^/]+/providers/Microsoft\.CognitiveServices/accounts/[^/]+$`)

// FoundryDomain is the account's custom subdomain in FoundryEndpoint, by which
// the account is found among those of a subscription; "" where the URL is none
// of an account.
func (o Options) FoundryDomain() string {
	u, err := url.Parse(o.FoundryEndpoint)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Port() != "" || u.RawQuery != "" || u.Fragment != "" {
		return ""
	}
	// A project's URL is its account's too.
	if path := strings.Trim(u.Path, "/"); path != "" && !strings.HasPrefix(path, "api/projects/") {
		return ""
	}
	domain, suffix, _ := strings.Cut(strings.ToLower(u.Hostname()), ".")
	if !labelPattern.MatchString(domain) || !slices.Contains(accountHosts(), suffix) {
		return ""
	}
	return domain
}

// foundryRoot is the account's URL: the host alone, ending in a slash. What is
// no account's stays as it is, to be refused as it was given.
func (o Options) foundryRoot() string {
	if o.FoundryDomain() == "" {
		return o.FoundryEndpoint
	}
	u, err := url.Parse(o.FoundryEndpoint)
	if err != nil {
		return o.FoundryEndpoint
	}
	return "https://" + strings.ToLower(u.Host) + "/"
}

// endpointErrors are what is wrong with the account that is there already.
func (o Options) endpointErrors() []error {
	var errs []error
	if o.FoundryEndpoint != "" && o.FoundryDomain() == "" {
		errs = append(errs, &InputError{
			"foundry-endpoint", o.FoundryEndpoint, "is not the https URL of an Azure AI Foundry or Azure OpenAI account",
			"--foundry-endpoint https://my-account.openai.azure.com/",
		})
	}
	if o.FoundryID != "" && !accountPattern.MatchString(o.FoundryID) {
		errs = append(errs, &InputError{
			"foundry-id", o.FoundryID, "is not the ARM id of a Cognitive Services account",
			"--foundry-id /subscriptions/…/resourceGroups/…/providers/Microsoft.CognitiveServices/accounts/my-account",
		})
	}
	return errs
}

package model

import (
	"slices"
	"strings"
)

// Rate is what the content filter says of a text in one category.
type Rate struct {
	Filtered bool   `json:"filtered"`
	Severity string `json:"severity"` // safe, low, medium or high
}

// phrase is a text whose presence has a severity.
type phrase struct {
	category string
	severity string
	text     string
}

// phrases are all that the local content filter knows. They are there so that
// both outcomes of Azure's filter can be met and tested, not to protect
// anybody.
func phrases() []phrase {
	return []phrase{
		{"hate", "low", "i hate"},
		{"hate", "high", "subhuman"},
		{"self_harm", "low", "self-harm"},
		{"self_harm", "high", "how to kill myself"},
		{"sexual", "low", "erotic"},
		{"sexual", "high", "pornographic story"},
		{"violence", "low", "murder"},
		{"violence", "medium", "how to hurt someone"},
		{"violence", "high", "how to build a bomb"},
	}
}

// Classify rates a text in the four categories of Azure's content filter, by
// the phrases it contains. What is rated medium or high is filtered, as under
// Azure's default policy;
// learn.microsoft.com/azure/ai-foundry/openai/concepts/default-safety-policies.
func Classify(text string) map[string]Rate {
	rates := map[string]Rate{}
	for _, category := range []string{"hate", "self_harm", "sexual", "violence"} {
		rates[category] = Rate{Severity: "safe"}
	}
	folded := strings.ToLower(text)
	for _, p := range phrases() {
		if strings.Contains(folded, p.text) && rank(p.severity) > rank(rates[p.category].Severity) {
			rates[p.category] = Rate{Severity: p.severity, Filtered: rank(p.severity) >= rank("medium")}
		}
	}
	return rates
}

func rank(severity string) int {
	return slices.Index([]string{"safe", "low", "medium", "high"}, severity)
}

// blocked says whether any category is filtered.
func blocked(rates map[string]Rate) bool {
	for _, r := range rates {
		if r.Filtered {
			return true
		}
	}
	return false
}

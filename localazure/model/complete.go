package model

import (
	"net/http"
	"strings"
)

// usage counts the tokens of a request and its answer.
type usage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
	TotalTokens      int `json:"total_tokens"`
}

// promptFilter is the content filter's result for the prompt.
type promptFilter struct {
	PromptIndex          int             `json:"prompt_index"`
	ContentFilterResults map[string]Rate `json:"content_filter_results"`
}

// completion is the answer to a request that is not streamed;
// learn.microsoft.com/azure/ai-foundry/openai/reference#chat-completions.
type completion struct {
	ID                  string         `json:"id"`
	Object              string         `json:"object"`
	Created             int64          `json:"created"`
	Model               string         `json:"model"`
	SystemFingerprint   string         `json:"system_fingerprint"`
	PromptFilterResults []promptFilter `json:"prompt_filter_results"`
	Choices             []choice       `json:"choices"`
	Usage               usage          `json:"usage"`
}

type choice struct {
	Index                int             `json:"index"`
	Message              reaction        `json:"message"`
	FinishReason         string          `json:"finish_reason"`
	ContentFilterResults map[string]Rate `json:"content_filter_results"`
	Logprobs             *struct{}       `json:"logprobs"` // always null
}

type reaction struct {
	Role    string  `json:"role"`
	Content string  `json:"content"`
	Refusal *string `json:"refusal"` // always null
}

// fingerprint says which system computed an answer.
const fingerprint = "fp_local"

// prepared is a checked request with all that its answer will say.
type prepared struct {
	id       string
	created  int64
	model    string // with its version
	chat     chat
	prompt   []promptFilter
	answer   answer
	filtered map[string]Rate
	usage    usage
}

func (s *Service) complete(w http.ResponseWriter, r *http.Request, account Account, op operation, id string) error {
	c, err := readChat(w, r)
	if err != nil {
		return err
	}
	name := op.deployment
	if name == "" {
		name = c.Model
	}
	d, ok := account.deployment(name)
	if !ok {
		return deploymentNotFound()
	}
	var prompt strings.Builder
	for _, m := range c.Messages {
		prompt.WriteString(string(m.Content) + "\n")
	}
	rates := Classify(prompt.String())
	if blocked(rates) {
		return filtered(rates)
	}
	a := reply(c, d)
	spent := usage{PromptTokens: c.promptTokens(), CompletionTokens: len(a.pieces) * c.choices()}
	spent.TotalTokens = spent.PromptTokens + spent.CompletionTokens
	p := prepared{
		id: id, created: s.now().Unix(), model: d.Model, chat: c, answer: a, usage: spent,
		prompt: []promptFilter{{0, rates}}, filtered: Classify(a.text()),
	}
	if d.Version != "" {
		p.model += "-" + d.Version
	}
	if c.Stream {
		return p.stream(r.Context(), w)
	}
	return p.whole(w)
}

// deployment finds a deployment; names do not differ by case.
func (a Account) deployment(name string) (Deployment, bool) {
	for _, d := range a.Deployments {
		if strings.EqualFold(d.Name, name) {
			return d, true
		}
	}
	return Deployment{}, false
}

func (p prepared) whole(w http.ResponseWriter) error {
	body := completion{
		ID: p.id, Object: "chat.completion", Created: p.created, Model: p.model,
		SystemFingerprint: fingerprint, PromptFilterResults: p.prompt, Usage: p.usage,
	}
	for i := range p.chat.choices() {
		body.Choices = append(body.Choices, choice{
			Index: i, Message: reaction{Role: "assistant", Content: p.answer.text()},
			FinishReason: p.answer.finish, ContentFilterResults: p.filtered,
		})
	}
	return writeJSON(w, http.StatusOK, body)
}

package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Bounds of a request.
const (
	maxBody     = 4 << 20 // bytes
	maxMessages = 2048
	maxChoices  = 8
	maxStops    = 4
	// maxContext is how many tokens prompt and answer may have together.
	maxContext = 128_000
)

// chat is the part of a chat completion request that means something here.
type chat struct {
	Model               string         `json:"model"`
	Messages            []message      `json:"messages"`
	Stream              bool           `json:"stream"`
	StreamOptions       *streamOptions `json:"stream_options"`
	MaxTokens           *int           `json:"max_tokens"`
	MaxCompletionTokens *int           `json:"max_completion_tokens"`
	Choices             *int           `json:"n"`
	Stop                stops          `json:"stop"`
	ResponseFormat      *struct {
		Type string `json:"type"`
	} `json:"response_format"`
}

type streamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

// message is one turn. Its content is a string, a list of text parts, or, from
// an assistant that called tools, nothing.
type message struct {
	Role    string  `json:"role"`
	Content content `json:"content"`
}

type content string

// UnmarshalJSON takes the text of a string or of a list of parts.
func (c *content) UnmarshalJSON(raw []byte) error {
	var text *string
	if err := json.Unmarshal(raw, &text); err == nil {
		if text != nil {
			*c = content(*text)
		}
		return nil
	}
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return errors.New("content must be a string or an array of parts")
	}
	var all strings.Builder
	for _, p := range parts {
		if p.Type != "text" {
			return fmt.Errorf("content of type %q is not supported by the local model", p.Type)
		}
		all.WriteString(p.Text)
	}
	*c = content(all.String())
	return nil
}

type stops []string

// UnmarshalJSON takes one string or a list of strings.
func (s *stops) UnmarshalJSON(raw []byte) error {
	var one *string
	if err := json.Unmarshal(raw, &one); err == nil {
		if one != nil {
			*s = stops{*one}
		}
		return nil
	}
	return json.Unmarshal(raw, (*[]string)(s))
}

// readChat reads and checks a request. Its errors are of type [Error].
func readChat(w http.ResponseWriter, r *http.Request) (chat, error) {
	var c chat
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&c)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return chat{}, &Error{Status: http.StatusRequestEntityTooLarge, Code: "413", Message: "Request body is too large."}
	case err != nil:
		return chat{}, invalidRequest("", "The request body is invalid: "+err.Error())
	}
	return c, c.check()
}

func (c chat) check() error {
	roles := []string{"system", "developer", "user", "assistant", "tool", "function"}
	switch {
	case len(c.Messages) == 0:
		return invalidRequest("messages", "'messages' must not be empty.")
	case len(c.Messages) > maxMessages:
		return invalidRequest("messages", fmt.Sprintf("'messages' has more than %d entries.", maxMessages))
	case c.limit() < 1:
		return invalidRequest("max_tokens", "'max_tokens' must be at least 1.")
	case c.choices() < 1 || c.choices() > maxChoices:
		return invalidRequest("n", fmt.Sprintf("'n' must be between 1 and %d.", maxChoices))
	case len(c.Stop) > maxStops || slices.Contains(c.Stop, ""):
		return invalidRequest("stop", fmt.Sprintf("'stop' must be up to %d strings that are not empty.", maxStops))
	case c.StreamOptions != nil && !c.Stream:
		return invalidRequest("stream_options", "'stream_options' is only allowed when 'stream' is enabled.")
	case c.ResponseFormat != nil && c.ResponseFormat.Type != "text":
		return invalidRequest("response_format", "'response_format' other than text is not supported by the local model.")
	}
	for i, m := range c.Messages {
		if !slices.Contains(roles, m.Role) {
			return invalidRequest(fmt.Sprintf("messages[%d].role", i), fmt.Sprintf("%q is not a role.", m.Role))
		}
	}
	if n := c.promptTokens(); n+1 > maxContext {
		refusal := invalidRequest("messages", fmt.Sprintf(
			"This model's maximum context length is %d tokens. However, your messages resulted in %d tokens.", maxContext, n))
		refusal.Code = "context_length_exceeded"
		return refusal
	}
	return nil
}

// limit is how many tokens the answer may have.
func (c chat) limit() int {
	for _, n := range []*int{c.MaxCompletionTokens, c.MaxTokens} {
		if n != nil {
			return *n
		}
	}
	return maxContext
}

func (c chat) choices() int {
	if c.Choices == nil {
		return 1
	}
	return *c.Choices
}

// promptTokens counts the messages as OpenAI does: three tokens frame each
// message, one names its role, and three begin the answer;
// github.com/openai/openai-cookbook, "How to count tokens with tiktoken".
func (c chat) promptTokens() int {
	n := 3
	for _, m := range c.Messages {
		n += 4 + CountTokens(string(m.Content))
	}
	return n
}

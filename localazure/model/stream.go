package model

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// chunk is one event of a streamed answer.
type chunk struct {
	ID                  string         `json:"id"`
	Object              string         `json:"object"`
	Created             int64          `json:"created"`
	Model               string         `json:"model"`
	SystemFingerprint   string         `json:"system_fingerprint,omitempty"`
	PromptFilterResults []promptFilter `json:"prompt_filter_results,omitempty"`
	Choices             []delta        `json:"choices"`
	Usage               *usage         `json:"usage,omitempty"`
}

type delta struct {
	Index                int             `json:"index"`
	Delta                change          `json:"delta"`
	FinishReason         *string         `json:"finish_reason"`
	ContentFilterResults map[string]Rate `json:"content_filter_results,omitempty"`
}

type change struct {
	Role    string  `json:"role,omitempty"`
	Content *string `json:"content,omitempty"`
}

// stream sends the answer as server-sent events, a token each: first the
// filter's result for the prompt, then each choice's role, its text and why it
// ended, then, when asked for, the usage, and [DONE].
func (p prepared) stream(ctx context.Context, w http.ResponseWriter) error {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	w.WriteHeader(http.StatusOK)
	out := events{w, http.NewResponseController(w)}
	// The first event has no id, as Azure's has none.
	if !out.send(ctx, chunk{Choices: []delta{}, PromptFilterResults: p.prompt}) {
		return nil
	}
	for i := range p.chat.choices() {
		for _, d := range p.deltas(i) {
			if !out.send(ctx, p.chunk([]delta{d})) {
				return nil
			}
		}
	}
	if o := p.chat.StreamOptions; o != nil && o.IncludeUsage {
		last := p.chunk([]delta{})
		last.Usage = &p.usage
		if !out.send(ctx, last) {
			return nil
		}
	}
	out.raw("[DONE]")
	return nil
}

func (p prepared) chunk(choices []delta) chunk {
	return chunk{
		ID: p.id, Object: "chat.completion.chunk", Created: p.created, Model: p.model,
		SystemFingerprint: fingerprint, Choices: choices,
	}
}

func (p prepared) deltas(index int) []delta {
	empty := ""
	list := []delta{{Index: index, Delta: change{Role: "assistant", Content: &empty}}}
	for _, piece := range p.answer.pieces {
		list = append(list, delta{Index: index, Delta: change{Content: &piece}, ContentFilterResults: p.filtered})
	}
	return append(list, delta{Index: index, FinishReason: &p.answer.finish})
}

// events writes server-sent events.
type events struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// send says whether the client still listens.
func (e events) send(ctx context.Context, c chunk) bool {
	raw, err := json.Marshal(c)
	if err != nil || ctx.Err() != nil {
		return false
	}
	return e.raw(string(raw))
}

func (e events) raw(data string) bool {
	if _, err := fmt.Fprintf(e.w, "data: %s\n\n", data); err != nil {
		return false
	}
	err := e.control.Flush()
	return err == nil || errors.Is(err, http.ErrNotSupported)
}

// Package agent is the reference agent, and the contract that any image in an
// agent container keeps: GET /healthz, and POST /v1/chat that turns
// {"message"} into {"reply"} by calling a model at an OpenAI base URL. It holds
// no credential; the router beside it has the identity.
package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	maxMessage  = 1 << 20
	maxAnswer   = 8 << 20
	callTimeout = 5 * time.Minute
)

// instructions are sent before every message.
const instructions = "You are an assistant that runs in a kars sandbox. Answer briefly."

// Options say where the model is.
type Options struct {
	// BaseURL of the OpenAI API, http://127.0.0.1:8443/v1 in a sandbox.
	BaseURL string
	// Model is what requests name.
	Model string
	Log   *slog.Logger
}

// Agent answers messages.
type Agent struct {
	o      Options
	client *http.Client
}

// Failure is what an answer that is not a reply says.
type Failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (f *Failure) Error() string { return f.Code + ": " + f.Message }

// New returns an Agent.
func New(o Options) (*Agent, error) {
	u, err := url.Parse(o.BaseURL)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("agent: OPENAI_BASE_URL %q is not a URL", o.BaseURL)
	}
	if o.Log == nil {
		return nil, errors.New("agent: a log is needed")
	}
	o.BaseURL = strings.TrimSuffix(o.BaseURL, "/")
	// The router is beside the agent; a proxy from the environment is not.
	return &Agent{o: o, client: &http.Client{Transport: &http.Transport{}, Timeout: callTimeout}}, nil
}

// Handler serves the agent contract.
func (a *Agent) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("POST /v1/chat", a.chat)
	return mux
}

func (a *Agent) chat(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	var in struct {
		Message string `json:"message"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxMessage)).Decode(&in); err != nil || strings.TrimSpace(in.Message) == "" {
		write(w, http.StatusBadRequest, map[string]any{"error": &Failure{Code: "BadRequest", Message: `a JSON object with a "message" is needed`}})
		return
	}
	reply, err := a.Reply(r.Context(), in.Message)
	if err != nil {
		f, ok := errors.AsType[*Failure](err)
		if !ok {
			f = &Failure{Code: "ModelUnreachable", Message: err.Error()}
		}
		a.o.Log.Warn("no reply", "code", f.Code, "reason", f.Message)
		write(w, http.StatusBadGateway, map[string]any{"error": f})
		return
	}
	write(w, http.StatusOK, map[string]string{"reply": reply})
}

func write(w http.ResponseWriter, status int, v any) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

type chatMessage struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// Reply asks the model. What the router refused comes back as a [*Failure]
// with the router's own code and words.
func (a *Agent) Reply(ctx context.Context, message string) (string, error) {
	body, err := json.Marshal(map[string]any{
		"model":    a.o.Model,
		"messages": []chatMessage{{"system", instructions}, {"user", message}},
	})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.o.BaseURL+"/chat/completions", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := a.client.Do(req)
	if err != nil {
		return "", fmt.Errorf("calling the router: %w", err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return "", fmt.Errorf("reading the model's answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return "", parseFailure(res.StatusCode, raw)
	}
	return parseReply(raw)
}

func parseReply(raw []byte) (string, error) {
	var answer struct {
		Choices []struct {
			Message struct {
				Content string `json:"content"`
				Refusal string `json:"refusal"`
			} `json:"message"`
			FinishReason string `json:"finish_reason"`
		} `json:"choices"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil || len(answer.Choices) == 0 {
		return "", &Failure{Code: "ModelAnswer", Message: "the model's answer is not a chat completion"}
	}
	first := answer.Choices[0]
	switch {
	case first.Message.Content != "":
		return first.Message.Content, nil
	case first.Message.Refusal != "":
		return "", &Failure{Code: "ModelRefusal", Message: first.Message.Refusal}
	default:
		return "", &Failure{Code: "ModelAnswer", Message: fmt.Sprintf("the model's answer is empty (finish reason %q)", first.FinishReason)}
	}
}

func parseFailure(status int, raw []byte) error {
	var said struct {
		Error struct {
			Code    any    `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if err := json.Unmarshal(raw, &said); err != nil || said.Error.Message == "" {
		return &Failure{Code: "ModelAnswer", Message: fmt.Sprintf("the model's endpoint answered with HTTP status %d", status)}
	}
	code, _ := said.Error.Code.(string)
	if code == "" {
		code = "ModelAnswer"
	}
	return &Failure{Code: code, Message: said.Error.Message}
}

package router

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"strings"
	"time"

	"github.com/kars-dev/kars/internal/broker/client"
)

const (
	// maxRequest bounds what an agent may send, which is held in memory, and
	// maxResponse what it may get.
	maxRequest  = 4 << 20
	maxResponse = 64 << 20
	// callTimeout bounds one call of the model, streamed or not.
	callTimeout = 10 * time.Minute
	// maxCalls bounds the agent's concurrent calls.
	maxCalls = 16
)

// requestHeaders may pass from the agent to the model; everything else, above
// all any credential, stays behind.
var requestHeaders = []string{"Accept", "Content-Type", "User-Agent", "X-Ms-Client-Request-Id"}

// responseHeaders may pass from the model to the agent.
var responseHeaders = []string{
	"Content-Type", "Retry-After", "Retry-After-Ms", "X-Request-Id", "Apim-Request-Id", "X-Ms-Region",
	"X-Ratelimit-Limit-Requests", "X-Ratelimit-Limit-Tokens", "X-Ratelimit-Remaining-Requests", "X-Ratelimit-Remaining-Tokens",
}

// AgentHandler is what the agent sees.
func (r *Router) AgentHandler() http.Handler {
	proxy := r.modelProxy()
	slots := make(chan struct{}, maxCalls)
	mux := http.NewServeMux()
	call := func(path string, prepare func(*http.Request) *failure) http.HandlerFunc {
		return func(w http.ResponseWriter, req *http.Request) {
			started := r.o.Now()
			recorder := &statusRecorder{ResponseWriter: w}
			defer func() { r.metrics.model(path, recorder.status, r.o.Now().Sub(started)) }()
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
			default:
				newFailure(http.StatusTooManyRequests, "TooManyCalls", fmt.Sprintf("more than %d calls at once", maxCalls)).write(recorder)
				return
			}
			ctx, cancel := context.WithTimeout(req.Context(), callTimeout)
			defer cancel()
			out, f := r.authorise(req.WithContext(ctx), prepare)
			if f != nil {
				r.refused(f)
				f.write(recorder)
				return
			}
			proxy.ServeHTTP(recorder, out)
		}
	}
	mux.HandleFunc("POST /v1/chat/completions", call("/v1/chat/completions", r.chatBody))
	mux.HandleFunc("GET /v1/models", call("/v1/models", func(*http.Request) *failure { return nil }))
	mux.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) {
		newFailure(http.StatusNotFound, CodeNotFound, fmt.Sprintf("%s %s is not offered to agents", req.Method, clip(req.URL.Path))).write(w)
	})
	return mux
}

// tokenKey is where authorise leaves the token for the proxy.
type tokenKey struct{}

// authorise checks a request of the agent and gets the token for it.
func (r *Router) authorise(req *http.Request, prepare func(*http.Request) *failure) (*http.Request, *failure) {
	if r.o.Tier == TierAnonymous {
		return nil, newFailure(http.StatusForbidden, CodeAnonymousTier,
			"this sandbox runs in the anonymous tier: it has no agent identity to call a model with; set up trust with `kars mesh setup-trust`")
	}
	if f := prepare(req); f != nil {
		return nil, f
	}
	t, err := r.o.Tokens.Token(req.Context(), r.resource)
	if err != nil {
		return nil, tokenFailure(err)
	}
	return req.WithContext(context.WithValue(req.Context(), tokenKey{}, t.AccessToken)), nil
}

// chatBody reads the body, holds it to the deployment, and writes it anew, so
// that the model endpoint reads exactly what was checked.
func (r *Router) chatBody(req *http.Request) *failure {
	raw, err := io.ReadAll(http.MaxBytesReader(nil, req.Body, maxRequest))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return newFailure(http.StatusRequestEntityTooLarge, CodeBadRequest, fmt.Sprintf("the request is longer than %d bytes", maxRequest))
		}
		return newFailure(http.StatusBadRequest, CodeBadRequest, "the request broke off")
	}
	checked, f := holdTo(raw, r.o.Deployment)
	if f != nil {
		return f
	}
	req.Body = io.NopCloser(bytes.NewReader(checked))
	req.ContentLength = int64(len(checked))
	req.Header.Set("Content-Type", "application/json")
	return nil
}

// holdTo returns a chat request for the deployment. A request that names
// another model is refused, one that names none gets it.
func holdTo(raw []byte, deployment string) ([]byte, *failure) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil || fields == nil {
		return nil, newFailure(http.StatusBadRequest, CodeBadRequest, "the request is not a JSON object")
	}
	for name := range fields {
		// An endpoint that reads names without regard to case would see two.
		if name != "model" && strings.EqualFold(name, "model") {
			return nil, newFailure(http.StatusBadRequest, CodeBadRequest, fmt.Sprintf("%q is not model", clip(name)))
		}
	}
	if named, ok := fields["model"]; ok {
		var model string
		if err := json.Unmarshal(named, &model); err != nil {
			return nil, newFailure(http.StatusBadRequest, CodeBadRequest, "model is not a string")
		}
		if model != "" && model != deployment {
			return nil, newFailure(http.StatusForbidden, CodeModelNotAllowed,
				fmt.Sprintf("this sandbox may use the model %q, not %q", deployment, clip(model)))
		}
	}
	if f := stayIn(fields); f != nil {
		return nil, f
	}
	model, err := json.Marshal(deployment)
	if err != nil {
		return nil, newFailure(http.StatusInternalServerError, CodeBadRequest, "the deployment's name cannot be sent")
	}
	fields["model"] = model
	out, err := json.Marshal(fields)
	if err != nil {
		return nil, newFailure(http.StatusBadRequest, CodeBadRequest, "the request cannot be sent on")
	}
	return out, nil
}

// modelProxy sends a checked request to the model and its answer back.
func (r *Router) modelProxy() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Transport:     r.o.Transport,
		FlushInterval: -1, // streamed answers pass event by event
		ErrorLog:      discard,
		Rewrite: func(p *httputil.ProxyRequest) {
			token, _ := p.In.Context().Value(tokenKey{}).(string)
			p.Out.URL.Scheme, p.Out.URL.Host = r.endpoint.Scheme, r.endpoint.Host
			p.Out.URL.Path, p.Out.URL.RawPath, p.Out.URL.RawQuery = "/openai"+p.In.URL.Path, "", ""
			p.Out.Host = r.endpoint.Host
			p.Out.Header = pick(p.In.Header, requestHeaders)
			p.Out.Header.Set("Authorization", "Bearer "+token)
			p.Out.Trailer = nil
		},
		ModifyResponse: r.modelAnswer,
		ErrorHandler: func(w http.ResponseWriter, req *http.Request, err error) {
			if req.Context().Err() != nil {
				err = req.Context().Err()
			}
			f := newFailure(http.StatusBadGateway, CodeModelUnreached, fmt.Sprintf("the model endpoint %s does not answer: %v", r.endpoint.Host, rootCause(err)))
			r.refused(f)
			f.write(w)
		},
	}
}

// modelAnswer bounds the answer and gives a refusal its cause.
func (r *Router) modelAnswer(res *http.Response) error {
	res.Header = pick(res.Header, responseHeaders)
	res.Trailer = nil
	if res.StatusCode == http.StatusForbidden || res.StatusCode == http.StatusUnauthorized {
		return r.explain(res)
	}
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		r.readiness.modelAnswered()
	}
	res.Body = &bounded{ReadCloser: res.Body, left: maxResponse}
	return nil
}

// explain replaces the body of a refusal by one that says who was refused and
// what is missing, with the endpoint's own code and sentence.
func (r *Router) explain(res *http.Response) error {
	raw, err := io.ReadAll(io.LimitReader(res.Body, 16<<10))
	if err != nil {
		return err
	}
	_ = res.Body.Close()
	var said struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	// An answer in another form leaves the fields empty.
	_ = json.Unmarshal(raw, &said)
	f := newFailure(res.StatusCode, CodeModelForbidden, fmt.Sprintf(
		"the model endpoint %s refused the sandbox's agent identity with HTTP status %d (%s: %s); it needs the role Cognitive Services OpenAI User there, which takes some minutes to become effective",
		r.endpoint.Host, res.StatusCode, clip(said.Error.Code), clip(said.Error.Message)))
	r.refused(f)
	body := f.body()
	res.Header.Set("Content-Type", "application/json")
	res.Header.Del("Content-Length")
	res.ContentLength = int64(len(body))
	res.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// refused notes why a call did not get through, for the log and for /readyz.
func (r *Router) refused(f *failure) {
	r.readiness.modelRefused(f)
	r.o.Log.Warn("a model call did not get through", "status", f.status, "code", f.Code, "reason", f.Message)
}

// tokenFailure says why there is no token, in the broker's words.
func tokenFailure(err error) *failure {
	if e, ok := errors.AsType[*client.Error](err); ok {
		return newFailure(http.StatusBadGateway, string(e.Code), "no token of the sandbox's agent identity: "+e.Message)
	}
	return newFailure(http.StatusBadGateway, string(client.CodeUnavailable), fmt.Sprintf("no token of the sandbox's agent identity: %v", err))
}

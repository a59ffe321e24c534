package router

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// probeMessage asks the agent for as little as possible.
	probeMessage = "Reply with the single word: ready"
	// probeTimeout bounds one probe.
	probeTimeout = 60 * time.Second
	// probeFirst and probeMost bound the pause between probes, which doubles.
	// A role assignment may take minutes to become effective.
	probeFirst = 250 * time.Millisecond
	probeMost  = 10 * time.Second
	// healthTimeout bounds one question for the agent's health.
	healthTimeout = 800 * time.Millisecond
)

// readiness is what is known of whether the sandbox can be used.
type readiness struct {
	mu sync.Mutex
	// proved is set once and for all by a probe that went through.
	proved bool
	// calls counts the model calls that went through.
	calls int
	// reason says what the last attempt failed on.
	reason string
}

func newReadiness(tier Tier) *readiness {
	if tier == TierAnonymous {
		return &readiness{proved: true}
	}
	return &readiness{reason: "the agent has not answered a probe yet"}
}

func (r *readiness) modelAnswered() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
}

func (r *readiness) modelRefused(f *failure) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reason = f.Error()
}

func (r *readiness) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls
}

func (r *readiness) state() (bool, string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.proved, r.reason
}

func (r *readiness) prove() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.proved, r.reason = true, ""
}

func (r *readiness) fail(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reason = reason
}

// Prove sends the agent a probe until one went all the way: through the agent,
// back through this router with the sandbox's own identity, to the model. A
// sandbox is ready only then. It returns when that is done or the context ends.
func (r *Router) Prove(ctx context.Context) {
	pause := probeFirst
	for {
		if proved, _ := r.readiness.state(); proved {
			return
		}
		if err := r.agentHealthy(ctx); err != nil {
			// An agent that still starts is asked again soon.
			r.readiness.fail(err.Error())
		} else if err := r.probe(ctx); err == nil {
			r.readiness.prove()
			r.o.Log.Info("ready: the agent answered a probe with the sandbox's identity")
			return
		} else {
			r.o.Log.Warn("the probe failed", "error", err)
			pause = min(2*pause, probeMost)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// probe sends one message to the agent.
func (r *Router) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	before := r.readiness.count()
	r.readiness.fail("")
	body := fmt.Sprintf(`{"message":%q}`, probeMessage)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.agent.JoinPath("/v1/chat").String(), strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := r.local.RoundTrip(req)
	if err != nil {
		r.readiness.fail(fmt.Sprintf("%s: the agent does not answer: %v", CodeAgentUnreached, rootCause(err)))
		return err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxChat))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		// Why the model refused is known better here than by the agent.
		if _, reason := r.readiness.state(); reason == "" {
			r.readiness.fail(fmt.Sprintf("the agent answered a probe with HTTP status %d", res.StatusCode))
		}
		return fmt.Errorf("the agent answered with HTTP status %d", res.StatusCode)
	}
	var answer struct {
		Reply string `json:"reply"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil || answer.Reply == "" {
		r.readiness.fail("the agent's answer to a probe holds no reply")
		return fmt.Errorf("the agent's answer holds no reply")
	}
	if r.readiness.count() == before {
		r.readiness.fail("the agent answered a probe without calling the model")
		return fmt.Errorf("the agent did not call the model")
	}
	return nil
}

// agentHealthy asks the agent's /healthz.
func (r *Router) agentHealthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.agent.JoinPath("/healthz").String(), nil)
	if err != nil {
		return err
	}
	res, err := r.local.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("%s: the agent does not answer: %w", CodeAgentUnreached, rootCause(err))
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the agent is not healthy: HTTP status %d", res.StatusCode)
	}
	return nil
}

package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/kube"
	"github.com/kars-dev/kars/internal/report"
)

// routerPort is the router's kubelet port; the agent cannot reach it.
const routerPort = 9090

// replyTimeout bounds one answer of the agent.
const replyTimeout = 2 * time.Minute

func (a *app) connectCommand() *cobra.Command {
	var message string
	cmd := &cobra.Command{
		Use: "connect [NAME]", Short: "Talk to the agent in a sandbox", Args: oneSandbox,
		Example: "  kars connect my-assistant -m \"say hello\"\n  kars connect                 # a conversation, a line at a time",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			k, sb, err := a.chosenSandbox(ctx, args)
			if err != nil {
				return err
			}
			talk, stop, err := a.talkTo(ctx, k, sb)
			if err != nil {
				return err
			}
			defer stop()
			if message == "" {
				return a.converse(ctx, talk)
			}
			reply, err := talk(ctx, message)
			if err != nil {
				return err
			}
			doc := connectResult{report.APIVersion, "ConnectResult", reply}
			return a.printer.Document(doc, func(w io.Writer) { _, _ = fmt.Fprintln(w, visible(reply)) })
		},
	}
	cmd.Flags().StringVarP(&message, "message", "m", "", "say this and print the answer")
	return cmd
}

type connectResult struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Reply      string `json:"reply"`
}

// talk says something to the agent and returns its reply.
type talk func(ctx context.Context, message string) (string, error)

// talkTo forwards a port to the sandbox's router.
func (a *app) talkTo(ctx context.Context, k *kube.Client, sb *v1alpha1.KarsSandbox) (talk, func(), error) {
	if sb.Status.Pod == "" {
		return nil, nil, &codeError{code: exitFailed, text: fmt.Sprintf("the sandbox %s has no pod: it is %s", sb.Name, sb.Status.Phase), hints: []string{"see why: kars status"}}
	}
	address, stop, err := k.PortForward(ctx, sb.Status.Namespace, sb.Status.Pod, routerPort)
	if err != nil {
		return nil, nil, fmt.Errorf("reaching the sandbox %s: %w", sb.Name, err)
	}
	c := &http.Client{Timeout: replyTimeout}
	return func(ctx context.Context, message string) (string, error) { return say(ctx, c, address, message) }, stop, nil
}

func say(ctx context.Context, c *http.Client, address, message string) (string, error) {
	body, err := json.Marshal(map[string]string{"message": message})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/v1/chat", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.Do(req)
	if err != nil {
		return "", fmt.Errorf("talking to the agent: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	if err != nil {
		return "", fmt.Errorf("reading the agent's reply: %w", err)
	}
	var answer struct {
		Reply string `json:"reply"`
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return "", fmt.Errorf("reading the agent's reply: status %d is no JSON", resp.StatusCode)
	}
	if resp.StatusCode/100 != 2 {
		return "", agentError(resp.StatusCode, answer.Error.Code, answer.Error.Message)
	}
	return answer.Reply, nil
}

// agentError says why the agent has no answer; the router passes on the cause.
func agentError(status int, code, message string) error {
	e := &codeError{code: exitFailed, text: fmt.Sprintf("the agent has no answer: %s", visible(message))}
	if message == "" {
		e.text = fmt.Sprintf("the agent has no answer: status %d", status)
	}
	switch {
	case strings.Contains(code, "Anonymous"):
		e.hints = []string{"set up trust, so that the sandbox has an identity: kars mesh setup-trust"}
	case status == http.StatusForbidden || strings.Contains(message, "lacks the required data action"):
		e.hints = []string{"the sandbox's agent identity lacks a role at the Foundry account: see kars status"}
	}
	return e
}

// converse reads lines until the input ends.
func (a *app) converse(ctx context.Context, t talk) error {
	lines := bufio.NewScanner(a.streams.In)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		reply, err := t(ctx, lines.Text())
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(a.streams.Out, visible(reply)); err != nil {
			return err
		}
	}
	if err := lines.Err(); !errors.Is(err, bufio.ErrTooLong) {
		return err
	}
	return usagef("keep a message under a megabyte", "that line is too long")
}

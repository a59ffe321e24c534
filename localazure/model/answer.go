package model

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Reasons why an answer ended.
const (
	finishStop   = "stop"
	finishLength = "length"
)

// answer is what the local model has to say.
type answer struct {
	pieces []string // one token each
	finish string
}

func (a answer) text() string { return strings.Join(a.pieces, "") }

// quoted bounds how much of the last message is repeated, in bytes.
const quoted = 2000

// reply computes the answer to a request. It says what it is and what it read,
// so that nobody takes it for a language model's, and so that a caller can see
// that its own words arrived.
func reply(c chat, d Deployment) answer {
	last := c.Messages[len(c.Messages)-1]
	if i := lastUser(c.Messages); i >= 0 {
		last = c.Messages[i]
	}
	text := fmt.Sprintf(
		"This is the local model behind deployment %s; it is not %s. It read %s with %d tokens. The last one from %s says: %s",
		d.Name, d.Model, plural(len(c.Messages), "message"), c.promptTokens(), last.Role, shorten(string(last.Content)),
	)
	a := answer{finish: finishStop}
	for _, stop := range c.Stop {
		text, _, _ = strings.Cut(text, stop)
	}
	limit := min(c.limit(), maxContext-c.promptTokens())
	for piece := range tokens(text) {
		if len(a.pieces) == limit {
			a.finish = finishLength
			break
		}
		a.pieces = append(a.pieces, piece)
	}
	return a
}

func lastUser(messages []message) int {
	for i, m := range slices.Backward(messages) {
		if m.Role == "user" {
			return i
		}
	}
	return -1
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// shorten keeps the beginning of a long text, up to a whole rune.
func shorten(text string) string {
	if len(text) <= quoted {
		return text
	}
	end := quoted
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + " …"
}

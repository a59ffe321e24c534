package cli

import (
	"strings"
	"testing"
)

func TestAnAgentCannotSteerTheTerminal(t *testing.T) {
	for name, c := range map[string]struct{ said, shown string }{
		"plain words, in lines and columns":    {"héllo\tworld\n世界\n", "héllo\tworld\n世界\n"},
		"a colour":                             {"\x1b[31mred", "\ufffd[31mred"},
		"the clipboard":                        {"\x1b]52;c;ZXZpbA==\a", "\ufffd]52;c;ZXZpbA==\ufffd"},
		"a line that is written over":          {"denied\rgranted", "denied\ufffdgranted"},
		"an escape of eight bits":              {"\u009b2J", "\ufffd2J"},
		"letters that appear the other way":    {"\u202egnp.exe", "\ufffdgnp.exe"},
		"bytes that are no text":               {"a\xffb", "a\ufffdb"},
		"a character whose end never comes":    {"a\xe4\xb8", "a"},
		"an escape that no character precedes": {"\x1b", "\ufffd"},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			w := &visibleWriter{out: &out}
			for i := range len(c.said) { // byte by byte
				if n, err := w.Write([]byte{c.said[i]}); n != 1 || err != nil {
					t.Fatal(n, err)
				}
			}
			if out.String() != c.shown {
				t.Errorf("shown is %q, want %q", out.String(), c.shown)
			}
			if name != "a character whose end never comes" && visible(c.said) != c.shown {
				t.Errorf("whole, shown is %q, want %q", visible(c.said), c.shown)
			}
		})
	}
}

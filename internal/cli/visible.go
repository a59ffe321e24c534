package cli

import (
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// visible is a text of the agent's as it may stand on a terminal: what would
// move the cursor, change the window or reach the clipboard, or let letters
// appear in another order than they are, is shown as a replacement character.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			return utf8.RuneError
		}
		return r
	}, text)
}

// visibleWriter writes what is [visible] of a stream.
type visibleWriter struct {
	out  io.Writer
	rest []byte // the beginning of a character whose end is still to come
}

func (v *visibleWriter) Write(p []byte) (int, error) {
	text := slices.Concat(v.rest, p)
	whole := len(text)
	for i := 1; i < utf8.UTFMax && i <= len(text); i++ {
		if last := text[len(text)-i:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				whole -= i
			}
			break
		}
	}
	v.rest = append([]byte(nil), text[whole:]...)
	_, err := io.WriteString(v.out, visible(string(text[:whole])))
	return len(p), err
}

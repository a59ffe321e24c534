package model

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// CountTokens estimates how many tokens a text has. It is no model's
// vocabulary: the text is split where GPT's tokenizers split before they look
// into theirs (words with the space before them, digits in groups of three,
// runs of punctuation, runs of white space), and a piece counts one token for
// each six bytes it begins. For English prose that is close to what a GPT
// model counts; for other scripts it may be far off.
func CountTokens(text string) int {
	n := 0
	for range tokens(text) {
		n++
	}
	return n
}

// bytesPerToken is the longest token, in bytes.
const bytesPerToken = 6

// tokens yields the text in pieces of one token each. Together they are the
// text.
func tokens(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for text != "" {
			piece := cutPiece(text)
			text = text[len(piece):]
			for piece != "" {
				end := min(bytesPerToken+leadingSpace(piece), len(piece))
				for end < len(piece) && !utf8.RuneStart(piece[end]) {
					end++
				}
				if !yield(piece[:end]) {
					return
				}
				piece = piece[end:]
			}
		}
	}
}

// leadingSpace is 1 for a piece that begins with the space before a word,
// which costs nothing.
func leadingSpace(piece string) int {
	if piece[0] == ' ' {
		return 1
	}
	return 0
}

// class tells apart what is never in one piece.
type class int

const (
	letter class = iota
	digit
	space
	other
)

func classOf(r rune) class {
	switch {
	case unicode.IsLetter(r) || unicode.IsMark(r):
		return letter
	case unicode.IsDigit(r):
		return digit
	case unicode.IsSpace(r):
		return space
	default:
		return other
	}
}

// cutPiece returns the first piece of a text that is not empty.
func cutPiece(text string) string {
	start := 0
	if text[0] == ' ' && len(text) > 1 {
		if next, _ := utf8.DecodeRuneInString(text[1:]); classOf(next) != space {
			start = 1 // the space belongs to the word
		}
	}
	first, _ := utf8.DecodeRuneInString(text[start:])
	kind := classOf(first)
	end := strings.IndexFunc(text[start:], func(r rune) bool { return classOf(r) != kind })
	if end < 0 {
		end = len(text) - start
	}
	if kind == digit {
		end = min(end, 3)
		for start+end < len(text) && !utf8.RuneStart(text[start+end]) {
			end++
		}
	}
	return text[:start+end]
}

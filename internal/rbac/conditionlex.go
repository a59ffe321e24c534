package rbac

import (
	"fmt"
	"strings"
)

type tokenKind int

const (
	endToken    tokenKind = iota
	punctuation           // ( ) { } , ! && ||
	wordToken             // a name, a number or a GUID
	textToken             // between single quotes
	attrToken             // @Source[name]
)

type token struct {
	kind tokenKind
	text string    // of textToken without its quotes
	attr attribute // of attrToken
	at   int       // byte offset, for errors
}

// lex takes a condition apart.
func lex(s string) ([]token, error) {
	var out []token
	for i := 0; i < len(s); {
		if strings.IndexByte(" \t\r\n", s[i]) >= 0 {
			i++
			continue
		}
		t, n, err := lexOne(s[i:])
		if err != nil {
			return nil, fmt.Errorf("at offset %d: %w", i, err)
		}
		t.at = i
		out = append(out, t)
		i += n
	}
	return append(out, token{kind: endToken, at: len(s)}), nil
}

// lexOne reads the first token of s and returns how long it is.
func lexOne(s string) (token, int, error) {
	switch c := s[0]; {
	case strings.HasPrefix(s, "&&") || strings.HasPrefix(s, "||"):
		return token{kind: punctuation, text: s[:2]}, 2, nil
	case strings.IndexByte("(){},!", c) >= 0:
		return token{kind: punctuation, text: s[:1]}, 1, nil
	case c == '\'':
		end := strings.IndexByte(s[1:], '\'')
		if end < 0 {
			return token{}, 0, fmt.Errorf("a string does not end")
		}
		return token{kind: textToken, text: s[1 : 1+end]}, end + 2, nil
	case c == '@':
		return lexAttribute(s)
	case isWord(c):
		n := 1
		for n < len(s) && isWord(s[n]) {
			n++
		}
		return token{kind: wordToken, text: s[:n]}, n, nil
	default:
		return token{}, 0, fmt.Errorf("%q does not belong in a condition", c)
	}
}

func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.:", c) >= 0
}

func lexAttribute(s string) (token, int, error) {
	source, rest, ok := strings.Cut(s[1:], "[")
	if !ok {
		return token{}, 0, fmt.Errorf("an attribute has no name in brackets")
	}
	name, _, ok := strings.Cut(rest, "]")
	if !ok || name == "" {
		return token{}, 0, fmt.Errorf("an attribute's name does not end, or is empty")
	}
	for _, known := range []string{"Request", "Resource", "Principal", "Environment"} {
		if fold(source) == fold(known) {
			t := token{kind: attrToken, attr: attribute{source: known, name: name}}
			return t, 1 + len(source) + 1 + len(name) + 1, nil
		}
	}
	return token{}, 0, fmt.Errorf("@%s is not a source of attributes", source)
}

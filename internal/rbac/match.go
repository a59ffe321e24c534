package rbac

import "strings"

// Match reports whether an action pattern matches an action. Letters match
// without regard to case; "*" stands for any text, "/" included, and may stand
// anywhere in the pattern. Only ASCII letters have two cases here, so that no
// look-alike ever matches.
//
// learn.microsoft.com/azure/role-based-access-control/role-definitions#actions-format
func Match(pattern, action string) bool {
	return matchFolded(fold(pattern), fold(action))
}

// matchFolded is Match for what is in lower case already. It is greedy with
// one way back: when the text after the latest "*" does not fit, that "*"
// takes one byte more.
func matchFolded(pattern, action string) bool {
	p, a := 0, 0
	star, resume := -1, 0
	for a < len(action) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, a
			p++
		case p < len(pattern) && pattern[p] == action[a]:
			p++
			a++
		case star >= 0:
			resume++
			p, a = star+1, resume
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// fold puts the ASCII letters of s in lower case.
func fold(s string) string {
	if folded(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	writeFolded(&b, s)
	return b.String()
}

// foldBoth is fold for two texts, with one piece of memory for both.
func foldBoth(s, t string) (foldedS, foldedT string) {
	if folded(s) {
		return s, fold(t)
	}
	if folded(t) {
		return fold(s), t
	}
	var b strings.Builder
	b.Grow(len(s) + len(t))
	writeFolded(&b, s)
	writeFolded(&b, t)
	both := b.String()
	return both[:len(s)], both[len(s):]
}

func folded(s string) bool {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			return false
		}
	}
	return true
}

func writeFolded(b *strings.Builder, s string) {
	for i := range len(s) {
		b.WriteByte(foldByte(s[i]))
	}
}

func foldByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// sameFolded reports whether fold(s) == fold(t).
func sameFolded(s, t string) bool {
	if len(s) != len(t) {
		return false
	}
	for i := range len(s) {
		if foldByte(s[i]) != foldByte(t[i]) {
			return false
		}
	}
	return true
}

// foldAll is fold for each text; where nothing changes, list itself is
// returned.
func foldAll(list []string) []string {
	for i, s := range list {
		if folded(s) {
			continue
		}
		out := append([]string(nil), list...)
		for j := i; j < len(out); j++ {
			out[j] = fold(out[j])
		}
		return out
	}
	return list
}

// patterns is a compiled list of action patterns: those without "*" are found
// by hash, since the large built-in roles list hundreds of them.
type patterns struct {
	exact map[string]string // folded to as written
	wild  []wildcard
}

type wildcard struct{ folded, written string }

func compilePatterns(list []string) patterns {
	var ps patterns
	for _, written := range list {
		pattern := fold(written)
		if strings.Contains(pattern, "*") {
			ps.wild = append(ps.wild, wildcard{pattern, written})
			continue
		}
		if ps.exact == nil {
			ps.exact = make(map[string]string, len(list))
		}
		ps.exact[pattern] = written
	}
	return ps
}

// match returns the pattern, as written, that matches the folded action.
func (ps *patterns) match(action string) (string, bool) {
	if written, ok := ps.exact[action]; ok {
		return written, true
	}
	for i := range ps.wild {
		if matchFolded(ps.wild[i].folded, action) {
			return ps.wild[i].written, true
		}
	}
	return "", false
}

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
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			return foldFrom(s, i)
		}
	}
	return s
}

func foldFrom(s string, i int) string {
	var b strings.Builder
	b.Grow(len(s))
	b.WriteString(s[:i])
	for ; i < len(s); i++ {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b.WriteByte(c)
	}
	return b.String()
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
		folded := fold(written)
		if strings.Contains(folded, "*") {
			ps.wild = append(ps.wild, wildcard{folded, written})
			continue
		}
		if ps.exact == nil {
			ps.exact = make(map[string]string, len(list))
		}
		ps.exact[folded] = written
	}
	return ps
}

// match returns the pattern, as written, that matches the folded action.
func (ps patterns) match(action string) (string, bool) {
	if written, ok := ps.exact[action]; ok {
		return written, true
	}
	for _, w := range ps.wild {
		if matchFolded(w.folded, action) {
			return w.written, true
		}
	}
	return "", false
}

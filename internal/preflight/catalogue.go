package preflight

import "strings"

// FindingsURL is the page that explains every finding.
const FindingsURL = "https://github.com/kars-dev/kars/blob/main/docs/findings.md"

// An Entry explains the findings of one kind. Entries are never renamed, and
// their meaning does not change: pipelines and baselines name them.
type Entry struct {
	// ID is the finding's, with what varies in angle brackets, as
	// "registration/<namespace>".
	ID     string
	Title  string // one line, as a heading of a pipeline's page has it
	Checks string // what is looked at, and how it is decided
	// Verdicts says when a finding comes to each verdict that it can come to.
	Verdicts map[Verdict]string
	Do       string // what changes it
	Since    string // the first version that reports it
	// See is a page about what is checked; empty if there is none.
	See string
}

// Matches reports whether the entry explains a finding's id. What varies is
// matched by anything that is not empty.
func (e Entry) Matches(id string) bool {
	pattern := e.ID
	for pattern != "" {
		open := strings.IndexByte(pattern, '<')
		if open < 0 {
			return strings.EqualFold(id, pattern)
		}
		if len(id) <= open || !strings.EqualFold(id[:open], pattern[:open]) {
			return false
		}
		id, pattern = id[open:], pattern[strings.IndexByte(pattern, '>')+1:]
		if pattern == "" {
			return true
		}
		stop := strings.Index(id, pattern[:1])
		if stop < 1 {
			return false
		}
		id = id[stop:]
	}
	return id == ""
}

// EntryOf finds the entry that explains a finding, the one that names it
// most exactly.
func EntryOf(id string) (Entry, bool) {
	best, found := Entry{}, false
	for _, e := range Catalogue() {
		if e.Matches(id) && (!found || fixed(e.ID) > fixed(best.ID)) {
			best, found = e, true
		}
	}
	return best, found
}

// fixed counts the characters of a pattern that do not vary.
func fixed(pattern string) int {
	n, varies := 0, false
	for _, c := range pattern {
		switch {
		case c == '<':
			varies = true
		case c == '>':
			varies = false
		case !varies:
			n++
		}
	}
	return n
}

// HelpURL is where a finding is explained: a section of [FindingsURL], or the
// page itself for an id that it does not know.
func HelpURL(id string) string {
	e, ok := EntryOf(id)
	if !ok {
		return FindingsURL
	}
	return FindingsURL + "#" + e.anchor()
}

// anchor is how GitHub names a heading's section: letters, digits and hyphens,
// in lower case.
// docs.github.com/get-started/writing-on-github/getting-started-with-writing-and-formatting-on-github/basic-writing-and-formatting-syntax#section-links
func (e Entry) anchor() string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-_", r):
			return r
		}
		return -1
	}, strings.ToLower(e.ID))
}

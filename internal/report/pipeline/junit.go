package pipeline

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kars-dev/kars/internal/preflight"
)

// The elements of JUnit's report as test reporters read it; there is no
// standard, github.com/testmoapp/junitxml describes what they agree on.
type (
	testSuites struct {
		XMLName  xml.Name    `xml:"testsuites"`
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Errors   int         `xml:"errors,attr"`
		Time     string      `xml:"time,attr"` // seconds
		Suites   []testSuite `xml:"testsuite"`
	}
	testSuite struct {
		Name     string     `xml:"name,attr"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Skipped  int        `xml:"skipped,attr"`
		Errors   int        `xml:"errors,attr"`
		Cases    []testCase `xml:"testcase"`
	}
	testCase struct {
		ClassName string   `xml:"classname,attr"`
		Name      string   `xml:"name,attr"`
		Failure   *outcome `xml:"failure"`
		Error     *outcome `xml:"error"`
		Skipped   *outcome `xml:"skipped"`
		Out       string   `xml:"system-out,omitempty"`
	}
	outcome struct {
		Type    string `xml:"type,attr,omitempty"`
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes a test case for each finding, in a suite for each category. What
// stops the run fails or, if it could not be decided, errs; what could not be
// decided and does not stop it, and what a baseline accepts, is skipped.
func JUnit(w io.Writer, r preflight.Report, o Options) error {
	all := testSuites{Name: "kars preflight", Time: fmt.Sprintf("%.3f", float64(r.Duration)/1000)}
	for _, f := range r.Findings {
		i := slices.IndexFunc(all.Suites, func(s testSuite) bool { return s.Name == string(f.Category) })
		if i < 0 {
			i = len(all.Suites)
			all.Suites = append(all.Suites, testSuite{Name: string(f.Category)})
		}
		all.Suites[i].add(caseOf(f, o.Gate))
	}
	for _, s := range all.Suites {
		all.Tests, all.Failures, all.Skipped, all.Errors = all.Tests+s.Tests, all.Failures+s.Failures, all.Skipped+s.Skipped, all.Errors+s.Errors
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return fmt.Errorf("writing JUnit: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (s *testSuite) add(c testCase) {
	s.Cases = append(s.Cases, c)
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
}

func caseOf(f preflight.Finding, gate preflight.Gate) testCase {
	c := testCase{ClassName: "kars.preflight." + string(f.Category), Name: printable(f.ID + " at " + f.Scope)}
	said := &outcome{Type: string(f.Verdict), Message: printable(headline(f)), Text: printable(details(f) + "see " + preflight.HelpURL(f.ID) + "\n")}
	switch {
	case f.Accepted != nil:
		c.Skipped = said
	case gate.Stops(f) && f.Verdict == preflight.Unknown && !f.Blocks:
		c.Error = said
	case gate.Stops(f):
		c.Failure = said
	case f.Verdict == preflight.Unknown:
		c.Skipped = said
	case f.Verdict != preflight.Pass:
		c.Out = said.Message + "\n" + said.Text
	}
	return c
}

// printable is a text without what XML cannot hold.
// w3.org/TR/xml/#charsets
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xfffd && r != utf8.RuneError || r >= 0x10000 {
			return r
		}
		return '?'
	}, s)
}

package preflight

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"strconv"
	"strings"
	"testing"
)

func TestEntryMatchesIDs(t *testing.T) {
	for says, tt := range map[string]struct {
		pattern, id string
		want        bool
	}{
		"an id without anything that varies":       {"token/guest", "token/guest", true},
		"another id":                               {"token/guest", "token/guests", false},
		"a shorter id":                             {"token/guest", "token", false},
		"what varies at the end holds slashes":     {"rbac/<action>", "rbac/Microsoft.KeyVault/vaults/write", true},
		"what varies is not empty":                 {"rbac/<action>", "rbac/", false},
		"case is folded":                           {"rbac/<action>", "RBAC/x", true},
		"two parts that vary":                      {"feature/<namespace>/<name>", "feature/Microsoft.Compute/EncryptionAtHost", true},
		"two parts that vary, of which one is not": {"feature/<namespace>/<name>", "feature/Microsoft.Compute", false},
		"the second of two parts is empty":         {"feature/<namespace>/<name>", "feature/Microsoft.Compute/", false},
	} {
		t.Run(says, func(t *testing.T) {
			if got := (Entry{ID: tt.pattern}).Matches(tt.id); got != tt.want {
				t.Errorf("%s matches %s: %t, want %t", tt.pattern, tt.id, got, tt.want)
			}
		})
	}
}

func TestEntryOfTheMostExactPattern(t *testing.T) {
	for id, want := range map[string]string{
		"rbac/least-privilege":                 "rbac/least-privilege",
		"rbac/Microsoft.KeyVault/vaults/write": "rbac/<action>",
	} {
		if e, ok := EntryOf(id); !ok || e.ID != want {
			t.Errorf("%s is explained by %q, want %q", id, e.ID, want)
		}
	}
	if e, ok := EntryOf("weather/rain"); ok {
		t.Errorf("weather/rain is explained by %s", e.ID)
	}
}

func TestHelpURLIsTheAnchorOfASection(t *testing.T) {
	for id, want := range map[string]string{
		"rbac/Microsoft.KeyVault/vaults/write": FindingsURL + "#rbacaction",
		"rbac/least-privilege":                 FindingsURL + "#rbacleast-privilege",
		"weather/rain":                         FindingsURL,
	} {
		if got := HelpURL(id); got != want {
			t.Errorf("%s is explained at %s, want %s", id, got, want)
		}
	}
}

// TestCatalogueIsWhatTheChecksReport reads the source: every id that a check
// gives a finding is in the catalogue, and every entry is some check's.
func TestCatalogueIsWhatTheChecksReport(t *testing.T) {
	reported := map[string]string{} // by the entry's id
	for position, beginning := range idsInTheSource(t) {
		example := beginning
		if strings.HasSuffix(example, "/") {
			example += "example"
		}
		e, ok := EntryOf(example)
		if !ok {
			e, ok = EntryOf(example + "/example")
		}
		if !ok {
			t.Errorf("%s: the catalogue does not know %s", position, beginning)
		}
		reported[e.ID] = position
	}
	for _, e := range Catalogue() {
		if reported[e.ID] == "" {
			t.Errorf("no check reports %s", e.ID)
		}
	}
}

// idsInTheSource are the ids of the package's Finding literals, or their
// constant beginnings, by where they stand.
func idsInTheSource(t *testing.T) map[string]string {
	t.Helper()
	out, files := map[string]string{}, token.NewFileSet()
	notTests := func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }
	packages, err := parser.ParseDir(files, ".", notTests, 0) //nolint:staticcheck // no build tags here, and no types are needed
	if err != nil {
		t.Fatal(err)
	}
	take := func(e ast.Expr) {
		for {
			sum, ok := e.(*ast.BinaryExpr)
			if !ok {
				break
			}
			e = sum.X
		}
		where := files.Position(e.Pos()).String()
		word, ok := e.(*ast.BasicLit)
		if !ok {
			t.Errorf("%s: the id of a finding does not begin with a literal", where)
			return
		}
		id, err := strconv.Unquote(word.Value)
		if err != nil {
			t.Fatal(err)
		}
		out[where] = id
	}
	ast.Inspect(packages["preflight"], func(n ast.Node) bool {
		literal, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		for _, element := range literal.Elts {
			pair, ok := element.(*ast.KeyValueExpr)
			if !ok {
				continue
			}
			field, _ := pair.Key.(*ast.Ident)
			if field != nil && field.Name == "ID" && isFinding(literal) {
				take(pair.Value)
			}
		}
		return true
	})
	if len(out) == 0 {
		t.Fatal("the source holds no finding")
	}
	return out
}

// isFinding recognises Finding{…}, and the elements of []Finding{{…}}, which
// have no type of their own, by their fields.
func isFinding(l *ast.CompositeLit) bool {
	if name, ok := l.Type.(*ast.Ident); ok {
		return name.Name == "Finding"
	}
	if l.Type != nil {
		return false
	}
	for _, element := range l.Elts {
		if pair, ok := element.(*ast.KeyValueExpr); ok {
			if field, _ := pair.Key.(*ast.Ident); field != nil && field.Name == "Category" {
				return true
			}
		}
	}
	return false
}

func TestEveryEntryExplainsItself(t *testing.T) {
	anchors := map[string]string{}
	for _, e := range Catalogue() {
		if e.Title == "" || e.Checks == "" || e.Do == "" || e.Since == "" || len(e.Verdicts) == 0 {
			t.Errorf("%s is not explained in full: %+v", e.ID, e)
		}
		if other := anchors[e.anchor()]; other != "" {
			t.Errorf("%s and %s have the same section", e.ID, other)
		}
		anchors[e.anchor()] = e.ID
		if !strings.Contains(FindingsPage(), "\n## `"+e.ID+"`\n") {
			t.Errorf("the page has no section for %s", e.ID)
		}
	}
}

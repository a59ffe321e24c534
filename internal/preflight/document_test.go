package preflight

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/internal/azure/credential"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/rbac"
)

// gathered are the facts of some callers.
func gathered(t testing.TB) map[string]Facts {
	t.Helper()
	p := mustPlan(plan.Options{})
	guest := user
	guest.HomeTenant = false
	out := map[string]Facts{}
	for name, c := range map[string]struct {
		azure  *azure
		caller credential.Caller
	}{
		"a reader":               {&azure{assignments: []rbac.Assignment{given(t, "Reader", subscription)}}, user},
		"an owner":               {&azure{roles: developer, assignments: []rbac.Assignment{given(t, "Owner", subscription)}}, user},
		"a guest":                {&azure{assignments: []rbac.Assignment{given(t, "Contributor", subscription)}}, guest},
		"the owner of a group":   {&azure{location: "eastus2", assignments: []rbac.Assignment{given(t, "Owner", p.Group.ID)}}, user},
		"nobody":                 {&azure{}, user},
		"a group that is denied": {&azure{groups: []string{team}, assignments: []rbac.Assignment{given(t, "Owner", subscription, team)}, denies: []rbac.DenyAssignment{{Scope: subscription, Permissions: []rbac.Permission{{Actions: []string{"*/write"}}}, Principals: []string{team}}}}, user},
	} {
		now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
		out[name] = Gather(t.Context(), Options{Plan: p, Caller: c.caller, ARM: c.azure, Directory: directory{c.azure}, Now: func() time.Time { return now }})
	}
	return out
}

func TestSavedFactsComeToTheSameVerdict(t *testing.T) {
	for name, f := range gathered(t) {
		t.Run(name, func(t *testing.T) {
			raw, err := f.JSON()
			if err != nil {
				t.Fatal(err)
			}
			read, err := ParseFacts(raw)
			if err != nil {
				t.Fatal(err)
			}
			p, err := plan.New(read.Plan)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(Decide(mustPlan(plan.Options{}), f), Decide(p, read)); diff != "" {
				t.Errorf("the report changes (-gathered +read):\n%s", diff)
			}
			for _, finding := range Decide(p, read).Findings {
				if _, known := EntryOf(finding.ID); !known {
					t.Errorf("the catalogue does not know %s", finding.ID)
				}
			}
		})
	}
}

func TestFactsThatAreRefused(t *testing.T) {
	good := `{"apiVersion":"kars.azure.com/v1alpha1","kind":"PreflightFacts","version":1`
	for says, tt := range map[string]struct{ text, want string }{
		"nothing":                     {"", "they are not JSON"},
		"no JSON":                     {"hello", "they are not JSON"},
		"something else":              {`{"kind":"Pod"}`, `kind "Pod"`},
		"a version to come":           {strings.Replace(good, "1,", "1,", 1)[:len(good)-1] + `2,"weather":{}}`, "they are of version 2, and this kars decides from version 1"},
		"a fact that nobody knows":    {good + `,"weather":{}}`, `unknown field "weather"`},
		"a fact of another shape":     {good + `,"permissions":[]}`, "they are not JSON of the expected shape"},
		"two documents":               {good + `}{}`, "they are not JSON of the expected shape"},
		"a document that is cut off":  {good + `,"plan":{`, "they are not JSON of the expected shape"},
		"a document that is too long": {strings.Repeat(" ", MaxFacts+1), "they are longer than"},
	} {
		t.Run(says, func(t *testing.T) {
			if _, err := ParseFacts([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("it says %v, want %q", err, tt.want)
			}
		})
	}
}

// FuzzFacts reads documents that somebody may have changed by hand: whatever
// can be read can be decided, and has the same verdict when it is saved again.
func FuzzFacts(f *testing.F) {
	for _, facts := range gathered(f) {
		facts.Definitions = Fact[[]rbac.RoleDefinition]{} // small documents are changed more often
		raw, err := facts.JSON()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte(`{"apiVersion":"kars.azure.com/v1alpha1","kind":"PreflightFacts","version":1,"permissions":{"x":{"value":null}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		facts, err := ParseFacts(raw)
		if err != nil {
			return
		}
		p, err := plan.New(facts.Plan)
		if err != nil {
			return
		}
		first := Decide(p, facts)
		again, err := facts.JSON()
		if err != nil {
			return // a time that JSON cannot write
		}
		read, err := ParseFacts(again)
		if err != nil {
			t.Fatalf("what was saved cannot be read: %v", err)
		}
		if got := Decide(p, read); got.Verdict != first.Verdict {
			t.Errorf("it was %s and is %s", first.Verdict, got.Verdict)
		}
	})
}

var documented = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")

// TestEveryFactIsDocumented holds docs/facts.md against the document's fields:
// each has a row, and each row is a field.
func TestEveryFactIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/facts.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	for _, m := range documented.FindAllStringSubmatch(string(page), -1) {
		rows[m[1]] = true
	}
	paths := fieldPaths(reflect.TypeFor[Facts](), "")
	for _, shared := range []reflect.Type{
		reflect.TypeFor[rbac.Permission](), reflect.TypeFor[rbac.Assignment](), reflect.TypeFor[rbac.RoleDefinition](), reflect.TypeFor[rbac.DenyAssignment](),
	} {
		paths = append(paths, fieldPaths(shared, shared.Name())...)
	}
	for _, path := range append(paths, fieldPaths(reflect.TypeFor[Unread](), "unread")...) {
		if !rows[path] {
			t.Errorf("docs/facts.md does not explain %s", path)
		}
		delete(rows, path)
	}
	for path := range rows {
		t.Errorf("docs/facts.md explains %s, which is no fact", path)
	}
}

// fieldPaths are the paths of a document's fields: [] stands for an element of a
// list, {} for what a map holds. What a fact's value and unread are is said once.
func fieldPaths(t reflect.Type, at string) []string {
	switch {
	case t.Kind() == reflect.Pointer:
		return fieldPaths(t.Elem(), at)
	case t.Kind() == reflect.Slice:
		return fieldPaths(t.Elem(), at+"[]")
	case t.Kind() == reflect.Map:
		return fieldPaths(t.Elem(), at+"{}")
	case strings.HasPrefix(t.Name(), "Fact["):
		return fieldPaths(t.Field(0).Type, at)
	case t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]():
		return nil
	}
	if t.PkgPath() == reflect.TypeFor[rbac.Permission]().PkgPath() && at != t.Name() {
		return nil // explained in a table of its own
	}
	var out []string
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" && field.Anonymous {
			out = append(out, fieldPaths(field.Type, at)...)
			continue
		}
		if name == "-" {
			continue
		}
		path := strings.TrimPrefix(at+"."+name, ".")
		out = append(append(out, path), fieldPaths(field.Type, path)...)
	}
	return out
}

package pipeline_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/kars-dev/kars/internal/preflight"
	"github.com/kars-dev/kars/internal/report/pipeline"
)

const subscription = "/subscriptions/11111111-1111-1111-1111-111111111111"

// mixed is a report with a finding of each verdict, and one that is accepted.
func mixed() preflight.Report {
	return preflight.Report{
		Verdict: preflight.Fail, Duration: 1234, Requests: 9,
		Caller: preflight.Caller{ObjectID: "aaaaaaaa-0000-0000-0000-000000000001", Type: "user", DisplayName: "alice@example.com"},
		Findings: []preflight.Finding{
			{ID: "name/Microsoft.Resources/resourceGroups", Category: "name", Verdict: preflight.Pass, Subject: "kars-eastus2", Scope: subscription + "/resourceGroups/kars-eastus2", Why: "everything lies in it"},
			{
				ID: "rbac/Microsoft.KeyVault/vaults/write", Category: "rbac", Verdict: preflight.Fail, Blocks: true,
				Subject: "Microsoft.KeyVault/vaults/write", Scope: subscription + "/resourceGroups/kars-eastus2/providers/Microsoft.KeyVault/vaults/kars-kv-abc123",
				Why: "make the key vault", Evidence: []string{"no role of yours grants it"},
				Fix: []preflight.Fix{{Text: "have somebody give you Contributor", Command: "az role assignment create --role Contributor"}},
			},
			{
				ID: "rbac/Microsoft.KeyVault/vaults/write", Category: "rbac", Verdict: preflight.Fail, Blocks: true,
				Subject: "Microsoft.KeyVault/vaults/write", Scope: subscription + "/resourceGroups/Other Group", Why: "make the key vault",
				Fix: []preflight.Fix{{Text: "have somebody give you Contributor", Command: "az role assignment create --role Contributor"}},
			},
			{ID: "deny/assignments", Category: "deny", Verdict: preflight.Unknown, Subject: "Microsoft.Authorization/denyAssignments/read", Scope: subscription, Why: "a deny assignment wins", Evidence: []string{"reading them: refused"}},
			{ID: "directory/agent-id-role", Category: "directory", Verdict: preflight.Warn, Subject: "Agent ID Developer", Scope: "/", Why: "make the blueprint"},
			{
				ID: "registration/Microsoft.Compute", Category: "registration", Verdict: preflight.Fail, Subject: "Microsoft.Compute", Scope: subscription, Why: "the cluster's nodes",
				Accepted: &preflight.Acceptance{Reason: "the platform team registers it", Expires: "2027-01-31"},
			},
		},
		Stale: []preflight.StaleEntry{{Accepted: preflight.Accepted{ID: "sku/gone", Scope: subscription}, Why: "nothing like it was found"}},
	}
}

type writer func(io.Writer, preflight.Report, pipeline.Options) error

func written(t *testing.T, write writer, r preflight.Report, gate preflight.Gate) string {
	t.Helper()
	var out bytes.Buffer
	if err := write(&out, r, pipeline.Options{Version: "0.1.0", Gate: gate}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func formats() map[string]writer {
	return map[string]writer{"SARIF": pipeline.SARIF, "JUnit": pipeline.JUnit, "Markdown": pipeline.Markdown, "annotations": pipeline.Annotations}
}

func TestSARIFHoldsToThePublishedSchema(t *testing.T) {
	for says, r := range map[string]preflight.Report{"nothing found": {}, "a finding of each verdict": mixed(), "hostile texts": hostile()} {
		log := read(t, written(t, pipeline.SARIF, r, preflight.GateError))
		if err := log.Validate(); err != nil {
			t.Errorf("%s: %v", says, err)
		}
	}
	broken := read(t, written(t, pipeline.SARIF, mixed(), preflight.GateError))
	broken.Runs[0].Results[0].Level = "catastrophic"
	if broken.Validate() == nil {
		t.Error("the schema has nothing against a level of its own making")
	}
}

func read(t *testing.T, text string) *sarif.Report {
	t.Helper()
	log, err := sarif.FromString(text, sarif.WithStrictValidation())
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func TestSARIFHasARuleForEachIDAndAResultForEachFinding(t *testing.T) {
	run := read(t, written(t, pipeline.SARIF, mixed(), preflight.GateError)).Runs[0]
	var rules []string
	for _, rule := range run.Tool.Driver.Rules {
		rules = append(rules, *rule.ID+" "+*rule.HelpURI)
	}
	want := []string{
		"rbac/Microsoft.KeyVault/vaults/write " + preflight.FindingsURL + "#rbacaction",
		"deny/assignments " + preflight.FindingsURL + "#denyassignments",
		"directory/agent-id-role " + preflight.FindingsURL + "#directoryagent-id-role",
		"registration/Microsoft.Compute " + preflight.FindingsURL + "#registrationnamespace",
	}
	if diff := cmp.Diff(want, rules); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	var results []string
	prints := map[string]bool{}
	for _, r := range run.Results {
		if *run.Tool.Driver.Rules[r.RuleIndex].ID != *r.RuleID {
			t.Errorf("the rule of %s is number %d", *r.RuleID, r.RuleIndex)
		}
		suppressed := ""
		for _, s := range r.Suppressions {
			suppressed = " " + *s.Justification
		}
		results = append(results, r.Level+" "+*r.Locations[0].PhysicalLocation.ArtifactLocation.URI+suppressed)
		prints[r.Fingerprints["kars/v1"]] = true
	}
	id := strings.TrimPrefix(subscription, "/")
	want = []string{
		"error " + id + "/resourceGroups/kars-eastus2/providers/Microsoft.KeyVault/vaults/kars-kv-abc123",
		"error " + id + "/resourceGroups/Other%20Group",
		"warning " + id,
		"warning tenant",
		"error " + id + " accepted until 2027-01-31: the platform team registers it",
	}
	if diff := cmp.Diff(want, results); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if len(prints) != len(results) {
		t.Errorf("%d fingerprints for %d findings", len(prints), len(results))
	}
}

func TestSARIFFingerprintIsTheKeyAlone(t *testing.T) {
	print := func(f preflight.Finding) string {
		return read(t, written(t, pipeline.SARIF, preflight.Report{Findings: []preflight.Finding{f}}, "")).Runs[0].Results[0].PartialFingerprints["primaryLocationLineHash"]
	}
	first := preflight.Finding{ID: "sku/a", Scope: subscription + "/resourceGroups/A", Verdict: preflight.Warn, Why: "one"}
	same := preflight.Finding{ID: "sku/a", Scope: subscription + "/resourcegroups/a", Verdict: preflight.Fail, Why: "two", Evidence: []string{"more"}}
	other := preflight.Finding{ID: "sku/a", Scope: subscription + "/resourceGroups/B", Verdict: preflight.Warn}
	if print(first) != print(same) {
		t.Error("another verdict, text or spelling makes another finding of it")
	}
	if print(first) == print(other) {
		t.Error("another scope makes no other finding of it")
	}
}

func TestJUnitTellsWhatStopsTheRunFromTheRest(t *testing.T) {
	for gate, want := range map[preflight.Gate]map[string]string{
		preflight.GateError: {
			"name/Microsoft.Resources/resourceGroups": "passed", "rbac/Microsoft.KeyVault/vaults/write": "failed",
			"deny/assignments": "skipped", "directory/agent-id-role": "passed", "registration/Microsoft.Compute": "skipped",
		},
		preflight.GateWarning: {
			"name/Microsoft.Resources/resourceGroups": "passed", "rbac/Microsoft.KeyVault/vaults/write": "failed",
			"deny/assignments": "erred", "directory/agent-id-role": "failed", "registration/Microsoft.Compute": "skipped",
		},
	} {
		t.Run(string(gate), func(t *testing.T) {
			var doc struct {
				Tests    int `xml:"tests,attr"`
				Failures int `xml:"failures,attr"`
				Errors   int `xml:"errors,attr"`
				Skipped  int `xml:"skipped,attr"`
				Suites   []struct {
					Cases []struct {
						Name    string    `xml:"name,attr"`
						Failure *struct{} `xml:"failure"`
						Error   *struct{} `xml:"error"`
						Skipped *struct{} `xml:"skipped"`
					} `xml:"testcase"`
				} `xml:"testsuite"`
			}
			if err := xml.Unmarshal([]byte(written(t, pipeline.JUnit, mixed(), gate)), &doc); err != nil {
				t.Fatal(err)
			}
			got, count := map[string]string{}, map[string]int{}
			for _, s := range doc.Suites {
				for _, c := range s.Cases {
					how := "passed"
					switch {
					case c.Failure != nil:
						how = "failed"
					case c.Error != nil:
						how = "erred"
					case c.Skipped != nil:
						how = "skipped"
					}
					id, _, _ := strings.Cut(c.Name, " at ")
					got[id] = how
					count[how]++
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("cases (-want +got):\n%s", diff)
			}
			if doc.Tests != len(mixed().Findings) || doc.Failures != count["failed"] || doc.Errors != count["erred"] || doc.Skipped != count["skipped"] {
				t.Errorf("it counts %d, %d, %d, %d and has %v", doc.Tests, doc.Failures, doc.Errors, doc.Skipped, count)
			}
		})
	}
}

func TestMarkdownReadsAsAComment(t *testing.T) {
	got := written(t, pipeline.Markdown, mixed(), preflight.GateError)
	want := `## kars preflight: 2 findings stand in the way

6 needs checked in 1.2 s with 9 requests: fail, 1 accepted, as alice@example.com.

| verdict | what | at | why |
|---|---|---|---|
| fail | [` + "`Microsoft.KeyVault/vaults/write`" + `](` + preflight.FindingsURL + `#rbacaction) | ` + "`kars-kv-abc123`" + ` | make the key vault<br>no role of yours grants it |
| fail | [` + "`Microsoft.KeyVault/vaults/write`" + `](` + preflight.FindingsURL + `#rbacaction) | ` + "`Other Group`" + ` | make the key vault |

### What changes it

- have somebody give you Contributor

  ` + "```sh" + `
  az role assignment create --role Contributor
  ` + "```" + `


<details><summary>To be known: 2</summary>

| verdict | what | at | why |
|---|---|---|---|
| unknown | [` + "`Microsoft.Authorization/denyAssignments/read`" + `](` + preflight.FindingsURL + `#denyassignments) | ` + "`the subscription`" + ` | a deny assignment wins<br>reading them: refused |
| warn | [` + "`Agent ID Developer`" + `](` + preflight.FindingsURL + `#directoryagent-id-role) | ` + "`the tenant`" + ` | make the blueprint |

</details>

### Accepted

| | at | reason |
|---|---|---|
| [` + "`Microsoft.Compute`" + `](` + preflight.FindingsURL + `#registrationnamespace) | ` + "`the subscription`" + ` | accepted until 2027-01-31: the platform team registers it |

The baseline's entry ` + "`sku/gone`" + ` at ` + "`" + subscription + "`" + ` accepts nothing: nothing like it was found.
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
	if got := written(t, pipeline.Markdown, preflight.Report{}, ""); !strings.HasPrefix(got, "## kars preflight: the run may start\n") {
		t.Errorf("with nothing found it says\n%s", got)
	}
}

func TestAnnotationsAreWorkflowCommands(t *testing.T) {
	got := strings.Split(strings.TrimSuffix(written(t, pipeline.Annotations, mixed(), preflight.GateError), "\n"), "\n")
	want := []string{
		"::error title=rbac/Microsoft.KeyVault/vaults/write::Microsoft.KeyVault/vaults/write at kars-kv-abc123: make the key vault%0Ano role of yours grants it%0Ahave somebody give you Contributor:%0A  az role assignment create --role Contributor%0A" + preflight.FindingsURL + "#rbacaction",
		"::error title=rbac/Microsoft.KeyVault/vaults/write::Microsoft.KeyVault/vaults/write at Other Group: make the key vault%0Ahave somebody give you Contributor:%0A  az role assignment create --role Contributor%0A" + preflight.FindingsURL + "#rbacaction",
		"::warning title=deny/assignments::Microsoft.Authorization/denyAssignments/read at the subscription: a deny assignment wins%0Areading them: refused%0A" + preflight.FindingsURL + "#denyassignments",
		"::warning title=directory/agent-id-role::Agent ID Developer at the tenant: make the blueprint%0A" + preflight.FindingsURL + "#directoryagent-id-role",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
}

func TestAnnotationsStayWithinWhatGitHubShows(t *testing.T) {
	var r preflight.Report
	for range 25 {
		r.Findings = append(r.Findings, preflight.Finding{ID: "sku/a", Verdict: preflight.Fail, Blocks: true, Subject: "a", Scope: "/"})
	}
	lines := strings.Split(strings.TrimSpace(written(t, pipeline.Annotations, r, "")), "\n")
	if len(lines) != 10 || !strings.HasPrefix(lines[9], "::error title=16 more findings::") {
		t.Errorf("%d annotations, the last is %q; want 10, and 16 more", len(lines), lines[len(lines)-1])
	}
}

// hostile is a report with texts that every format takes for its own.
func hostile() preflight.Report {
	text := "a\n::error::b\r\n| c | <script>d</script> ``` ]]> & \x00\x1b[31m \u202e @everyone %0A \xff https://x"
	return preflight.Report{
		Caller: preflight.Caller{DisplayName: text},
		Findings: []preflight.Finding{
			{ID: "rbac/" + text, Category: "rbac", Verdict: preflight.Fail, Blocks: true, Subject: text, Scope: text, Why: text, Evidence: []string{text}, Fix: []preflight.Fix{{Text: text, Command: text}}},
			{ID: "sku/x", Category: "sku", Verdict: preflight.Warn, Subject: text, Scope: "/x/" + text, Accepted: &preflight.Acceptance{Reason: text}},
		},
		Stale: []preflight.StaleEntry{{Accepted: preflight.Accepted{ID: text, Scope: text}, Why: text}},
	}
}

func TestTextsOfOthersStayTexts(t *testing.T) {
	if !json.Valid([]byte(written(t, pipeline.SARIF, hostile(), ""))) {
		t.Error("SARIF is no JSON")
	}
	d := xml.NewDecoder(strings.NewReader(written(t, pipeline.JUnit, hostile(), "")))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("JUnit is no XML: %v", err)
		}
	}
	for line := range strings.Lines(written(t, pipeline.Annotations, hostile(), "")) {
		if !strings.HasPrefix(line, "::error title=rbac/a%0A%3A%3Aerror") {
			t.Errorf("a line of its own is %q", line)
		}
	}
	fenced := false
	for line := range strings.Lines(written(t, pipeline.Markdown, hostile(), "")) {
		if strings.HasPrefix(line, "  ```") {
			fenced = !fenced
			continue
		}
		outside := regexp.MustCompile("`[^`]*`").ReplaceAllString(strings.ReplaceAll(line, "\\`", ""), "")
		bars := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")
		if !fenced && (strings.HasPrefix(line, "::") || strings.Contains(outside, "<script>") || strings.Contains(outside, "@everyone") || bars > 5) {
			t.Errorf("a line of the page is %q", line)
		}
	}
	if fenced {
		t.Error("a command's fence does not end")
	}
}

func TestAFullDiskIsAnError(t *testing.T) {
	for name, write := range formats() {
		if err := write(fullDisk{}, mixed(), pipeline.Options{}); err == nil {
			t.Errorf("%s: writing to a full disk succeeded", name)
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

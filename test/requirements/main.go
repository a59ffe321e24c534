// Command requirements prints the table of requirement ids and the tests that
// prove them. A test proves a requirement by naming its id: in its function's
// name (TestU13…, TestU08U09…), or in a sentence that begins with it ("U34: …").
package main

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var (
	function = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)(?:[USMA][0-9]{2})+[A-Za-z0-9_]*)\(`)
	sentence = regexp.MustCompile(`"((?:[USMA][0-9]{2}(?:, | and )?)+: [^"%]+)"`)
	script   = regexp.MustCompile(`(?m)^# ((?:[USMA][0-9]{2}(?:, | and )?)+: .+)$`)
	id       = regexp.MustCompile(`[USMA][0-9]{2}`)
)

// A proof is a test that names a requirement.
type proof struct{ id, file, test string }

func main() {
	proofs, err := collect(".")
	if err != nil {
		fmt.Fprintln(os.Stderr, "requirements:", err)
		os.Exit(1)
	}
	slices.SortFunc(proofs, func(a, b proof) int {
		return cmp.Or(cmp.Compare(order(a.id), order(b.id)), cmp.Compare(a.file, b.file), cmp.Compare(a.test, b.test))
	})
	last := ""
	for _, p := range proofs {
		shown := p.id
		if p.id == last {
			shown = ""
		}
		last = p.id
		fmt.Printf("%-4s %-60s %s\n", shown, p.test, p.file)
	}
}

// order sorts the families as the requirements do: U, S, M, A.
func order(id string) string { return fmt.Sprint(strings.Index("USMA", id[:1])) + id }

func collect(root string) ([]proof, error) {
	var out []proof
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && strings.HasPrefix(d.Name(), ".") {
			return filepath.SkipDir
		}
		switch {
		case strings.HasSuffix(path, "_test.go"):
			return scan(path, &out, function, sentence)
		case strings.HasSuffix(path, ".txtar"):
			return scan(path, &out, script)
		}
		return nil
	})
	return out, err
}

func scan(path string, out *[]proof, patterns ...*regexp.Regexp) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for _, p := range patterns {
		for _, m := range p.FindAllStringSubmatch(string(raw), -1) {
			head, _, _ := strings.Cut(m[1], ":")
			for _, one := range id.FindAllString(head, -1) {
				*out = append(*out, proof{one, path, m[1]})
			}
		}
	}
	return nil
}

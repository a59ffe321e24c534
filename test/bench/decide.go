package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// decisions takes the figures of the evaluator's own benchmark: what one
// decision costs among few and many role assignments.
func (f *figures) decisions(ctx context.Context, _ options) error {
	const module = "github.com/kars-dev/kars/internal/rbac"
	out, err := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^BenchmarkDecide$", "-benchmem", "-count", "3", module).CombinedOutput()
	if err != nil {
		return fmt.Errorf("running the evaluator's benchmark: %w\n%s", err, out)
	}
	n := 0
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		name, values, ok := benchmarkLine(lines.Text())
		if !ok {
			continue
		}
		n++
		f.add(name+": decisions", "/s", values["decisions/s"])
		f.add(name+": allocations", "", values["allocs/op"])
	}
	if n == 0 {
		return fmt.Errorf("the evaluator's benchmark printed no figure:\n%s", out)
	}
	return nil
}

// benchmarkLine reads a line of the benchmark format: a name, a count, and
// pairs of value and unit.
//
// go.googlesource.com/proposal/+/master/design/14313-benchmark-format.md
func benchmarkLine(line string) (name string, values map[string]float64, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
		return "", nil, false
	}
	_, name, _ = strings.Cut(fields[0], "/")
	if i := strings.LastIndexByte(name, '-'); i > 0 {
		name = name[:i] // the number of processors
	}
	values = map[string]float64{}
	for i := 2; i+1 < len(fields); i += 2 {
		v, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return "", nil, false
		}
		values[fields[i+1]] = v
	}
	return strings.ReplaceAll(name, "_", " "), values, true
}

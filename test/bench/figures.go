package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// figures are what was measured, in the order in which it first was.
type figures struct {
	Machine machine   `json:"machine"`
	All     []*figure `json:"figures"`
}

// machine is where, and how busy it was when bench began.
type machine struct {
	CPUs int    `json:"cpus"`
	Load string `json:"load"` // averages over 1, 5 and 15 minutes
	Go   string `json:"go"`
}

func describeMachine() machine {
	m := machine{CPUs: runtime.NumCPU(), Go: runtime.Version()}
	if raw, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load = strings.Join(strings.Fields(string(raw))[:3], " ")
	}
	return m
}

// figure is one thing that was measured, perhaps several times.
type figure struct {
	Name    string    `json:"name"`
	Unit    string    `json:"unit"` // ms, MB (2^20 bytes), or empty for a count or a ratio
	Median  float64   `json:"median"`
	Samples []float64 `json:"samples"` // in the order in which they were taken
}

// add notes a sample.
func (f *figures) add(name, unit string, value float64) {
	i := slices.IndexFunc(f.All, func(g *figure) bool { return g.Name == name })
	if i < 0 {
		i = len(f.All)
		f.All = append(f.All, &figure{Name: name, Unit: unit})
	}
	g := f.All[i]
	g.Samples = append(g.Samples, value)
	g.Median = median(g.Samples)
}

func (f *figures) took(name string, d time.Duration) {
	f.add(name, "ms", float64(d.Microseconds())/1000)
}

func (f *figures) bytes(name string, n int64) { f.add(name, "MB", float64(n)/(1<<20)) }

func (f *figures) count(name string, n int) { f.add(name, "", float64(n)) }

func median(samples []float64) float64 {
	s := slices.Sorted(slices.Values(samples))
	if len(s)%2 == 1 {
		return s[len(s)/2]
	}
	return (s[len(s)/2-1] + s[len(s)/2]) / 2
}

// print writes all of them, as a table or as JSON.
func (f *figures) print(w io.Writer, output string) error {
	if output == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(f)
	}
	_, _ = fmt.Fprintf(w, "%d CPUs, load %s, %s\n\n", f.Machine.CPUs, f.Machine.Load, f.Machine.Go)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(t, "median\tmin\tmax\tn\t\t")
	for _, g := range f.All {
		unit := g.Unit
		if unit != "" {
			unit = " " + unit
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%d\t\t%s%s\n",
			short(g.Median), short(slices.Min(g.Samples)), short(slices.Max(g.Samples)), len(g.Samples), g.Name, strings.ReplaceAll(unit, " ", ", "))
	}
	return t.Flush()
}

// short is a number with the digits that matter.
func short(v float64) string {
	switch {
	case v == float64(int64(v)) || v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

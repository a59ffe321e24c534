package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kars-dev/kars/internal/home"
	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/internal/preflight"
	"github.com/kars-dev/kars/internal/preflight/pseudonym"
)

// factsFlags are about the document of facts.
type factsFlags struct {
	save, from string
	anonymize  bool
}

func (x *factsFlags) register(f *pflag.FlagSet) {
	f.StringVar(&x.save, "save", "", "file to keep the gathered facts in, never a token; only you may read it")
	f.BoolVar(&x.anonymize, "anonymize", false, "with --save: put pseudonyms for ids and names; the verdict stays the same")
	f.StringVar(&x.from, "from", "", "file with facts to decide from, with no sign-in and no network; it holds the plan too")
}

// withFrom are the flags that do not say what is planned or who asks.
var withFrom = []string{
	"from", "save", "anonymize", "explain", "who", "output", "fail-on", "baseline", "write-baseline", "no-github", "quiet", "verbose", "yes",
}

// check refuses flags that contradict each other.
func (x *factsFlags) check(cmd *cobra.Command) error {
	if x.anonymize && x.save == "" {
		return usagef("for example: --save facts.json --anonymize", "--anonymize says how --save saves, and needs it")
	}
	if x.from == "" {
		return nil
	}
	var others []string
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if !slices.Contains(withFrom, f.Name) {
			others = append(others, "--"+f.Name)
		}
	})
	if len(others) > 0 {
		return usagef("leave them out", "%s: with --from the plan and the caller are those of the file", strings.Join(others, ", "))
	}
	return nil
}

// read reads the facts and makes their plan again.
func (x *factsFlags) read() (*plan.Plan, preflight.Facts, error) {
	bad := func(err error) (*plan.Plan, preflight.Facts, error) {
		return nil, preflight.Facts{}, usagef("make one: kars preflight --save "+x.from, "reading the facts in %s: %v", x.from, err)
	}
	raw, err := readBounded(x.from, preflight.MaxFacts)
	if err != nil {
		return bad(err)
	}
	f, err := preflight.ParseFacts(raw)
	if err != nil {
		return bad(err)
	}
	p, err := plan.New(f.Plan)
	if err != nil {
		return bad(fmt.Errorf("their plan is none: %w", err))
	}
	return p, f, nil
}

// keep saves the facts, when that was asked for.
func (a *app) keep(f preflight.Facts, x *factsFlags) error {
	if x.save == "" {
		return nil
	}
	if x.anonymize {
		var err error
		if f, err = pseudonym.Facts(f); err != nil {
			return err
		}
	}
	raw, err := f.JSON()
	if err != nil {
		return err
	}
	if err := home.WriteFile(x.save, raw); err != nil {
		return fmt.Errorf("saving the facts: %w", err)
	}
	a.printer.Say("the facts are in %s; decide from them anywhere: kars preflight --from %s", x.save, x.save)
	return nil
}

// saysFrom says how old the facts are that are decided from.
func (a *app) saysFrom(f preflight.Facts, x *factsFlags) {
	a.printer.Say("decided from %s, gathered at %s", x.from, f.Gathered.Format(time.RFC3339))
}

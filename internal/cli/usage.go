package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

// refuseUnknown makes a command that only holds others refuse a word that is
// none of them; cobra would print its help and succeed.
func refuseUnknown(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		refuseUnknown(c)
	}
	if !cmd.HasSubCommands() || cmd.Runnable() {
		return
	}
	cmd.DisableFlagsInUseLine = true
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return unknownCommand(cmd, args[0])
	}
}

func unknownCommand(parent *cobra.Command, word string) error {
	hint := "see '" + parent.CommandPath() + " --help'"
	parent.SuggestionsMinimumDistance = 2
	if near := parent.SuggestionsFor(word); len(near) > 0 {
		hint = "did you mean '" + parent.CommandPath() + " " + near[0] + "'?"
	}
	return usagef(hint, "unknown command %q for %q", word, parent.CommandPath())
}

// helpCommand is cobra's, save that a word that is no command is an error.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Print the help of a command", Args: cobra.ArbitraryArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil },
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return usagef("see 'kars --help'", "there is no command %q", "kars "+strings.Join(args, " "))
			}
			return cmd.Help()
		},
	}
}

// noArgs is cobra.NoArgs with a usage error of its own.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("usage: "+cmd.UseLine(), "'%s' takes no argument, got %q", cmd.CommandPath(), args[0])
	}
	return nil
}

// exactly is cobra.ExactArgs with a usage error that names what is missing.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usagef("usage: "+cmd.UseLine(), "'%s' takes %s", cmd.CommandPath(), what)
		}
		return nil
	}
}

// oneSandbox is cobra.MaximumNArgs(1) with a usage error of its own.
func oneSandbox(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usagef("usage: "+cmd.UseLine(), "'%s' takes one NAME, got %d", cmd.CommandPath(), len(args))
	}
	return nil
}

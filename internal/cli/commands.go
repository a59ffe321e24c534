package cli

import "github.com/spf13/cobra"

// Commands is the tree of all commands with an empty environment, for whoever
// writes their manual. To run one, use [Main].
func Commands() *cobra.Command {
	a := &app{getenv: func(string) string { return "" }}
	root := a.root()
	root.InitDefaultCompletionCmd()
	return root
}

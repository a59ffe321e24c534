package cli

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"
)

// confirm asks before something is destroyed, on a terminal. Elsewhere --yes
// is needed.
func (a *app) confirm(what string) error {
	if a.flags.yes {
		return nil
	}
	in, ok := a.streams.In.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return usagef("add --yes to do it without a question", "this would %s", what)
	}
	_, _ = fmt.Fprintf(a.streams.Err, "%s? [y/N] ", what)
	answer, _ := bufio.NewReader(in).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return &codeError{code: exitFailed, text: "nothing was done"}
}

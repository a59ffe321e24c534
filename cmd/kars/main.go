// Command kars brings up, on Azure or on this machine, a secure-by-default
// runtime for AI agents.
package main

import (
	"context"
	"os"

	"github.com/kars-dev/kars/internal/cli"
)

func main() {
	os.Exit(cli.Main(context.Background(), os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, os.Getenv))
}

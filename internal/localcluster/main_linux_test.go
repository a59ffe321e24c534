package localcluster

import (
	"context"
	"fmt"
	"os"
	"testing"
)

// superviseArgument makes this test binary a supervisor.
const superviseArgument = "supervise-cluster"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == superviseArgument {
		if err := Supervise(context.Background(), os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Package e2e proves the whole product: `kars up --local` with real pods, as a
// user runs it. Making a cluster takes most of the time, so the test is one
// story, in which every chapter goes on from where the one before it ended.
package e2e

import (
	"testing"

	"github.com/kars-dev/kars/test/product"
)

const assistant = "my-assistant"

func TestFromNothingToARunningSandboxAndBack(t *testing.T) {
	h := product.Open(t)
	// A chapter that makes what the following need ends the story if it fails.
	must := func(says string, chapter func(*testing.T, *product.Home)) {
		if !t.Run(says, func(t *testing.T) { chapter(t, h) }) {
			t.FailNow()
		}
	}
	then := func(says string, chapter func(*testing.T, *product.Home)) {
		t.Run(says, func(t *testing.T) { chapter(t, h) })
	}
	then("U03: a reader is stopped before the first write", readerIsStopped)
	must("U01: one command brings up everything and ends with an agent that answers", upFromNothing)
	then("U23: the model is called by the agent's own identity", modelCallIsTheAgents)
	then("a second run changes nothing and writes nothing", secondRunWritesNothing)
	then("without its role the agent is refused, and connect says why", roleIsWhatLetsTheAgentIn)
	then("U33: a second sandbox has an identity that the first cannot get", secondSandbox)
	then("a killed local Azure loses nothing, and the next run goes on", azureKilled)
	then("a killed cluster loses nothing, and the next run goes on", supervisorKilled)
	then("no secret is in any log, journal, output or argument", nothingLeaked)
	must("down takes everything away and lists what Azure keeps", downLeavesNothing)
	must("a run that is hit in each step is finished by the next ones", everyStepHit)
	must("U35: without a directory role sandboxes run in the anonymous tier", withoutTrust)
	must("U36: setup-trust completes it once the role is there", trustComesLater)
	then("U36: again, it changes nothing", trustTwice)
	then("still no secret is in any log, journal, output or argument", nothingLeaked)
	must("stop ends every process, mount and network", stopLeavesNothing)
}

// Package event holds what happened, as values. The working rooms emit them;
// report shows them.
package event

import "time"

// Status is how a step ended.
type Status string

// The ways in which a step ends.
const (
	Created   Status = "created"
	Updated   Status = "updated"
	Unchanged Status = "unchanged"
	Deleted   Status = "deleted"
	Skipped   Status = "skipped"
	Failed    Status = "failed"
)

// Event is one of [StepStarted], [StepProgress], [StepEnded] and [Warning].
type Event interface{ event() }

// StepStarted says that a step begins.
type StepStarted struct {
	ID string // as group, foundation, sandbox/my-assistant
}

// StepProgress says what a step is doing or waiting for.
type StepProgress struct {
	ID     string
	Detail string
}

// StepEnded says how a step ended.
type StepEnded struct {
	ID       string
	Status   Status
	Detail   string
	Duration time.Duration
}

// Warning is something that the person should know and that does not stop the run.
type Warning struct {
	ID   string `json:"id"`
	Text string `json:"text"`
	Fix  string `json:"fix,omitempty"`
}

func (StepStarted) event()  {}
func (StepProgress) event() {}
func (StepEnded) event()    {}
func (Warning) event()      {}

// Sink takes events; it must be safe for concurrent use.
type Sink func(Event)

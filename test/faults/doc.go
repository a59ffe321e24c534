// Package faults runs the apply of a plan against the local Azure, both in this
// process, with one real API server behind its clusters, and lets something go
// wrong: one request of the run fails, or the run is killed at it, or the caller
// lacks one permission. It has no code but its tests.
//
// By default a sample is run, drawn by a seed that a failure prints; KARS_SEED
// draws the same again, and KARS_MATRIX=all runs everything.
package faults

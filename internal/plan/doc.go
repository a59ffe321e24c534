// Package plan turns the options of `kars up` into everything that one run
// will bring about: resources, grants, registrations, images, chart values and
// the first sandbox, and the needs that follow from them.
//
// Start with [New]. A [Plan] is pure data: the same options always give the
// same plan, byte for byte, and nothing here does I/O. What the run needs is
// stated once, by the resource or grant that needs it; checks, printed tables
// and custom roles are all derived from [Plan.Needs].
package plan

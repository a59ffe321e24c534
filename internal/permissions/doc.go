// Package permissions renders what a plan asks of a subscription and of its
// directory as the page that is handed to their owners: the list of rights, each
// with scope, step and reason, the least custom role, and the scripts and
// templates that give it.
//
// Start with [New] for all that a plan needs, or [Missing] for what a report
// found lacking; both make a [Page]. [Compare] tells two pages apart, [Split]
// parts a plan into what its owner runs and what the deployer runs, and
// [Reference] is docs/permissions.md. The package is pure: what it knows comes
// from [plan.Plan.Needs].
package permissions

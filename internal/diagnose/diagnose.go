// Package diagnose turns an error of Azure, Entra, Graph or Kubernetes into its
// cause and what to do about it. There is one table; [Explain] looks things up
// in it and [Markdown] prints it. It is pure: doors describe their errors with
// [Error] values.
package diagnose

import "errors"

// Plane is who answered with the error.
type Plane string

// The planes.
const (
	ARM        Plane = "arm"
	Graph      Plane = "graph"
	Entra      Plane = "entra"
	Kubernetes Plane = "kubernetes"
	Model      Plane = "model"
	Registry   Plane = "registry"
	Machine    Plane = "machine" // the machine kars runs on
)

// Error is what is known of an error.
type Error struct {
	Plane         Plane
	Status        int    // of the HTTP answer
	Code          string // as AuthorizationFailed or AADSTS65001
	Message       string
	Action        string // that the caller may not do, as Microsoft.Network/virtualNetworks/write
	Scope         string // the ARM id where
	Target        string // what the error is about, as a resource's name or a namespace
	Step          string // of the run, as group or cluster; set by who runs the step
	CorrelationID string
}

// Describer is an error that can say what it is; the doors' errors are.
type Describer interface {
	error
	Diagnosis() Error
}

// Of describes err, if some error in its chain can say what it is.
func Of(err error) (Error, bool) {
	var d Describer
	if !errors.As(err, &d) {
		return Error{}, false
	}
	return d.Diagnosis(), true
}

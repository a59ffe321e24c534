package arm

import (
	"context"
	"strings"
)

const lockVersion = "2020-05-01"

// Levels of a management lock.
const (
	// CannotDelete refuses deletions.
	CannotDelete = "CanNotDelete"
	// ReadOnly refuses whatever the role Reader does not allow: writes, deletions
	// and actions such as listing keys.
	ReadOnly = "ReadOnly"
)

// Lock is a management lock. It holds for all callers, at its scope and below.
// learn.microsoft.com/azure/azure-resource-manager/management/lock-resources
type Lock struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Level string `json:"level"` // CannotDelete or ReadOnly
	Scope string `json:"scope"` // ARM id of what is locked
	Notes string `json:"notes,omitempty"`
}

// Locks lists the management locks that concern scope: those set there, those
// inherited from above, and those on what lies below, which keep also the scope
// from being deleted. It needs Microsoft.Authorization/locks/read.
// learn.microsoft.com/rest/api/resources/management-locks/list-by-scope
func (c *Client) Locks(ctx context.Context, scope string) ([]Lock, error) {
	type wire struct {
		ID         string `json:"id"`
		Name       string `json:"name"`
		Properties struct {
			Level string `json:"level"`
			Notes string `json:"notes"`
		} `json:"properties"`
	}
	found, err := list[wire](ctx, c, call{
		path: scope + authorizationPath + "locks", version: lockVersion,
	})
	locks := make([]Lock, 0, len(found))
	for _, w := range found {
		locks = append(locks, Lock{
			ID: w.ID, Name: w.Name, Level: w.Properties.Level, Scope: extended(w.ID), Notes: w.Properties.Notes,
		})
	}
	return locks, err
}

// extended returns what an extension resource is on, given its id.
func extended(id string) string {
	i := strings.LastIndex(strings.ToLower(id), strings.ToLower(authorizationPath))
	if i < 0 {
		return ""
	}
	return id[:i]
}

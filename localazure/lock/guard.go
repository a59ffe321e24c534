package lock

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// Guard refuses what a lock forbids.
type Guard struct {
	Store *store.Store
}

// Check returns ScopeLocked for a change that a lock forbids. A lock of either
// level forbids to delete what it is on, what lies below that, and what it lies
// in. ReadOnly forbids also whatever the role Reader does not allow, which every
// action is that does not end in "read": writes, and posts such as those that
// list keys; github.com/Azure/azure-rest-api-specs/issues/6363. Locks themselves
// are free of it: else none could be taken away.
func (g Guard) Check(_ context.Context, c arm.Change) error {
	if c.IsRead() || strings.HasPrefix(strings.ToLower(c.Action), strings.ToLower(Type)+"/") {
		return nil
	}
	var locked []string
	note := func(r resource.Resource) {
		level := resource.Text(r.Tree, "properties", "level")
		if level == readOnly || level == cannotDelete && c.IsDelete() {
			locked = append(locked, r.ID.Parent().String())
		}
	}
	err := g.Store.View(func(tx *store.Tx) error {
		if err := above(tx, c.ID, note); err != nil || !c.IsDelete() {
			return err
		}
		return below(tx, c.ID, note)
	})
	if err != nil || len(locked) == 0 {
		return err
	}
	operation := "write"
	if c.IsDelete() {
		operation = "delete"
	}
	slices.Sort(locked)
	return arm.Errorf(http.StatusConflict, "ScopeLocked",
		"The scope '%s' cannot perform %s operation because following scope(s) are locked: '%s'. Please remove the lock and try again.",
		c.ID, operation, strings.Join(slices.Compact(locked), "','"))
}

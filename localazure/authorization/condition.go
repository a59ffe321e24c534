package authorization

import (
	"net/http"

	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// checkCondition refuses a condition that could not be evaluated;
// learn.microsoft.com/azure/role-based-access-control/conditions-troubleshoot.
func checkCondition(properties store.Tree) error {
	condition := resource.Text(properties, "condition")
	if condition == "" {
		return nil
	}
	if version := resource.Text(properties, "conditionVersion"); version != "2.0" {
		return arm.Errorf(http.StatusBadRequest, "BadRequestFormat",
			"The request was incorrectly formatted: the condition version '%s' is not supported, '2.0' is.", version)
	}
	if _, err := rbac.ParseCondition(condition); err != nil {
		return arm.Errorf(http.StatusBadRequest, "InvalidConditionOrExpression",
			"The role assignment condition is invalid: %v.", err)
	}
	return nil
}

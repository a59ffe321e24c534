package resources

import (
	"net/http"
	"regexp"

	"github.com/kars-dev/kars/localazure/arm"
)

// resourceFilter reads "resourceType eq '…'", the one $filter of a list of
// resources that the local Azure knows.
func resourceFilter(text string) (resourceType string, err error) {
	if text == "" {
		return "", nil
	}
	m := regexp.MustCompile(`(?i)^\s*resourceType\s+eq\s+'([^']+)'\s*$`).FindStringSubmatch(text)
	if m == nil {
		return "", arm.Errorf(http.StatusBadRequest, "InvalidFilterInQueryString", "Invalid $filter '%s' specified in the query string.", text)
	}
	return m[1], nil
}

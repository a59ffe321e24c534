package authorization

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// readWindow reads a request's scheduleInfo: from now or a later start, for a
// duration, until a time, or for good, which is a zero end;
// learn.microsoft.com/rest/api/authorization/role-assignment-schedule-requests/create#expiration.
func readWindow(request store.Tree, now time.Time) (start, end time.Time, err error) {
	bad := func(what string) error {
		return arm.Errorf(http.StatusBadRequest, "BadRequestFormat", "The request was incorrectly formatted: %s is not valid.", what)
	}
	at := func(path ...string) string {
		return resource.Text(request, append([]string{"properties", "scheduleInfo"}, path...)...)
	}
	start = now
	if text := at("startDateTime"); text != "" {
		asked, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return start, end, bad("'startDateTime'")
		}
		if asked.After(now) {
			start = asked.UTC()
		}
	}
	switch kind := at("expiration", "type"); strings.ToLower(kind) {
	case "", "noexpiration":
	case "afterduration":
		d, ok := parseDuration(at("expiration", "duration"))
		if !ok {
			return start, end, bad("'duration'")
		}
		end = start.Add(d)
	case "afterdatetime":
		if end, err = time.Parse(time.RFC3339, at("expiration", "endDateTime")); err != nil || !end.After(start) {
			return start, end, bad("'endDateTime'")
		}
		end = end.UTC()
	default:
		return start, end, bad("the expiration type '" + kind + "'")
	}
	return start, end, nil
}

// parseDuration reads days, hours, minutes and seconds of ISO 8601, as "P365D"
// or "PT1H30M", of more than nothing and no more than ten years.
func parseDuration(text string) (time.Duration, bool) {
	m := regexp.MustCompile(`^P(?:(\d{1,4})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,8})M)?(?:(\d{1,9})S)?)?$`).FindStringSubmatch(text)
	if m == nil || strings.HasSuffix(text, "T") {
		return 0, false
	}
	var d time.Duration
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
		n, _ := strconv.ParseInt(m[i+1], 10, 64) // digits, or nothing
		d += time.Duration(n) * unit
	}
	return d, d > 0 && d <= 10*366*24*time.Hour
}

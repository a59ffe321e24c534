// Package period reads the time for which a role is to be had, as Privileged
// Identity Management writes it for Azure roles and for directory roles alike.
package period

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Period is from Start until before End; a zero End is never.
type Period struct{ Start, End time.Time }

// Includes says whether the period has begun at a time and not ended.
func (p Period) Includes(at time.Time) bool { return !at.Before(p.Start) && !p.Ended(at) }

// Ended says whether the period is over at a time.
func (p Period) Ended(at time.Time) bool { return !p.End.IsZero() && !at.Before(p.End) }

// Length is how long the period is; 0 when it never ends.
func (p Period) Length() time.Duration {
	if p.End.IsZero() {
		return 0
	}
	return p.End.Sub(p.Start)
}

// Read reads the scheduleInfo of a request: from now or a later startDateTime,
// for a duration, until an endDateTime, or for good. An error names the
// property that is not valid.
// learn.microsoft.com/rest/api/authorization/role-assignment-schedule-requests/create#expiration
// learn.microsoft.com/graph/api/resources/expirationpattern
func Read(scheduleInfo map[string]any, now time.Time) (Period, error) {
	p := Period{Start: now.UTC()}
	if text := text(scheduleInfo, "startDateTime"); text != "" {
		asked, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return p, fmt.Errorf("'startDateTime' is not valid")
		}
		if asked.After(now) {
			p.Start = asked.UTC()
		}
	}
	expiration, _ := scheduleInfo["expiration"].(map[string]any)
	switch kind := text(expiration, "type"); strings.ToLower(kind) {
	case "", "noexpiration":
	case "afterduration":
		d, ok := Duration(text(expiration, "duration"))
		if !ok {
			return p, fmt.Errorf("'duration' is not valid")
		}
		p.End = p.Start.Add(d)
	case "afterdatetime":
		end, err := time.Parse(time.RFC3339, text(expiration, "endDateTime"))
		if err != nil || !end.After(p.Start) {
			return p, fmt.Errorf("'endDateTime' is not valid")
		}
		p.End = end.UTC()
	default:
		return p, fmt.Errorf("the expiration type '%s' is not valid", kind)
	}
	return p, nil
}

func text(tree map[string]any, key string) string {
	s, _ := tree[key].(string)
	return s
}

// longest bounds a duration.
const longest = 10 * 366 * 24 * time.Hour

// Duration reads days, hours, minutes and seconds of ISO 8601, as "P365D" or
// "PT1H30M", of more than nothing and no more than ten years.
func Duration(text string) (time.Duration, bool) {
	m := regexp.MustCompile(`^P(?:(\d{1,4})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,8})M)?(?:(\d{1,9})S)?)?$`).FindStringSubmatch(text)
	if m == nil || strings.HasSuffix(text, "T") {
		return 0, false
	}
	var d time.Duration
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
		n, _ := strconv.ParseInt(m[i+1], 10, 64) // digits, or nothing
		d += time.Duration(n) * unit
	}
	return d, d > 0 && d <= longest
}

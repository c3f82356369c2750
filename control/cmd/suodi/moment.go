package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// parseMoment reads a point in time: RFC 3339; a date, which means the end of
// that day where now is; or a time from now, + and a number with unit (s, m, h,
// d, w). The result is in UTC and whole seconds.
func parseMoment(text string, now time.Time) (time.Time, error) {
	if after, relative := strings.CutPrefix(text, "+"); relative {
		d, err := parseSpan(after)
		if err != nil {
			return time.Time{}, momentError(text)
		}
		return now.Add(d).UTC().Truncate(time.Second), nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.UTC().Truncate(time.Second), nil
	}
	t, err := time.ParseInLocation(time.DateOnly, text, now.Location())
	if err != nil {
		return time.Time{}, momentError(text)
	}
	return t.AddDate(0, 0, 1).UTC(), nil
}

func momentError(text string) error {
	return fmt.Errorf("%q is no time; want one like 2026-12-31T18:00:00+08:00, 2026-12-31 (till that day's end) or +72h", text)
}

// parseSpan reads a length of time as Go writes it, or in days or weeks.
func parseSpan(text string) (time.Duration, error) {
	for suffix, unit := range map[string]time.Duration{"d": day, "w": 7 * day} {
		if number, found := strings.CutSuffix(text, suffix); found {
			n, err := strconv.ParseUint(number, 10, 16)
			return time.Duration(n) * unit, err
		}
	}
	d, err := time.ParseDuration(text)
	if err == nil && d < 0 {
		err = fmt.Errorf("%q is negative", text)
	}
	return d, err
}

// localTime shows a time to people.
func localTime(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

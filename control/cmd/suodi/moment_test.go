package main

import (
	"testing"
	"time"
)

func TestParseMoment(t *testing.T) {
	shanghai := time.FixedZone("+08:00", 8*60*60)
	now := time.Date(2026, 3, 1, 12, 0, 0, 500, shanghai)
	for _, c := range []struct{ text, want string }{
		{"2026-12-31T18:00:00+08:00", "2026-12-31T10:00:00Z"},
		{"2026-12-31T18:00:00.9Z", "2026-12-31T18:00:00Z"},
		{"2026-12-31", "2026-12-31T16:00:00Z"}, // the end of the day in Shanghai
		{"2028-02-29", "2028-02-29T16:00:00Z"},
		{"+72h", "2026-03-04T04:00:00Z"},
		{"+1h30m", "2026-03-01T05:30:00Z"},
		{"+30d", "2026-03-31T04:00:00Z"},
		{"+2w", "2026-03-15T04:00:00Z"},
	} {
		got, err := parseMoment(c.text, now)
		if err != nil || got.Format(time.RFC3339Nano) != c.want {
			t.Errorf("%s: got %v %v, want %s", c.text, got, err, c.want)
		}
	}
	for _, text := range []string{"", "+", "72h", "+-1h", "-72h", "+1.5d", "+d", "+99999d", "2026-02-30", "31.12.2026", "tomorrow", "2026-12-31T18:00:00"} {
		if got, err := parseMoment(text, now); err == nil {
			t.Errorf("%s: got %v", text, got)
		}
	}
}

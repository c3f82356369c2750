package rules_test

import (
	"fmt"
	"testing"
	"time"

	"suodi/wasm/abi"
)

// TestZones compares a zone's hour, weekday and date with package time's on
// both sides of every change of its offset and of every day.
func TestZones(t *testing.T) {
	for _, name := range []string{"Asia/Shanghai", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia", "UTC"} {
		t.Run(name, func(t *testing.T) {
			_, m := compile(t, fmt.Sprintf("name: zones\nrules:\n  - {then: deny, when: 'hour(visit.time, %q) == visit.hour && "+
				"weekday(visit.time, %[1]q) == visit.weekday && date(visit.time, %[1]q) == visit.date'}\n", name))
			g, _ := start(t, newRuntime(t), m)
			zone, err := time.LoadLocation(name)
			if err != nil {
				t.Fatal(err)
			}
			check := func(seconds int64) {
				t.Helper()
				at := time.Unix(seconds, 0).In(zone)
				v := abi.Visit{
					Facts: abi.AllFacts, Time: seconds, Hour: uint8(at.Hour()), Weekday: uint8((at.Weekday()+6)%7 + 1),
					Date: uint32(at.Year()*10000 + int(at.Month())*100 + at.Day()),
				}
				if got := g.run(t, &v); got.Action() != abi.Deny {
					t.Fatalf("%s: %s, error %t", at, got.Action(), got.Erred())
				}
			}
			first, last := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC).Unix()-1
			check(first)
			check(last)
			_, before := time.Unix(first, 0).In(zone).Zone()
			for hour := first + 3600; hour < last; hour += 3600 {
				_, offset := time.Unix(hour, 0).In(zone).Zone()
				if offset != before || hour%(30*86400) == 0 {
					check(hour - 1)
					check(hour)
					check(hour - 3600)
				}
				before = offset
			}
			for _, outside := range []int64{first - 1, last + 1, 0, -1 << 63, 1<<63 - 1} {
				if got := g.run(t, &abi.Visit{Facts: abi.AllFacts, Time: outside}); got != abi.NewVerdict(abi.Pass, 0).WithErred() {
					t.Errorf("%d: %s, error %t", outside, got.Action(), got.Erred())
				}
			}
		})
	}
}

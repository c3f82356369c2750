// A weekly programme: each weekday has its own target, between two hours of
// the domain's time zone. A shop's standing procedure might send Monday's
// visitors to the new arrivals and Friday's to the live room; a day without a
// URL, and the hours outside, go to the link's own target.
package main

import "suodi/wasm/guest/go/suodi"

func init() { suodi.Handle(decide) }

func main() {}

// days are the names of the parameters, by weekday.
var days = [...]string{1: "monday", 2: "tuesday", 3: "wednesday", 4: "thursday", 5: "friday", 6: "saturday", 7: "sunday"}

func decide(v *suodi.Visit) suodi.Verdict {
	day, hour := v.Weekday(), int64(v.Hour())
	if day < 1 || day > 7 {
		return suodi.Pass() // no clock
	}
	from, until := v.ParamInt("from", 0), v.ParamInt("until", 24)
	open := from <= hour && hour < until
	if from > until { // over midnight; the day is the one that the hour belongs to
		open = hour >= from || hour < until
	}
	if url, ok := v.ParamText(days[day]); ok && open && url != "" {
		return suodi.Route(url)
	}
	return suodi.Pass()
}

package visit_test

import (
	"testing"

	"suodi/wasm/abi"
	"suodi/wasm/visit"
	"suodi/wasm/visit/samples/npm"
)

// TestRealVisits compares with what scripts saw of the devices of 10,000 visits
// by people: the form agrees, and none of them is a bot.
func TestRealVisits(t *testing.T) {
	devices := map[abi.Device]string{abi.DeviceMobile: "mobile", abi.DeviceTablet: "tablet", abi.DeviceDesktop: "desktop"}
	visits := npm.Visits(t)
	if len(visits) < 5000 {
		t.Errorf("only %d visits", len(visits))
	}
	for _, v := range visits {
		if p := visit.Shipped().Match([]byte(v.UserAgent)); devices[p.Device] != v.Device || p.Bot {
			t.Errorf("%q on a %s: got %v", v.UserAgent, v.Device, visit.Shipped().IDs(p.Set))
		}
	}
}

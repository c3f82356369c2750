package rollout_test

import (
	"strings"
	"testing"

	"suodi/control/rollout"
)

func passed(n uint64) rollout.Tally { return rollout.Tally{Passed: n} }

func denied(n uint64) rollout.Tally { return rollout.Tally{Denied: n} }

func reading(edge string, boot uint64, inForce, canary rollout.Tally) rollout.Reading {
	return rollout.Reading{Edge: edge, Boot: boot, Tallies: map[uint32]rollout.Tally{1: inForce, 2: canary}}
}

func TestWindow(t *testing.T) {
	onlyInForce := func(edge string, n uint64) rollout.Reading {
		return rollout.Reading{Edge: edge, Boot: 1, Tallies: map[uint32]rollout.Tally{1: passed(n)}}
	}
	for _, test := range []struct {
		name            string
		edges           []string
		readings        []rollout.Reading
		inForce, canary rollout.Tally
	}{
		{"what came before does not count", nil, []rollout.Reading{
			reading("a", 1, passed(1000), denied(50)),
		}, rollout.Tally{}, rollout.Tally{}},
		{"what comes after counts", nil, []rollout.Reading{
			reading("a", 1, passed(1000), denied(50)), reading("a", 1, passed(1100), denied(51)), reading("a", 1, passed(1300), denied(57)),
		}, passed(300), denied(7)},
		{"a canary that appears counts wholly", nil, []rollout.Reading{
			onlyInForce("a", 1000), reading("a", 1, passed(1100), denied(5)),
		}, passed(100), denied(5)},
		{"edges add up", nil, []rollout.Reading{
			reading("a", 1, passed(0), denied(0)), reading("b", 7, passed(5), denied(5)),
			reading("a", 1, passed(10), denied(1)), reading("b", 7, passed(25), denied(7)),
		}, passed(30), denied(3)},
		{"an edge that does not run it yet does not count", nil, []rollout.Reading{
			reading("a", 1, passed(0), denied(0)), onlyInForce("b", 0),
			reading("a", 1, passed(10), denied(1)), onlyInForce("b", 1000),
		}, passed(10), denied(1)},
		{"one that has not reported yet says nothing", nil, []rollout.Reading{
			{Edge: "a", Boot: 1}, reading("a", 1, passed(1000), denied(50)), {Edge: "a", Boot: 1}, reading("a", 1, passed(1001), denied(52)),
		}, passed(1), denied(2)},
		{"a restart counts from nothing", nil, []rollout.Reading{
			reading("a", 1, passed(1000), denied(100)), reading("a", 1, passed(1010), denied(101)),
			reading("a", 2, passed(1500), denied(110)),
		}, passed(1510), denied(111)},
		{"a counter that fell counts nothing", nil, []rollout.Reading{
			reading("a", 1, passed(1000), denied(100)), reading("a", 1, passed(7), denied(101)),
		}, passed(0), denied(1)},
		{"and goes on from there", nil, []rollout.Reading{
			reading("a", 1, passed(1000), denied(100)), reading("a", 1, passed(7), denied(101)), reading("a", 1, passed(10), denied(101)),
		}, passed(3), denied(1)},
		{"the others count when one falls", nil, []rollout.Reading{
			reading("a", 1, rollout.Tally{Passed: 1000, Routed: 901}, passed(0)),
			reading("a", 1, rollout.Tally{Passed: 1005, Routed: 900, Failed: 1}, passed(200)),
		}, rollout.Tally{Passed: 5, Failed: 1}, passed(200)},
		{"a version left out once is where it was", nil, []rollout.Reading{
			reading("a", 1, passed(1000), denied(100)),
			{Edge: "a", Boot: 1, Tallies: map[uint32]rollout.Tally{2: denied(101)}},
			reading("a", 1, passed(1002), denied(103)),
		}, passed(2), denied(3)},
		{"by edges, the others are compared with", []string{"a", "c"}, []rollout.Reading{
			reading("a", 1, passed(0), denied(0)), onlyInForce("b", 0), reading("c", 1, passed(0), denied(0)),
			reading("a", 1, passed(99), denied(10)), onlyInForce("b", 20), reading("c", 1, passed(99), denied(11)),
		}, passed(20), denied(21)},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := rollout.NewWindow(rollout.Canary{InForce: 1, Version: 2, Edges: test.edges, Thresholds: standard})
			for _, r := range test.readings {
				w.Read(r)
			}
			if inForce, canary := w.Counted(); inForce != test.inForce || canary != test.canary {
				t.Errorf("in force %+v, canary %+v; want %+v, %+v", inForce, canary, test.inForce, test.canary)
			}
		})
	}
}

func TestWindowJudges(t *testing.T) {
	w := rollout.NewWindow(rollout.Canary{InForce: 1, Version: 2, Thresholds: standard})
	w.Read(reading("a", 1, passed(0), passed(0)))
	w.Read(reading("a", 1, passed(2000), passed(50)))
	if why := w.Judge(); why != "" {
		t.Fatalf("halted: %s", why)
	}
	w.Read(reading("a", 1, passed(4000), rollout.Tally{Passed: 50, Denied: 100}))
	if why := w.Judge(); !strings.Contains(why, "denied") {
		t.Errorf("not halted: %q", why)
	}

	// One that an edge cannot load is halted whatever it decides.
	w = rollout.NewWindow(rollout.Canary{InForce: 1, Version: 2, Thresholds: standard})
	w.Read(rollout.Reading{Edge: "a", Errors: map[uint32]string{1: "an old matter"}})
	if why := w.Judge(); why != "" {
		t.Errorf("halted for the sake of another version: %s", why)
	}
	w.Read(rollout.Reading{Edge: "b", Errors: map[uint32]string{2: "it traps"}})
	if why := w.Judge(); why != "edge b cannot run it: it traps" {
		t.Errorf("reason %q", why)
	}
}

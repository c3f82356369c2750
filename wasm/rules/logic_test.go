package rules_test

import (
	"math"
	"testing"

	"suodi/wasm/abi"
)

// TestErrorsOfConditions says where an error of a visit goes. In these
// conditions visit.time is the largest int, so "visit.time + 1 > 0" is one.
func TestErrorsOfConditions(t *testing.T) {
	const (
		no, yes, failed = abi.Verdict(abi.Pass), abi.Verdict(abi.Deny), abi.Verdict(abi.Pass) | 1<<7
		bad             = "visit.time + 1 > 0"
	)
	visit := abi.Visit{Facts: abi.AllFacts, Time: math.MaxInt64, Hour: 7, Slug: []byte("a")}
	for _, c := range []struct {
		when string
		want abi.Verdict
	}{
		{bad, failed},
		{"!(" + bad + ")", failed},
		{"false && " + bad, no},
		{bad + " && false", no},
		{bad + " && true", failed},
		{"true && " + bad, failed},
		{bad + " && " + bad, failed},
		{"true || " + bad, yes},
		{bad + " || true", yes},
		{bad + " || false", failed},
		{"false || " + bad, failed},
		{bad + " || " + bad, failed},
		{"(" + bad + " || true) && !(" + bad + " && false)", yes},
		{"(" + bad + ") ? true : true", failed},
		{"visit.hour == 7 ? true : " + bad, yes},
		{"visit.hour == 7 ? " + bad + " : true", failed},
		{"(visit.hour == 7 ? 1 : visit.time + 1) == 1", yes},
		{"((" + bad + ") ? 1 : 1) == 1", failed},
		{"((" + bad + ") || visit.hour == 7 ? 1 : 2) == 1", yes},
		{"((" + bad + ") ? \"a\" : \"a\") == visit.slug", failed},
		{"((" + bad + ") ? visit.slug : visit.slug).startsWith(\"a\") || true", yes},
		{"(" + bad + ") == (" + bad + ")", failed},
		{"(" + bad + ") != false", failed},
		{"visit.time + 1 in [1, 2]", failed},
		{"visit.time + 1 in []", failed},
		{"visit.time + (visit.hour + 1 > 0 ? 1 : 0) == 0", failed}, // the inner comparison is fine, the outer is not
		{"(visit.time + 1 > 0 || true ? 1 : 0) + visit.time == 0", failed},
	} {
		t.Run(c.when, func(t *testing.T) {
			_, m := compile(t, oneRule(c.when))
			g, _ := start(t, newRuntime(t), m)
			if got := g.run(t, &visit); got != c.want {
				t.Errorf("got %s, error %t", got.Action(), got.Erred())
			}
		})
	}
}

// TestErredIsRemembered: the bit of an earlier rule stands in the verdict of a
// later one, whatever that is, and not in one before.
func TestErredIsRemembered(t *testing.T) {
	_, m := compile(t, `
name: remembered
rules:
  - {when: 'visit.hour == 1', then: allow}
  - {when: 'visit.time + 1 > 0', then: deny}
  - {when: 'visit.hour == 2', then: deny, reason: because}
  - {when: 'visit.hour == 3', then: route, to: "https://example.com/"}
`)
	g, _ := start(t, newRuntime(t), m)
	for hour, want := range map[uint8]abi.Verdict{
		1: abi.NewVerdict(abi.Allow, 0),
		2: abi.NewVerdict(abi.Deny, 1).WithErred(),
		4: abi.NewVerdict(abi.Pass, 0).WithErred(),
	} {
		if got := g.run(t, &abi.Visit{Facts: abi.AllFacts, Hour: hour, Time: math.MaxInt64}); got != want {
			t.Errorf("hour %d: got %#x, want %#x", hour, got, want)
		}
	}
	got := g.run(t, &abi.Visit{Facts: abi.AllFacts, Hour: 3, Time: math.MaxInt64})
	if url, ok := g.memory.Read(got.Address(), got.Code()); !got.Erred() || got.Action() != abi.Route || string(url) != "https://example.com/" || !ok {
		t.Errorf("got %#x to %q", got, url)
	}
	if got := g.run(t, &abi.Visit{Facts: abi.AllFacts, Hour: 2}); got != abi.NewVerdict(abi.Deny, 0) {
		t.Errorf("without an error: got %#x", got)
	}
}

func TestArithmetic(t *testing.T) {
	visit := abi.Visit{Facts: abi.AllFacts, Time: -7, Hour: 23, OSMajor: 17, Date: 20261001}
	for _, c := range []struct {
		when string
		want bool
	}{
		{"visit.hour * 60 + 5 == 1385", true},
		{"visit.date / 10000 == 2026 && visit.date / 100 % 100 == 10", true},
		{"visit.time / 2 == -3 && visit.time % 2 == -1", true}, // towards zero
		{"visit.time / -2 == 3 && visit.time % -2 == -1", true},
		{"-visit.time == 7 && -(-visit.time) == -7", true},
		{"visit.time / -1 == 7 && visit.time % -1 == 0", true},
		{"visit.hour - visit.os_major < 7", true},
		{"visit.time * visit.hour == -161", true},
		{"visit.time / (60 * 60) == 0", true},
		{"visit.hour + 1 in [24, 25]", true},
		{"size(visit.slug) + 1 > 1", false},
	} {
		t.Run(c.when, func(t *testing.T) {
			_, m := compile(t, oneRule(c.when))
			g, _ := start(t, newRuntime(t), m)
			if got := g.run(t, &visit); got.Erred() || (got.Action() == abi.Deny) != c.want {
				t.Errorf("got %s, error %t", got.Action(), got.Erred())
			}
		})
	}
}

package rollout_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"suodi/control/rollout"
)

var standard = rollout.Thresholds{MaxFailures: 0.01, MaxChange: 0.1, MinVisits: 100}

func TestJudge(t *testing.T) {
	for _, test := range []struct {
		name            string
		inForce, canary rollout.Tally
		want            string // a part of the reason; "" = it goes on
	}{
		{"nothing yet", rollout.Tally{}, rollout.Tally{}, ""},
		{"as before", rollout.Tally{Passed: 1900}, rollout.Tally{Passed: 100}, ""},
		{"denies everybody", rollout.Tally{Passed: 1900}, rollout.Tally{Denied: 100}, "denied 100 % of 100 visits, the version in force 0 % of 1900"},
		{"denies everybody, of too few", rollout.Tally{Passed: 1900}, rollout.Tally{Denied: 99}, ""},
		{"denies everybody, beside too few", rollout.Tally{Passed: 99}, rollout.Tally{Denied: 1000}, ""},
		{"denies nobody any more", rollout.Tally{Denied: 1900}, rollout.Tally{Passed: 100}, "denied 0 %"},
		{"guides half", rollout.Tally{Passed: 1900}, rollout.Tally{Passed: 100, Guided: 100}, "guided 50 %"},
		{"routes half", rollout.Tally{Passed: 1900}, rollout.Tally{Passed: 100, Routed: 100}, "routed 50 %"},
		{"allows half", rollout.Tally{Passed: 1900}, rollout.Tally{Passed: 100, Allowed: 100}, "allowed 50 %"},
		{"cannot decide", rollout.Tally{Passed: 1900}, rollout.Tally{Passed: 200, Erred: 100}, "could not decide a condition for 50 %"},
		{"within the limit", rollout.Tally{Passed: 100_000}, rollout.Tally{Passed: 91_000, Denied: 9_000}, ""},
		{"surely over the limit", rollout.Tally{Passed: 100_000}, rollout.Tally{Passed: 88_000, Denied: 12_000}, "denied 12 %"},
		{"over the limit by chance", rollout.Tally{Passed: 1900}, rollout.Tally{Passed: 88, Denied: 12}, ""},
		{"as many denied as before", rollout.Tally{Passed: 500, Denied: 500}, rollout.Tally{Passed: 60, Denied: 45}, ""},
		{"breaks on all", rollout.Tally{Passed: 1900}, rollout.Tally{Failed: 100}, "broke on 100 %"},
		{"breaks on one in twenty", rollout.Tally{Passed: 19_000}, rollout.Tally{Passed: 950, Failed: 50}, "broke on 5 %"},
		{"breaks on two of many", rollout.Tally{Passed: 1900}, rollout.Tally{Passed: 98, Failed: 2}, ""},
		{"breaks as the other does", rollout.Tally{Passed: 9000, Failed: 1000}, rollout.Tally{Passed: 900, Failed: 100}, ""},
		{"breaks where nothing runs beside it", rollout.Tally{}, rollout.Tally{Failed: 100}, "no version in force was seen"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := standard.Judge(test.inForce, test.canary)
			if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
				t.Errorf("%q; want %q", got, test.want)
			}
		})
	}
	if why := (rollout.Thresholds{}).Judge(rollout.Tally{}, rollout.Tally{}); why != "" {
		t.Errorf("without thresholds and visits: %s", why)
	}
}

// visit decides one visit: a share is denied, another one breaks the filter.
func visit(r *rand.Rand, t *rollout.Tally, denied, failed float64) {
	switch x := r.Float64(); {
	case x < failed:
		t.Failed++
	case x < failed+denied:
		t.Denied++
	default:
		t.Passed++
	}
}

// A canary that decides as the version in force does is left alone for as long
// as it runs, however often it is looked at; one that does not is halted soon.
func TestJudgeIsFair(t *testing.T) {
	tight := rollout.Thresholds{MaxFailures: 0.001, MaxChange: 0.001, MinVisits: 30}
	for _, share := range []struct{ denied, failed float64 }{{0, 0}, {0.01, 0}, {0.3, 0.01}, {0.5, 0.2}, {0.97, 0.01}} {
		for seed := range uint64(15) {
			r := rand.New(rand.NewPCG(seed, 1))
			var inForce, canary rollout.Tally
			for look := range 300 {
				for range 20 {
					visit(r, &inForce, share.denied, share.failed)
				}
				visit(r, &canary, share.denied, share.failed)
				if why := tight.Judge(inForce, canary); why != "" {
					t.Fatalf("%+v, seed %d, look %d: halted wrongly: %s", share, seed, look, why)
				}
			}
		}
	}
	for _, bad := range []struct {
		name           string
		denied, failed float64
		within         uint64 // visits
	}{
		{"denies everybody", 1, 0, 100},
		{"denies half more", 0.6, 0, 200},
		{"denies a quarter more", 0.35, 0, 1500},
		{"breaks on a tenth", 0.1, 0.1, 800},
	} {
		t.Run(bad.name, func(t *testing.T) {
			for seed := range uint64(40) {
				r := rand.New(rand.NewPCG(seed, 2))
				var inForce, canary rollout.Tally
				for standard.Judge(inForce, canary) == "" {
					for range 19 {
						visit(r, &inForce, 0.1, 0)
					}
					visit(r, &canary, bad.denied, bad.failed)
					if canary.Visits() > bad.within {
						t.Fatalf("seed %d: not halted after %d visits: %+v beside %+v", seed, bad.within, canary, inForce)
					}
				}
			}
		})
	}
}

func BenchmarkJudge(b *testing.B) {
	inForce, canary := rollout.Tally{Passed: 19_000, Denied: 1000}, rollout.Tally{Passed: 950, Denied: 50}
	for b.Loop() {
		standard.Judge(inForce, canary)
	}
}

package visit_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"
	_ "time/tzdata" // zones also where the system has none

	"suodi/wasm/abi"
	"suodi/wasm/visit"
)

func location(t testing.TB, name string) *time.Location {
	t.Helper()
	l, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// checkClock compares a clock with package time.
func checkClock(t *testing.T, c *visit.Clock, l *time.Location, unix int64) {
	t.Helper()
	at := time.Unix(unix, 0).In(l)
	weekday := uint8(at.Weekday())
	if weekday == 0 {
		weekday = 7
	}
	v := abi.Visit{Facts: abi.FactHost}
	c.Fill(&v, unix)
	if v.Date != uint32(at.Year()*10_000+int(at.Month())*100+at.Day()) || v.Hour != uint8(at.Hour()) || v.Weekday != weekday ||
		v.Time != unix || v.Facts != abi.FactHost|abi.FactClock {
		t.Fatalf("%s: got date %d, hour %d, weekday %d", at, v.Date, v.Hour, v.Weekday)
	}
}

func TestClock(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"UTC", "Asia/Shanghai", "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Monrovia"} {
		l := location(t, name)
		c := visit.NewClock(l)
		for range 200 {
			// Around any hour from 1900 to 2500, to and fro within three minutes.
			hour := random.Int64N(600*365*24)*3600 - 70*365*24*3600
			for range 50 {
				checkClock(t, c, l, hour+random.Int64N(180)-90)
			}
		}
	}
}

// TestClockTurns goes through the nights in which clocks turn, the end of the
// years that a clock can remember and the beginning of time.
func TestClockTurns(t *testing.T) {
	newYork, lordHowe, apia := location(t, "America/New_York"), location(t, "Australia/Lord_Howe"), location(t, "Pacific/Apia")
	for _, turn := range []time.Time{
		time.Date(2026, 3, 8, 7, 0, 0, 0, time.UTC).In(newYork), time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC).In(newYork),
		time.Date(2026, 4, 4, 15, 0, 0, 0, time.UTC).In(lordHowe), time.Date(2011, 12, 30, 10, 0, 0, 0, time.UTC).In(apia),
		time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(946_684_800+60<<29, 0).UTC(), time.Unix(0, 0).UTC(),
	} {
		c := visit.NewClock(turn.Location())
		for second := int64(-130); second < 130; second++ {
			checkClock(t, c, turn.Location(), turn.Unix()+second)
		}
	}
}

func TestClockConcurrently(t *testing.T) {
	shanghai := location(t, "Asia/Shanghai")
	c := visit.NewClock(shanghai)
	var readers sync.WaitGroup
	for seed := range uint64(4) {
		readers.Go(func() {
			random := rand.New(rand.NewPCG(seed, 0))
			for range 2000 {
				checkClock(t, c, shanghai, 1_795_000_000+random.Int64N(600))
			}
		})
	}
	readers.Wait()
	checkClock(t, visit.NewClock(nil), time.UTC, 1_795_000_000)
}

func TestClockDoesNotAllocate(t *testing.T) {
	c := visit.NewClock(location(t, "Asia/Shanghai"))
	var v abi.Visit
	unix := int64(1_795_000_000)
	if n := testing.AllocsPerRun(100, func() { c.Fill(&v, unix); unix += 30 }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkClock(b *testing.B) {
	shanghai := location(b, "Asia/Shanghai")
	var v abi.Visit
	b.Run("same minute", func(b *testing.B) {
		c := visit.NewClock(shanghai)
		for b.Loop() {
			c.Fill(&v, 1_795_000_000)
		}
	})
	b.Run("another minute", func(b *testing.B) {
		c := visit.NewClock(shanghai)
		for unix := int64(1_795_000_000); b.Loop(); unix += 60 {
			c.Fill(&v, unix)
		}
	})
}

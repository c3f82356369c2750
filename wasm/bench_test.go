package wasm_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"suodi/wasm"
	"suodi/wasm/abi"
	"suodi/wasm/filters"
	"suodi/wasm/rules"
)

// tenRules is a set such as an admin may write; tenVisit fits none of it.
const tenRules = `
name: ten
rules:
  - {when: 'size(link.allow) > 0 && !visit.platforms.intersects(link.allow)', then: deny, reason: no}
  - {when: 'visit.platforms.intersects(link.guard)', then: guide, reason: open}
  - {when: 'visit.country in ["US", "GB", "DE"]', then: deny}
  - {when: 'visit.hour < 6 && visit.weekday in [6, 7]', then: deny}
  - {when: 'visit.platform == "wechat" && visit.os_major > 20', then: guide}
  - {when: 'visit.host == "t.example.com"', then: deny}
  - {when: 'visit.path.startsWith("/internal/")', then: deny}
  - {when: 'visit.platforms.intersects(["wechat"]) && visit.os_major < 12', then: guide}
  - {when: 'visit.slug in ["spring", "summer", "autumn"]', then: deny}
  - {when: 'visit.date >= 20270101', then: deny}
`

func tenVisit(v *abi.Visit) {
	onWeChat(v)
	*v = abi.Visit{
		Facts: abi.AllFacts, Platform: wechat, OSMajor: 17, BrowserMajor: 8, Device: abi.DeviceMobile, Weekday: 4, Hour: 9,
		Date: 20261001, Time: 1790818200, Country: [2]byte{'C', 'N'}, Platforms: v.Platforms, Allow: v.Platforms,
		Host: []byte("s.example.com"), Slug: []byte("winter"), Path: []byte("/winter"),
	}
}

// medianTime runs do in rounds and reports the median of their times by call,
// which other programs on the machine disturb less than the mean.
func medianTime(b *testing.B, calls int, do func()) {
	b.Helper()
	times := make([]time.Duration, 0, 1<<20)
	for b.Loop() {
		began := time.Now()
		for range calls {
			do()
		}
		times = append(times, time.Since(began))
	}
	reportMedian(b, times, calls)
}

func reportMedian(b *testing.B, times []time.Duration, calls int) {
	b.Helper()
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2])/float64(calls), "median-ns")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkFilterCall is a visit to one filter, from taking the slot to leaving
// it, its facts filled in before.
func BenchmarkFilterCall(b *testing.B) {
	for _, bench := range []struct {
		name   string
		module []byte
		fill   func(*abi.Visit)
	}{
		{"empty", guest{manifest: `{"name":"x","abi":1}`}.encode(), func(*abi.Visit) {}},
		{"platform passes", filters.Platform, onWeChat},
		{"platform guides", filters.Platform, guarded},
		{"ten rules", compile(b, tenRules), tenVisit},
		{"restored", guest{manifest: `{"name":"x","abi":1}`, body: join(remembers(nil), []byte{0x1a}, i64Const(0))}.encode(), func(*abi.Visit) {}},
	} {
		h := newHost(b, 16)
		install(b, h, bind(bench.module)...)
		wasm.EachSlot(h, func(slot *wasm.Slot) {
			slot.Visit = abi.Visit{}
			bench.fill(&slot.Visit)
			if out := slot.Run(slot.Chain(), 0); out.Err != nil {
				b.Fatal(out.Err)
			}
		})
		visit := func(hint uint64) {
			slot := h.Acquire(hint)
			slot.Run(slot.Chain(), 0)
			slot.Release()
		}
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			medianTime(b, 64, func() { visit(1) })
		})
		b.Run(bench.name+" in parallel", func(b *testing.B) {
			var hints atomic.Uint64
			b.RunParallel(func(pb *testing.PB) {
				hint := hints.Add(1)
				for pb.Next() {
					visit(hint)
				}
			})
		})
	}
}

// BenchmarkRelease is what a visit sees of restoring when it leaves its slot:
// the time that half of them take at most. Nothing else is to be done meanwhile.
func BenchmarkRelease(b *testing.B) {
	for _, pages := range []uint64{1, 4, 16, 64} {
		b.Run(fmt.Sprint(64*pages, " KiB"), func(b *testing.B) {
			h := newHost(b, 16)
			install(b, h, bind(guest{body: remembers(nil), pages: pages}.encode())...)
			times := make([]time.Duration, 0, 1<<20)
			for b.Loop() {
				h.Wait()
				slot := h.Acquire(0)
				slot.Run(slot.Chain(), 0)
				began := time.Now()
				slot.Release()
				times = append(times, time.Since(began))
			}
			reportMedian(b, times, 1)
		})
	}
}

// BenchmarkRestore is putting an instance of class restored back.
func BenchmarkRestore(b *testing.B) {
	for _, pages := range []uint64{1, 4, 16, 64} {
		b.Run(fmt.Sprint(64*pages, " KiB"), func(b *testing.B) {
			h := newHost(b, 1)
			install(b, h, bind(guest{body: remembers(nil), pages: pages}.encode())...)
			medianTime(b, 1, func() { wasm.Restore(h, 0) })
		})
	}
}

// BenchmarkInstall is a new rule set on its way from source to force: compiled,
// admitted, metered, made machine code of and instantiated in 16 slots.
func BenchmarkInstall(b *testing.B) {
	for _, bench := range []struct{ name, source string }{{"one rule", wechatIs("deny")}, {"ten rules", tenRules}} {
		b.Run(bench.name, func(b *testing.B) {
			h := newHost(b, 16)
			n := 0
			medianTime(b, 1, func() {
				n++ // another hash each time
				source := fmt.Sprintf("%s  - {when: 'visit.date == %d', then: deny}\n", bench.source, n)
				set, err := rules.Parse([]byte(source))
				if err != nil {
					b.Fatal(err)
				}
				module, err := rules.Compile(set, platforms{})
				if err != nil {
					b.Fatal(err)
				}
				install(b, h, bind(module.Wasm)...)
			})
		})
	}
}

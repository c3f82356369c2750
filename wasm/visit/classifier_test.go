package visit_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"suodi/wasm/abi"
	"suodi/wasm/visit"
	"suodi/wasm/visit/samples"
)

const (
	wechatIOS = "Mozilla/5.0 (iPhone; CPU iPhone OS 16_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.31(0x18001f2e) NetType/4G Language/en"
	// uap-core does not know WeChat on iOS
	wechatBrowser = "Mobile Safari UI/WKWebView"
	chromeOnWin   = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/153.0.0.0 Safari/537.36"
)

func newClassifier(t testing.TB, config visit.Config) *visit.Classifier {
	t.Helper()
	c, err := visit.NewClassifier(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func userAgent(text string) *visit.Evidence { return &visit.Evidence{UserAgent: []byte(text)} }

func TestClassify(t *testing.T) {
	c := newClassifier(t, visit.Config{})
	for range 2 { // not remembered, then remembered
		v := abi.Visit{Facts: abi.FactHost, Hour: 7}
		c.Classify(userAgent(wechatIOS), abi.AllFacts, &v)
		if want := abi.FactHost | abi.FactPlatforms | abi.FactVersions; v.Facts != want {
			t.Errorf("facts: got %v, want %v", v.Facts.Names(), want.Names())
		}
		if got := c.Catalog().IDs(v.Platforms); !slices.Equal(got, []string{"ios", "mobile", "wechat"}) {
			t.Errorf("platforms: got %v", got)
		}
		if v.Platform != 2 || v.App != 2 || v.OS != 59 || v.Device != abi.DeviceMobile || v.Bot || v.Hour != 7 {
			t.Errorf("got %+v", v)
		}
		if string(v.Browser) != wechatBrowser || v.BrowserMajor != 0 || v.OSMajor != 16 {
			t.Errorf("versions: got %q %d, os %d", v.Browser, v.BrowserMajor, v.OSMajor)
		}
	}
	want := visit.Versions{Known: true, Browser: wechatBrowser, OS: "iOS", OSMajor: 16}
	if got := c.Versions([]byte(wechatIOS)); got != want {
		t.Errorf("Versions: got %+v, want %+v", got, want)
	}
	if got := visit.VersionsOf(wechatIOS); got != want {
		t.Errorf("VersionsOf: got %+v, want %+v", got, want)
	}
	if got := c.Stats(); got != (visit.Stats{Misses: 1, AtOnce: 1}) {
		t.Errorf("stats: got %+v", got)
	}
}

func TestClassifyOnlyWhatIsAsked(t *testing.T) {
	c := newClassifier(t, visit.Config{})
	var v abi.Visit
	c.Classify(userAgent(wechatIOS), abi.FactClock|abi.FactUserAgent, &v)
	if v.Facts != 0 || c.Stats() != (visit.Stats{}) {
		t.Errorf("did something: %+v %+v", v, c.Stats())
	}
	c.Classify(userAgent(wechatIOS), abi.FactPlatforms, &v)
	if v.Facts != abi.FactPlatforms || v.Browser != nil {
		t.Errorf("got %v", v.Facts.Names())
	}
	if got := c.Stats(); got != (visit.Stats{Misses: 1, Waiting: 1}) {
		t.Errorf("stats: got %+v", got)
	}
	c.Classify(userAgent(wechatIOS), abi.FactPlatforms, &v)
	if got := c.Stats(); got.Waiting != 1 {
		t.Errorf("queued twice: %+v", got)
	}
	v = abi.Visit{}
	c.Classify(userAgent(chromeOnWin), abi.FactVersions, &v)
	if v.Facts != abi.FactVersions || !v.Platforms.IsEmpty() || string(v.Browser) != "Chrome" || v.BrowserMajor != 153 {
		t.Errorf("got %+v", v)
	}
}

func TestWorkerParses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClassifier(t, visit.Config{})
		done := make(chan error)
		go func() { done <- c.Run(t.Context()) }()
		var v abi.Visit
		c.Classify(userAgent(wechatIOS), abi.FactPlatforms, &v)
		synctest.Wait()
		if got := c.Versions([]byte(wechatIOS)); !got.Known || got.Browser != wechatBrowser {
			t.Errorf("got %+v", got)
		}
		if got := c.Stats(); got != (visit.Stats{Misses: 1, Parsed: 1}) {
			t.Errorf("stats: got %+v", got)
		}
		if err := c.Run(t.Context()); err == nil {
			t.Error("ran twice")
		}
		_ = c.Close()
		_ = c.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestRunEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // fails when a goroutine is left
		c := newClassifier(t, visit.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- c.Run(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		_ = c.Close()

		closed := newClassifier(t, visit.Config{})
		_ = closed.Close()
		if err := closed.Run(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestQueueOverflowIsCounted(t *testing.T) {
	c := newClassifier(t, visit.Config{Queue: 2})
	var v abi.Visit
	for i := range 5 {
		c.Classify(userAgent(fmt.Sprintf("agent %d", i)), abi.FactPlatforms, &v)
	}
	if got := c.Stats(); got.Waiting != 2 || got.Dropped != 3 {
		t.Errorf("got %+v", got)
	}
	if c.Versions([]byte("agent 4")).Known {
		t.Error("who collects is not told that the versions are left to it")
	}
}

func TestLongAgents(t *testing.T) {
	c := newClassifier(t, visit.Config{})
	long := func(n int) string {
		return wechatIOS + strings.Repeat(" ", n-len(wechatIOS))
	}
	for _, test := range []struct {
		length  int
		browser string
	}{{visit.MaxCached, wechatBrowser}, {visit.MaxCached + 1, wechatBrowser}, {visit.MaxParsed, wechatBrowser}, {visit.MaxParsed + 1, ""}} {
		var v abi.Visit
		c.Classify(userAgent(long(test.length)), abi.AllFacts, &v)
		if string(v.Browser) != test.browser || v.Platform != 2 || v.Facts != abi.FactPlatforms|abi.FactVersions {
			t.Errorf("%d bytes: got %q, platform %d", test.length, v.Browser, v.Platform)
		}
		if known := c.Versions([]byte(long(test.length))).Known; known != (test.length <= visit.MaxCached) {
			t.Errorf("%d bytes: remembered: %v", test.length, known)
		}
		if known := visit.VersionsOf(long(test.length)).Known; known != (test.length <= visit.MaxParsed) {
			t.Errorf("%d bytes: parsed by whoever collects: %v", test.length, known)
		}
	}
	if got := c.Stats(); got.TooLong != 3 || got.Misses != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestSwapForgetsPlatforms(t *testing.T) {
	c := newClassifier(t, visit.Config{})
	var v abi.Visit
	c.Classify(userAgent(wechatIOS), abi.AllFacts, &v)
	entries := visit.Shipped().Entries()
	i := slices.IndexFunc(entries, func(e visit.Entry) bool { return e.ID == "wechat" })
	entries[i].Retired = true
	changed, err := visit.NewCatalog(entries)
	if err != nil {
		t.Fatal(err)
	}
	c.Swap(changed)
	c.Classify(userAgent(wechatIOS), abi.AllFacts, &v)
	if v.Platforms.Has(2) || !v.Platforms.Has(49) {
		t.Errorf("got %v", changed.IDs(v.Platforms))
	}
	if got := c.Stats(); got.AtOnce != 1 {
		t.Errorf("versions were forgotten too: %+v", got)
	}
	c.Swap(visit.Shipped())
	c.Classify(userAgent(wechatIOS), abi.AllFacts, &v)
	if !v.Platforms.Has(2) {
		t.Errorf("got %v", changed.IDs(v.Platforms))
	}
}

// TestConcurrentSwap sees to it that nobody gets a set that the catalog in
// force, before or after, would not give.
func TestConcurrentSwap(t *testing.T) {
	entries := visit.Shipped().Entries()
	i := slices.IndexFunc(entries, func(e visit.Entry) bool { return e.ID == "wechat" })
	entries[i].Number = 200
	other, err := visit.NewCatalog(entries)
	if err != nil {
		t.Fatal(err)
	}
	c := newClassifier(t, visit.Config{CacheEntries: 16, Queue: 4})
	running := make(chan error, 1)
	go func() { running <- c.Run(t.Context()) }()
	agents := samples.All()[:30]
	var visitors, swapper sync.WaitGroup
	stop := make(chan struct{})
	swapper.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				c.Swap([]*visit.Catalog{visit.Shipped(), other}[i%2])
			}
		}
	})
	for seed := range uint64(4) {
		visitors.Go(func() {
			random := rand.New(rand.NewPCG(seed, 0))
			for range 2000 {
				agent := userAgent(agents[random.IntN(len(agents))].UserAgent)
				if random.IntN(2) == 0 {
					agent.RequestedWith = []byte("com.tencent.mm")
				}
				var v abi.Visit
				c.Classify(agent, abi.FactPlatforms, &v)
				if v.Platforms != visit.Shipped().Weigh(agent).Set && v.Platforms != other.Weigh(agent).Set {
					t.Errorf("%s: got %v", agent.UserAgent, other.IDs(v.Platforms))
				}
			}
		})
	}
	visitors.Wait()
	close(stop)
	swapper.Wait()
	c.Swap(visit.Shipped())
	for _, agent := range agents {
		var v abi.Visit
		c.Classify(userAgent(agent.UserAgent), abi.FactPlatforms, &v)
		if got := visit.Shipped().IDs(v.Platforms); !slices.Equal(got, agent.Platforms) {
			t.Errorf("%s: got %v", agent.Name, got)
		}
	}
	_ = c.Close()
	if err := <-running; err != nil {
		t.Error(err)
	}
}

func TestConfig(t *testing.T) {
	for _, config := range []visit.Config{
		{CacheEntries: -1}, {CacheEntries: 1<<20 + 1}, {Queue: -1}, {Queue: 1<<16 + 1},
	} {
		if _, err := visit.NewClassifier(config); err == nil {
			t.Errorf("%+v: no error", config)
		}
	}
	c := newClassifier(t, visit.Config{CacheEntries: 1, Queue: 1})
	var v abi.Visit
	c.Classify(&visit.Evidence{}, abi.FactPlatforms, &v)
	if got := c.Catalog().IDs(v.Platforms); !slices.Equal(got, []string{"browser", "desktop", "otheros"}) {
		t.Errorf("got %v", got)
	}
}

func TestClassifyKnownDoesNotAllocate(t *testing.T) {
	c := newClassifier(t, visit.Config{})
	for _, e := range []*visit.Evidence{userAgent(wechatIOS), hinted} {
		var v abi.Visit
		c.Classify(e, abi.AllFacts, &v)
		for _, need := range []abi.Facts{abi.FactPlatforms, abi.FactVersions, abi.AllFacts} {
			if n := testing.AllocsPerRun(100, func() { c.Classify(e, need, &v) }); n != 0 {
				t.Errorf("%v: %v allocations", need.Names(), n)
			}
		}
		if n := testing.AllocsPerRun(100, func() { c.Versions(e.UserAgent) }); n != 0 {
			t.Errorf("Versions: %v allocations", n)
		}
	}
}

// hinted is evidence of every kind.
var hinted = &visit.Evidence{
	UserAgent:     []byte("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/153.0.0.0 Safari/537.36"),
	RequestedWith: []byte("com.eg.android.AlipayGphone"),
	HintPlatform:  []byte(`"Android"`),
	HintMobile:    []byte("?1"),
}

// BenchmarkClassifyKnown is what nearly every visit takes: "all" is platforms
// and versions of a user agent that was seen before.
func BenchmarkClassifyKnown(b *testing.B) {
	c := newClassifier(b, visit.Config{})
	for _, bench := range []struct {
		name string
		e    *visit.Evidence
		need abi.Facts
	}{
		{"platforms", userAgent(wechatIOS), abi.FactPlatforms},
		{"all", userAgent(wechatIOS), abi.AllFacts},
		{"hints", &visit.Evidence{UserAgent: []byte(chromeOnWin), HintPlatform: []byte(`"Windows"`), HintMobile: []byte("?0")}, abi.AllFacts},
		{"everything", hinted, abi.AllFacts},
	} {
		b.Run(bench.name, func(b *testing.B) {
			var v abi.Visit
			c.Classify(bench.e, abi.AllFacts, &v)
			b.ReportAllocs()
			for b.Loop() {
				c.Classify(bench.e, bench.need, &v)
			}
		})
	}
	b.Run("parallel", func(b *testing.B) {
		e := userAgent(wechatIOS)
		b.RunParallel(func(p *testing.PB) {
			var v abi.Visit
			for p.Next() {
				c.Classify(e, abi.AllFacts, &v)
			}
		})
	})
}

func BenchmarkClassifyUnknown(b *testing.B) {
	for _, bench := range []struct {
		name string
		need abi.Facts
	}{{"platforms", abi.FactPlatforms}, {"all", abi.AllFacts}} {
		b.Run(bench.name, func(b *testing.B) {
			c := newClassifier(b, visit.Config{Queue: 1})
			var v abi.Visit
			c.Classify(&visit.Evidence{}, abi.AllFacts, &v) // loads the rules
			e := userAgent(wechatIOS + " 00000000")
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				for at, n := len(e.UserAgent)-1, i; at >= len(e.UserAgent)-8; at, n = at-1, n/10 {
					e.UserAgent[at] = byte('0' + n%10)
				}
				c.Classify(e, bench.need, &v)
			}
		})
	}
}

package visit_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"suodi/wasm/abi"
	"suodi/wasm/visit"
	"suodi/wasm/visit/samples"
)

func TestSamples(t *testing.T) {
	all := samples.All()
	if len(all) < 100 {
		t.Fatalf("%d samples, want at least 100", len(all))
	}
	seen := map[string]bool{}
	for _, agent := range all {
		t.Run(agent.Name, func(t *testing.T) {
			check(t, visit.Shipped(), agent.UserAgent, agent.Platform, agent.Platforms)
		})
		for _, id := range agent.Platforms {
			seen[id] = true
		}
	}
	for _, e := range visit.Shipped().Entries() {
		if !seen[e.ID] {
			t.Errorf("no sample is %s", e.ID)
		}
	}
}

func TestTraps(t *testing.T) {
	data, err := os.ReadFile("testdata/traps.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		t.Run(f[0], func(t *testing.T) {
			check(t, visit.Shipped(), f[3], f[1], strings.Split(f[2], ","))
		})
	}
}

// check matches an agent and compares every field with what the ids say.
func check(t *testing.T, c *visit.Catalog, agent, platform string, ids []string) {
	t.Helper()
	checkPlatforms(t, c, c.Match([]byte(agent)), platform, ids)
}

func checkPlatforms(t *testing.T, c *visit.Catalog, p visit.Platforms, platform string, ids []string) {
	t.Helper()
	if got := c.IDs(p.Set); !slices.Equal(got, ids) {
		t.Errorf("platforms: got %v, want %v", got, ids)
	}
	if e, _ := c.ByNumber(p.Platform); e.ID != platform {
		t.Errorf("platform: got %q, want %q", e.ID, platform)
	}
	if e, _ := c.ByNumber(p.OS); e.Kind != visit.OS || !p.Set.Has(p.OS) {
		t.Errorf("os: %q is none or not in the set", e.ID)
	}
	devices := map[abi.Device]string{abi.DeviceMobile: "mobile", abi.DeviceTablet: "tablet", abi.DeviceDesktop: "desktop"}
	if !slices.Contains(ids, devices[p.Device]) {
		t.Errorf("device: got %d, want the form in %v", p.Device, ids)
	}
	if p.Bot != slices.Contains(ids, "bot") {
		t.Errorf("bot: got %v", p.Bot)
	}
}

func TestEntriesOfACluster(t *testing.T) {
	entries := visit.Shipped().Entries()
	wechat := slices.IndexFunc(entries, func(e visit.Entry) bool { return e.ID == "wechat" })
	added := visit.Entry{
		Number: 200, ID: "game", Zh: "游戏", En: "Game", Kind: visit.App, Order: 15,
		Match: []visit.Alternative{{Prefix: "Game/", All: []string{"MicroMessenger/", "Android"}, None: []string{"iPhone"}}},
	}
	tv := visit.Entry{
		Number: 201, ID: "tv", Zh: "电视", En: "TV", Kind: visit.Form, Order: 1,
		Match: []visit.Alternative{{All: []string{"BRAVIA"}}},
	}
	flag := visit.Entry{
		Number: 202, ID: "beta", Zh: "测试", En: "Beta", Kind: visit.General,
		Match: []visit.Alternative{{All: []string{"beta"}}},
	}
	c, err := visit.NewCatalog(append(entries, added, tv, flag))
	if err != nil {
		t.Fatal(err)
	}
	check(t, c, "Game/1 MicroMessenger/8 Android", "game", []string{"android", "game", "mobile"})
	check(t, c, " Game/1 MicroMessenger/8 Android", "wechat", []string{"android", "mobile", "wechat"})
	check(t, c, "Game/1 MicroMessenger/8 Android iPhone", "wechat", []string{"android", "mobile", "wechat"})
	check(t, c, "wxwork/1 beta Android", "wecom", []string{"android", "beta", "mobile", "wecom"})
	if p := c.Match([]byte("BRAVIA")); p.Device != abi.DeviceUnknown || !p.Set.Has(201) {
		t.Errorf("a form of the cluster's own: got %+v", p)
	}

	entries[wechat].Retired = true
	if c, err = visit.NewCatalog(entries); err != nil {
		t.Fatal(err)
	}
	check(t, c, "MicroMessenger/8", "browser", []string{"browser", "desktop", "otheros"})
	if e, ok := c.ByNumber(2); !ok || !e.Retired {
		t.Error("a retired entry lost its number")
	}
}

func TestOnlyTheFirstBytesCount(t *testing.T) {
	c := visit.Shipped()
	pad := strings.Repeat("x", visit.MaxScan-len("MicroMessenger/"))
	check(t, c, pad+"MicroMessenger/", "wechat", []string{"desktop", "otheros", "wechat"})
	check(t, c, pad+"xMicroMessenger/", "browser", []string{"browser", "desktop", "otheros"})
}

func TestMatchDoesNotAllocate(t *testing.T) {
	agents := samples.All()
	for _, agent := range agents[:20] {
		text := []byte(agent.UserAgent)
		if n := testing.AllocsPerRun(100, func() { visit.Shipped().Match(text) }); n != 0 {
			t.Errorf("%s: %v allocations", agent.Name, n)
		}
	}
}

// slowly returns a function that says in the plainest way what c.Match must
// say.
func slowly(c *visit.Catalog) func(agent []byte) visit.Platforms {
	entries := c.Entries()
	return func(agent []byte) visit.Platforms { return slowMatch(c, entries, agent) }
}

func slowMatch(c *visit.Catalog, entries []visit.Entry, agent []byte) visit.Platforms {
	agent = agent[:min(len(agent), visit.MaxScan)]
	has := func(token string) bool { return bytes.Contains(agent, []byte(token)) }
	first := map[visit.Kind]uint8{}
	var p visit.Platforms
	webView := uint8(0)
	for _, e := range entries {
		matches := !e.Retired && slices.ContainsFunc(e.Match, func(a visit.Alternative) bool {
			return bytes.HasPrefix(agent, []byte(a.Prefix)) &&
				!slices.ContainsFunc(a.All, func(token string) bool { return !has(token) }) &&
				!slices.ContainsFunc(a.None, has)
		})
		switch {
		case !matches:
		case e.ID == visit.WebView:
			webView = e.Number
		case e.Kind == visit.General:
			p.Set.Add(e.Number)
		case first[e.Kind] == 0:
			first[e.Kind] = e.Number
		}
	}
	number := func(id string) uint8 { e, _ := c.ByID(id); return e.Number }
	or := func(n, otherwise uint8) uint8 {
		if n == 0 {
			return otherwise
		}
		return n
	}
	form := or(first[visit.Form], number(visit.Desktop))
	p.OS = or(first[visit.OS], number(visit.OtherOS))
	p.Platform = or(first[visit.App], or(webView, number(visit.Browser)))
	p.App = p.Platform
	p.Set.Add(p.App)
	p.Set.Add(p.OS)
	p.Set.Add(form)
	p.Device = map[uint8]abi.Device{
		number(visit.Mobile): abi.DeviceMobile, number(visit.Tablet): abi.DeviceTablet, number(visit.Desktop): abi.DeviceDesktop,
	}[form]
	if n := first[visit.Crawler]; n != 0 {
		p.Platform, p.Bot = n, true
		p.Set.Add(n)
		p.Set.Add(number(visit.Bot))
	}
	return p
}

// TestMatchAgreesWithTokensTogether tries every pair of tokens at every
// distance from the middle, where the automaton begins a second time.
func TestMatchAgreesWithTokensTogether(t *testing.T) {
	c := visit.Shipped()
	slow := slowly(c)
	var tokens []string
	for _, e := range c.Entries() {
		for _, a := range e.Match {
			tokens = append(append(append(tokens, a.All...), a.None...), a.Prefix)
		}
	}
	for i, token := range tokens {
		for pad := range 70 {
			agent := []byte(strings.Repeat(".", pad) + token + strings.Repeat("_", (i*7+pad*3)%80) + tokens[(i*31+pad)%len(tokens)])
			if got, want := c.Match(agent), slow(agent); got != want {
				t.Fatalf("%q: got %v, want %v", agent, c.IDs(got.Set), c.IDs(want.Set))
			}
		}
	}
}

// TestMatchAgreesOnSmallAlphabet makes catalogs whose tokens overlap, begin
// and end alike as much as they can.
func TestMatchAgreesOnSmallAlphabet(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	text := func(letters string, shortest, longest int) string {
		b := make([]byte, shortest+random.IntN(longest-shortest+1))
		for i := range b {
			b[i] = letters[random.IntN(len(letters))]
		}
		return string(b)
	}
	tokens := func(most int) (list []string) {
		for range random.IntN(most + 1) {
			list = append(list, text("ab", 2, 6))
		}
		return list
	}
	entries := visit.Shipped().Entries()
	for range 50 {
		for i := range entries {
			if e := &entries[i]; e.ID != visit.Browser && e.ID != visit.Bot {
				e.Match = nil
				for range 1 + random.IntN(2) {
					a := visit.Alternative{All: append(tokens(2), text("ab", 2, 6)), None: tokens(1)}
					if random.IntN(4) == 0 {
						a.Prefix = text("ab", 2, 4)
					}
					e.Match = append(e.Match, a)
				}
			}
		}
		c, err := visit.NewCatalog(entries)
		if err != nil {
			t.Fatal(err)
		}
		slow := slowly(c)
		for range 100 {
			agent := []byte(text("aabbbc", 0, 60))
			if got, want := c.Match(agent), slow(agent); got != want {
				t.Fatalf("%q: got %v, want %v", agent, c.IDs(got.Set), c.IDs(want.Set))
			}
		}
	}
}

func FuzzMatch(f *testing.F) {
	for _, agent := range samples.All() {
		f.Add([]byte(agent.UserAgent))
	}
	f.Add([]byte{})
	f.Add([]byte("\x00\x01\x7f\x80\xffMicroMessenger/"))
	f.Add(bytes.Repeat([]byte("MicroMessenger"), 300))
	c := visit.Shipped()
	slow := slowly(c)
	f.Fuzz(func(t *testing.T, agent []byte) {
		if got, want := c.Match(agent), slow(agent); got != want {
			t.Errorf("%q: got %v, want %v", agent, c.IDs(got.Set), c.IDs(want.Set))
		}
	})
}

var benchmarked = []string{
	"wechat-android", "wechat-ios", "qq-android", "alipay-ios", "douyin-android",
	"chrome-windows", "chrome-android", "safari-iphone", "facebook-android", "googlebot-smartphone",
}

func BenchmarkMatch(b *testing.B) {
	c := visit.Shipped()
	for _, agent := range samples.All() {
		if !slices.Contains(benchmarked, agent.Name) {
			continue
		}
		b.Run(agent.Name, func(b *testing.B) {
			text := []byte(agent.UserAgent)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				c.Match(text)
			}
		})
	}
	b.Run("hostile-8KiB", func(b *testing.B) {
		text := bytes.Repeat([]byte("Android MicroMessenger/ "), 350)
		for b.Loop() {
			c.Match(text)
		}
	})
}

func BenchmarkNewCatalog(b *testing.B) {
	entries := visit.Shipped().Entries()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := visit.NewCatalog(entries); err != nil {
			b.Fatal(err)
		}
	}
}

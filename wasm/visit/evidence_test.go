package visit_test

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"suodi/wasm/abi"
	"suodi/wasm/visit"
	"suodi/wasm/visit/samples"
)

// TestEvidence reads lines of a name, the most specific platform, all of them,
// X-Requested-With, Sec-CH-UA-Platform, Sec-CH-UA-Mobile and the user agent.
func TestEvidence(t *testing.T) {
	data, err := os.ReadFile("testdata/evidence.tsv")
	if err != nil {
		t.Fatal(err)
	}
	c := newClassifier(t, visit.Config{})
	for line := range strings.Lines(string(data)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		t.Run(f[0], func(t *testing.T) {
			e := &visit.Evidence{
				UserAgent: []byte(f[6]), RequestedWith: []byte(f[3]), HintPlatform: []byte(f[4]), HintMobile: []byte(f[5]),
			}
			checkPlatforms(t, visit.Shipped(), visit.Shipped().Weigh(e), f[1], strings.Split(f[2], ","))
			for range 2 { // not remembered, then remembered
				var v abi.Visit
				c.Classify(userAgent(f[6]), abi.FactPlatforms, &v)
				if v.Platforms != visit.Shipped().Match(e.UserAgent).Set {
					t.Errorf("the user agent alone: got %v", c.Catalog().IDs(v.Platforms))
				}
				c.Classify(e, abi.FactPlatforms, &v)
				if got, want := c.Catalog().IDs(v.Platforms), strings.Split(f[2], ","); !slices.Equal(got, want) {
					t.Errorf("classified: got %v, want %v", got, want)
				}
			}
		})
	}
}

// evidences are values that headers may have, and some that only an attacker
// sends.
var evidences = struct{ with, platform, mobile []string }{
	with: []string{
		"", "com.tencent.mm", "com.tencent.mtt", "com.eg.android.AlipayGphone", "com.example.unknown", "XMLHttpRequest", "com.tencent.mm ",
		"COM.TENCENT.MM", "com.tencent.mm\x00", "com.tencent.mm, com.tencent.mtt", "微信", strings.Repeat("com.tencent.mm.", 10_000),
	},
	platform: []string{
		"", `"Android"`, `"Chrome OS"`, `"iOS"`, `"Linux"`, `"macOS"`, `"Windows"`, `"Unknown"`, `Android`, `"android"`, `"`, `""`,
		strings.Repeat(`"Android"`, 10_000),
	},
	mobile: []string{"", "?0", "?1", "1", "?", "?2", "?1;x", strings.Repeat("?1", 10_000)},
}

// TestEvidenceOfCrawlers holds the rule that evidence says of a crawler what it
// says of a person: with a crawler's token beside it, a visit has the platforms
// that it had, and the crawler's.
func TestEvidenceOfCrawlers(t *testing.T) {
	c := visit.Shipped()
	bot, _ := c.ByID(visit.Bot)
	crawler, _ := c.ByID("gptbot")
	for i, agent := range samples.All() {
		if i%3 > 0 || slices.Contains(agent.Platforms, visit.Bot) {
			continue
		}
		for _, e := range combinations(agent.UserAgent) {
			person := c.Weigh(e).Set
			e.UserAgent = append(slices.Clone(e.UserAgent), " GPTBot"...)
			person.Add(bot.Number)
			person.Add(crawler.Number)
			if got := c.Weigh(e); got.Set != person {
				t.Fatalf("%q with %q %q %q: got %v, want %v", e.UserAgent, e.RequestedWith, e.HintPlatform, e.HintMobile, c.IDs(got.Set), c.IDs(person))
			}
		}
	}
}

// TestEvidenceContradictsNothing holds that no hint takes away a system or a
// form that the user agent names.
func TestEvidenceContradictsNothing(t *testing.T) {
	c := visit.Shipped()
	for _, agent := range samples.All() {
		if slices.Contains(agent.Platforms, "otheros") || slices.Contains(agent.Platforms, "linux") {
			continue
		}
		alone := c.Match([]byte(agent.UserAgent))
		for _, e := range combinations(agent.UserAgent) {
			if got := c.Weigh(e); got.OS != alone.OS || got.Device != alone.Device || got.Bot != alone.Bot {
				t.Fatalf("%s with %q %q %q: got %v", agent.Name, e.RequestedWith, e.HintPlatform, e.HintMobile, c.IDs(got.Set))
			}
		}
	}
}

// combinations returns an agent with all evidences of an honest length.
func combinations(agent string) (all []*visit.Evidence) {
	for _, with := range evidences.with {
		for _, platform := range evidences.platform {
			for _, mobile := range evidences.mobile {
				if len(with)+len(platform)+len(mobile) < 1000 {
					all = append(all, &visit.Evidence{
						UserAgent: []byte(agent), RequestedWith: []byte(with), HintPlatform: []byte(platform), HintMobile: []byte(mobile),
					})
				}
			}
		}
	}
	return all
}

// TestEvidenceFollowsTheCatalog gives a cluster's app a package, takes it away
// and gives it to another, while the user agent is remembered.
func TestEvidenceFollowsTheCatalog(t *testing.T) {
	entries := visit.Shipped().Entries()
	c := newClassifier(t, visit.Config{})
	e := userAgent("Mozilla/5.0 (Linux; Android 14; wv) AppleWebKit/537.36 (KHTML, like Gecko) Mobile Safari/537.36")
	e.RequestedWith = []byte("com.example.game")
	expect := func(app string) {
		t.Helper()
		var v abi.Visit
		c.Classify(e, abi.FactPlatforms, &v)
		want := []string{"android", "mobile", app}
		slices.Sort(want)
		if got := c.Catalog().IDs(v.Platforms); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	swap := func(more ...visit.Entry) {
		t.Helper()
		changed, err := visit.NewCatalog(append(slices.Clone(entries), more...))
		if err != nil {
			t.Fatal(err)
		}
		c.Swap(changed)
	}
	game := visit.Entry{Number: 200, ID: "game", Zh: "游戏", En: "Game", Kind: visit.App, Order: 5, Packages: []string{"com.example.game"}}
	other := visit.Entry{Number: 201, ID: "other", Zh: "别的", En: "Other", Kind: visit.App, Order: 6, Packages: []string{"com.example.other"}}
	expect("webview")
	swap(game, other)
	expect("game")
	game.Packages, other.Packages = other.Packages, game.Packages
	swap(game, other)
	expect("other")
	other.Retired = true
	swap(game, other)
	expect("webview")
}

// TestEvidenceIsNotRemembered sends one user agent with as many different
// headers as an attacker likes.
func TestEvidenceIsNotRemembered(t *testing.T) {
	c := newClassifier(t, visit.Config{})
	random := rand.New(rand.NewPCG(1, 1))
	var v abi.Visit
	for i := range 10_000 {
		e := userAgent(wechatIOS)
		e.RequestedWith = make([]byte, random.IntN(200))
		for at := range e.RequestedWith {
			e.RequestedWith[at] = byte(random.Uint32())
		}
		e.HintPlatform = []byte(evidences.platform[i%len(evidences.platform)])
		e.HintMobile = []byte(evidences.mobile[i%len(evidences.mobile)])
		c.Classify(e, abi.FactPlatforms, &v)
	}
	if got := c.Stats().Misses; got != 1 {
		t.Errorf("%d misses", got)
	}
}

// FuzzEvidence holds what evidence may change: never a system or form that the
// user agent names, nor whether a visit is a bot's; and that what is remembered
// makes no difference.
func FuzzEvidence(f *testing.F) {
	for i, agent := range samples.All() {
		f.Add(agent.UserAgent, evidences.with[i%11], evidences.platform[i%12], evidences.mobile[i%7])
	}
	catalog := visit.Shipped()
	c := newClassifier(f, visit.Config{CacheEntries: 64})
	systems := map[uint8]string{}
	for _, e := range catalog.Entries() {
		if e.Kind == visit.OS {
			systems[e.Number] = e.ID
		}
	}
	f.Fuzz(func(t *testing.T, agent, with, platform, mobile string) {
		e := &visit.Evidence{UserAgent: []byte(agent), RequestedWith: []byte(with), HintPlatform: []byte(platform), HintMobile: []byte(mobile)}
		alone, got := catalog.Match(e.UserAgent), catalog.Weigh(e)
		open := systems[alone.OS] == "linux" || systems[alone.OS] == "otheros"
		if got.Bot != alone.Bot || !open && (got.OS != alone.OS || got.Device != alone.Device) {
			t.Errorf("%q with %q %q %q: got %v, alone %v", agent, with, platform, mobile, catalog.IDs(got.Set), catalog.IDs(alone.Set))
		}
		n := 0
		for number := range systems {
			if got.Set.Has(number) {
				n++
			}
		}
		if n != 1 || !got.Set.Has(got.Platform) || !got.Set.Has(got.OS) {
			t.Errorf("%q with %q %q %q: got %v", agent, with, platform, mobile, catalog.IDs(got.Set))
		}
		var v abi.Visit
		if c.Classify(e, abi.FactPlatforms, &v); v.Platforms != got.Set || v.Platform != got.Platform {
			t.Errorf("%q with %q %q %q: classified as %v, weighed as %v", agent, with, platform, mobile, catalog.IDs(v.Platforms), catalog.IDs(got.Set))
		}
	})
}

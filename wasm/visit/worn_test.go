package visit_test

import (
	"slices"
	"testing"

	"suodi/wasm/abi"
	"suodi/wasm/visit"
	"suodi/wasm/visit/samples"
)

func TestWorn(t *testing.T) {
	const chrome = "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Mobile Safari/537.36"
	for _, test := range []struct {
		agent, worn, browser string
		major, osMajor       uint16
	}{
		{chrome + " (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", chrome, "Chrome Mobile", 125, 6},
		{chrome + " (compatible; Google-Read-Aloud; +https://support.google.com/webmasters/answer/1061943)", chrome, "Chrome Mobile", 125, 6},
		{chrome + "; 360Spider", chrome, "Chrome Mobile", 125, 6},
		{chrome + " Chrome-Lighthouse", chrome, "Chrome Mobile", 125, 6},
		{
			"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/116.0.1938.76 Safari/537.36",
			"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko) Chrome/116.0.1938.76 Safari/537.36", "Chrome", 116, 0,
		},
		{
			"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.1.1 Safari/605.1.15 (Applebot/0.1; +http://www.apple.com/go/applebot)",
			"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.1.1 Safari/605.1.15", "Safari", 13, 10,
		},
		{
			"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/59.0.3071.109 Safari/537.36",
			"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/59.0.3071.109 Safari/537.36", "Chrome", 59, 0,
		},
		{
			"Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2; Trident/6.0; bingbot/2.0)",
			"Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2; Trident/6.0)", "IE", 10, 8,
		},
		{"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "", "Other", 0, 0},
		{
			"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko); compatible; ChatGPT-User/1.0; +https://openai.com/bot",
			"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko)", "Other", 0, 0,
		},
		{"curl/8.5.0", "", "Other", 0, 0},
		{"WhatsApp/2.19.81 A", "", "Other", 0, 0},
		{"http.rb/5.1.1 (Mastodon/4.2.1; +https://mastodon.social/)", "", "Other", 0, 0},
		{"Googlebot ((", "", "Other", 0, 0},
	} {
		worn, crawler := visit.Worn(test.agent)
		if worn != test.worn || !crawler {
			t.Errorf("%s:\ngot  %s (%t)\nwant %s", test.agent, worn, crawler, test.worn)
		}
		var v abi.Visit
		newClassifier(t, visit.Config{}).Classify(userAgent(test.agent), abi.FactVersions, &v)
		if string(v.Browser) != test.browser || v.BrowserMajor != test.major || v.OSMajor != test.osMajor {
			t.Errorf("%s: browser %s %d, os %d; want %s %d, %d", test.agent, v.Browser, v.BrowserMajor, v.OSMajor, test.browser, test.major, test.osMajor)
		}
	}
}

// TestBrowsersOfCrawlers: filters see no crawler in the browser's name, counts
// of visits do, and of people both are what uap-core says.
func TestBrowsersOfCrawlers(t *testing.T) {
	c := newClassifier(t, visit.Config{})
	people, wearers := map[string]bool{"Other": true, "Chromium": true}, 0
	for _, crawlers := range []bool{false, true} {
		for _, agent := range samples.All() {
			if slices.Contains(agent.Platforms, visit.Bot) != crawlers {
				continue
			}
			var v abi.Visit
			c.Classify(userAgent(agent.UserAgent), abi.AllFacts, &v)
			counted := visit.VersionsOf(agent.UserAgent)
			if known := c.Versions([]byte(agent.UserAgent)); known.Known && known != counted {
				t.Errorf("%s is counted as %+v at the edge, %+v behind it", agent.Name, known, counted)
			}
			if !crawlers {
				people[counted.Browser] = true
				if string(v.Browser) != counted.Browser || v.BrowserMajor != counted.BrowserMajor || v.OSMajor != counted.OSMajor {
					t.Errorf("%s, a person: %s %d", agent.Name, v.Browser, v.BrowserMajor)
				}
				continue
			}
			if !people[string(v.Browser)] {
				t.Errorf("%s has a browser that no person has, %s", agent.Name, v.Browser)
			}
			if string(v.Browser) != "Other" {
				wearers++
			}
		}
	}
	if wearers < 8 {
		t.Errorf("%d crawlers come with a browser", wearers)
	}
}

func FuzzWorn(f *testing.F) {
	for _, agent := range samples.All() {
		f.Add(agent.UserAgent)
	}
	f.Fuzz(func(t *testing.T, agent string) {
		worn, crawler := visit.Worn(agent)
		if !crawler && worn != agent || len(worn) > len(agent) {
			t.Fatalf("%t %s", crawler, worn)
		}
		if again, still := visit.Worn(worn); still || again != worn {
			t.Fatalf("%s is a crawler's yet: %s", worn, again)
		}
	})
}

package rollout_test

import (
	"errors"
	"testing"

	"suodi/control/rollout"
	"suodi/wasm/rules"
	facts "suodi/wasm/visit" // the package's tests call something else visit
)

// Tests of rule sets meet visits as an edge classifies them: by the app that
// the user agent does not name, by the app that a crawler came with, and with
// the browser's version.
func TestRuleSetIsTestedAsOnEdges(t *testing.T) {
	set, err := rollout.Compile([]byte(`
name: x
rules:
  - {name: app, when: 'visit.platform == "wechat"', then: guide}
  - {name: old, when: visit.browser == "Chrome" && visit.browser_major < 100, then: deny}
tests:
  - name: the package tells
    visit: {user_agent: "Mozilla/5.0 (Linux; Android 13; wv) AppleWebKit/537.36", requested_with: com.tencent.mm}
    expect: guide
  - name: a crawler gets what its app gets
    visit: {user_agent: "Mozilla/5.0 (Linux; Android 13) MicroMessenger/8.0.1 (compatible; Googlebot/2.1)"}
    expect: guide
  - name: the version is read
    visit: {user_agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/90.0.4430.93 Safari/537.36"}
    expect: deny
  - name: what a test says outright stands
    visit: {user_agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/90.0.4430.93 Safari/537.36", browser_major: 120}
    expect: pass
  - name: this one fails
    visit: {user_agent: MicroMessenger/8.0}
    expect: deny
`), facts.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	failures, err := set.Test(t.Context())
	if err != nil || len(failures) != 1 || failures[0].Name != "this one fails" || failures[0].Got != "guide" {
		t.Errorf("got %v %v", failures, err)
	}
}

func TestMistakes(t *testing.T) {
	for source, want := range map[string]string{
		"name: x\nrules: 3\n": "the rule set cannot be read",
		"name: x\nrules: [{when: visit.platform == 'nobody', then: deny}]\n": "the rule set does not compile",
	} {
		_, err := rollout.Compile([]byte(source), facts.Shipped())
		var mistake *rollout.Mistake
		if !errors.As(err, &mistake) || mistake.What != want || len(rules.Errors(err)) != 1 || rules.Errors(err)[0].Line != 2 {
			t.Errorf("%q: got %v", source, err)
		}
	}
}

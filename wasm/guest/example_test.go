package guest_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"suodi/wasm/abi"
)

var pass = abi.NewVerdict(abi.Pass, 0)

func deny(code uint32) abi.Verdict { return abi.NewVerdict(abi.Deny, code) }

func TestSignedLink(t *testing.T) {
	in := example(t, "signed-link")
	if in.m.Class != abi.Restored || in.m.Manifest.Fail != abi.FailClosed || !in.m.Manifest.Params["key"].Secret {
		t.Errorf("class %s, manifest %+v", in.m.Class, in.m.Manifest)
	}
	const key, now = "a key of thirty-two characters..", 1_800_000_000
	sign := func(key, slug, expiry string) string {
		h := hmac.New(sha256.New, []byte(key))
		h.Write([]byte(slug + "\n" + expiry))
		return hex.EncodeToString(h.Sum(nil))
	}
	good := sign(key, "winter", "1800000001")
	flipped := func(i int) string {
		digit := byte('0')
		if good[i] == '0' {
			digit = '1'
		}
		return good[:i] + string(digit) + good[i+1:]
	}
	long, longest := strings.Repeat("k", 65), strings.Repeat("k", 512)
	type test struct {
		name, key, slug, query string
		want                   abi.Verdict
	}
	tests := []test{
		{"good", key, "winter", "e=1800000001&s=" + good, pass},
		{"among other parameters", key, "winter", "utm_source=x&s=" + good + "&e=1800000001", pass},
		{"upper case", key, "winter", "e=1800000001&s=" + strings.ToUpper(good), pass},
		{"a key longer than a block", long, "winter", "e=1800000001&s=" + sign(long, "winter", "1800000001"), pass},
		{"the longest key", longest, "winter", "e=1800000001&s=" + sign(longest, "winter", "1800000001"), pass},
		{"a long slug", key, strings.Repeat("冬", 40), "e=1800000001&s=" + sign(key, strings.Repeat("冬", 40), "1800000001"), pass},
		{"expires now", key, "winter", "e=1800000000&s=" + sign(key, "winter", "1800000000"), deny(2)},
		{"no query", key, "winter", "", deny(1)},
		{"no signature", key, "winter", "e=1800000001", deny(1)},
		{"no expiry", key, "winter", "s=" + good, deny(1)},
		{"expiry is no number", key, "winter", "e=1800000001x&s=" + good, deny(1)},
		{"expiry out of range", key, "winter", "e=99999999999999999999&s=" + good, deny(1)},
		{"another slug's", key, "spring", "e=1800000001&s=" + good, deny(3)},
		{"another expiry's", key, "winter", "e=1800000002&s=" + good, deny(3)},
		{"another key's", "b" + key, "winter", "e=1800000001&s=" + good, deny(3)},
		{"wrong and expired", key, "winter", "e=1&s=" + good, deny(3)},
		{"empty signature", key, "winter", "e=1800000001&s=", deny(3)},
		{"short signature", key, "winter", "e=1800000001&s=" + good[:63], deny(3)},
		{"long signature", key, "winter", "e=1800000001&s=" + good + "0", deny(3)},
		{"signature is not hexadecimal", key, "winter", "e=1800000001&s=" + good[:63] + "g", deny(3)},
	}
	for i := range len(good) {
		tests = append(tests, test{fmt.Sprintf("digit %d wrong", i), key, "winter", "e=1800000001&s=" + flipped(i), deny(3)})
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in.t = t
			v := &abi.Visit{
				Facts: abi.FactClock | abi.FactSlug | abi.FactQuery,
				Time:  now, Slug: []byte(test.slug), Query: []byte(test.query),
			}
			in.want(v, `{"key":"`+test.key+`"}`, test.want, "")
			in.spares()
		})
	}
}

func TestDeviceModels(t *testing.T) {
	in := example(t, "device-models")
	const list = `"models":"SM-S928*, 22081212C,moto g(60),iPhone,"`
	for _, test := range []struct {
		name, agent, params string
		want                abi.Verdict
	}{
		{"listed by its start", "Mozilla/5.0 (Linux; Android 14; SM-S9280 Build/UP1A.231005.007; wv) AppleWebKit/537.36", list, pass},
		{"in lower case", "Mozilla/5.0 (Linux; Android 14; sm-s9280) AppleWebKit/537.36", list, pass},
		{"with a language", "Mozilla/5.0 (Linux; U; Android 13; zh-cn; 22081212C Build/TKQ1) AppleWebKit/537.36", list, pass},
		{"with parentheses", "Mozilla/5.0 (Linux; Android 11; moto g(60) Build/RRI31) AppleWebKit/537.36", list, pass},
		{"Apple", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) MicroMessenger/8.0.49", list, pass},
		{"not listed", "Mozilla/5.0 (Linux; Android 14; 2210132C Build/UKQ1) AppleWebKit/537.36", list, deny(1)},
		{"a longer model", "Mozilla/5.0 (Linux; Android 14; 22081212CX) AppleWebKit/537.36", list, deny(1)},
		{"a tablet of Apple", "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X)", list, deny(1)},
		{"hidden", "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36", list, deny(2)},
		{"hidden, and may pass", "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36", list + `,"unknown":true`, pass},
		{"a computer", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36", list, deny(2)},
		{"no user agent", "", list, deny(2)},
		{"cut off", "Mozilla/5.0 (Linux; Android 14;", list, deny(2)},
		{"all", "Mozilla/5.0 (Linux; Android 14; V2309A) AppleWebKit/537.36", `"models":"*"`, pass},
		{"none", "Mozilla/5.0 (Linux; Android 14; V2309A) AppleWebKit/537.36", `"models":""`, deny(1)},
	} {
		t.Run(test.name, func(t *testing.T) {
			in.t = t
			in.want(&abi.Visit{Facts: abi.FactUserAgent, UserAgent: []byte(test.agent)}, "{"+test.params+"}", test.want, "")
		})
	}
	in.t = t
	// The longest user agent that fits, all of it looked at.
	worst := "(" + strings.Repeat("Android;", 700)
	in.want(&abi.Visit{Facts: abi.FactUserAgent, UserAgent: []byte(worst)}, `{"models":"`+strings.Repeat("b*,", 300)+`"}`, deny(1), "")
	in.spares()
}

func TestCountrySplit(t *testing.T) {
	in := example(t, "country-split")
	if in.m.Class != abi.Pure {
		t.Errorf("class %s; it should write nothing", in.m.Class)
	}
	const url = "https://new.example.com/landing?from=suodi"
	for _, test := range []struct {
		country, shares string
		want            int // of 10,000
	}{
		{"CN", "CN=30,SG=12.5,*=0", 3000},
		{"SG", "CN=30,SG=12.5,*=0", 1250},
		{"US", "CN=30,SG=12.5,*=0", 0},
		{"US", "CN=30,*=0.01", 1},
		{"US", "CN=30", 0},
		{"CN", "CN=100", 10000},
		{"CN", "*=7.05", 705},
		{"CN", "CN=101", 0},
		{"CN", "CN=100.01", 0},
		{"CN", "CN=1.234", 0},
		{"CN", "CN=-1", 0},
		{"CN", "CN", 0},
		{"CN", "C=50,CNN=60,CN=3", 300},
		{"ZZ", "", 0},
	} {
		t.Run(test.country+" in "+test.shares, func(t *testing.T) {
			in.t = t
			v := &abi.Visit{Facts: abi.FactCountry | abi.FactHash, Country: [2]byte([]byte(test.country))}
			params := fmt.Sprintf(`{"shares":%q,"url":%q}`, test.shares, url)
			for _, at := range []int{0, test.want - 1, test.want, 9999} {
				want, to := pass, ""
				if at < test.want {
					want, to = abi.NewRoute(0, 0), url
				}
				for high := range uint64(3) { // a canary goes by the high half
					v.Hash = uint64(uint32(max(at, 0))+10000*uint32(high)) | high<<40
					if at >= 0 && at < 10000 {
						in.want(v, params, want, to)
					}
				}
			}
		})
	}
}

func TestWeekday(t *testing.T) {
	in := example(t, "weekday")
	if in.m.Class != abi.Go {
		t.Errorf("class %s", in.m.Class)
	}
	const programme = `"monday":"https://shop.example.com/new","friday":"https://live.example.com/room/8","sunday":""`
	for _, test := range []struct {
		name          string
		weekday, hour uint8
		params, url   string
	}{
		{"Monday", 1, 9, "", "https://shop.example.com/new"},
		{"Friday", 5, 23, "", "https://live.example.com/room/8"},
		{"a day without a target", 3, 9, "", ""},
		{"a day whose target is empty", 7, 9, "", ""},
		{"before the hours", 1, 8, `,"from":9,"until":18`, ""},
		{"the first hour", 1, 9, `,"from":9,"until":18`, "https://shop.example.com/new"},
		{"the last hour", 1, 17, `,"from":9,"until":18`, "https://shop.example.com/new"},
		{"behind the hours", 1, 18, `,"from":9,"until":18`, ""},
		{"late, over midnight", 5, 22, `,"from":22,"until":2`, "https://live.example.com/room/8"},
		{"early, over midnight", 5, 1, `,"from":22,"until":2`, "https://live.example.com/room/8"},
		{"between, over midnight", 5, 2, `,"from":22,"until":2`, ""},
		{"no clock", 0, 0, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			in.t = t
			v := &abi.Visit{Facts: abi.FactClock, Weekday: test.weekday, Hour: test.hour}
			verdict := pass
			if test.url != "" {
				verdict = abi.NewRoute(0, 0)
			}
			in.want(v, "{"+programme+test.params+"}", verdict, test.url)
		})
	}
}

// TestGoCollectsGarbage: a Go filter makes strings on each visit, and its
// memory has an end. Its collector must come by within the fuel of a visit.
func TestGoCollectsGarbage(t *testing.T) {
	in := example(t, "weekday")
	v := &abi.Visit{Facts: abi.FactClock, Weekday: 1}
	params := fmt.Sprintf(`{"monday":"https://shop.example.com/%s"}`, strings.Repeat("x", 960))
	var most int64
	for range 10_000 { // 3 KB of strings each
		if verdict, _, err := in.decide(v, params); err != nil || verdict.Action() != abi.Route {
			t.Fatalf("%s, %v, with %d bytes of memory", verdict.Action(), err, in.mod.Memory().Size())
		}
		most = max(most, in.fuel())
	}
	if size := in.mod.Memory().Size(); size > 16<<20 {
		t.Errorf("the memory grew to %d bytes", size)
	}
	if most > in.m.Fuel*4/5 {
		t.Errorf("a visit spent %d of %d units", most, in.m.Fuel)
	}
}

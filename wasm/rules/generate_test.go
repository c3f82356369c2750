package rules_test

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"suodi/wasm/abi"
	"suodi/wasm/rules"
)

// choices makes random conditions and visits of bytes, so that a fuzzer can
// steer it. At the end of the bytes every choice is the first.
type choices struct{ data []byte }

func (c *choices) n(n int) int {
	if len(c.data) == 0 {
		return 0
	}
	b := int(c.data[0])
	c.data = c.data[1:]
	return b % n
}

func pick[T any](c *choices, items ...T) T { return items[c.n(len(items))] }

func (c *choices) uint64() (v uint64) {
	for range 8 {
		v = v<<8 | uint64(c.n(256))
	}
	return v
}

// fragments are what strings of conditions and visits are made of: enough
// alike to be equal, begin and contain each other often.
var fragments = []string{
	"", "a", "b", "ab", "aab", "aaaaaaab", "abcdefgh", "abcdefghi", "/docs/", "s.example.com", "CN", "缩地", "é", "𠮷",
	"MicroMessenger/8.0.49", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)", "=", "\x00", "AB", "aB", "ABCDEFGH", "aBcDefghI", "@Z[", "cn", "aaaaaaaaaaaaaaaaaaaaaaab",
}

var wireFragments = append([]string{
	"\xff", "\x80", "\xe7\xbc", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xf0\x9f\x98", "\xf4\x8f\xbf\xbf", "\xef\xbf\xbd",
}, fragments...)

// bytes makes a string as clients may send it.
func (c *choices) bytes() []byte {
	var b []byte
	for range c.n(4) {
		b = append(b, pick(c, wireFragments...)...)
	}
	return b
}

// quoted makes a string literal.
func (c *choices) quoted() string {
	s := ""
	for range c.n(3) {
		s += pick(c, fragments...)
	}
	return strconv.Quote(s)
}

func (c *choices) visit() *abi.Visit {
	ids := shipped.IDs()
	one := func() uint8 {
		n, _ := shipped.Number(pick(c, ids...))
		return n
	}
	set := func() (s abi.Set) {
		for range c.n(5) {
			s.Add(one())
		}
		return s
	}
	v := &abi.Visit{
		Facts:    abi.AllFacts,
		Platform: one(), OS: one(), Device: abi.Device(c.n(4)), Bot: c.n(2) == 1,
		OSMajor: uint16(pick(c, 0, 1, 7, 17, 65535)), BrowserMajor: uint16(pick(c, 0, 1, 7, 120, 65535)),
		Weekday: uint8(1 + c.n(7)), Hour: uint8(c.n(24)), Date: uint32(pick(c, 20261001, 7, 99991231)),
		Country: pick(c, [2]byte{'C', 'N'}, [2]byte{'U', 'S'}, [2]byte{'Z', 'Z'}),
		Time: pick(c, 0, 1, 7, -1, math.MinInt64, math.MaxInt64, int64(c.uint64()), 946684799, 946684800, 4102444799, 4102444800,
			946684800+int64(c.uint64()%3155760000), 1_700_000_000+int64(c.uint64()%100_000_000)),
		IP: pick(c, [16]byte{}, netip.MustParseAddr("10.1.2.3").As16(), netip.MustParseAddr("10.1.3.0").As16(), netip.MustParseAddr("11.0.0.1").As16(),
			netip.MustParseAddr("2001:db8::1").As16(), netip.MustParseAddr("2001:db8:0:0:8000::").As16(), netip.MustParseAddr("::1").As16(),
			netip.MustParseAddr("::ffff:0.0.0.0").As16(), netip.MustParseAddr("ffff:ffff::").As16(), netip.MustParseAddr("::fffe:10.1.2.3").As16()),
		Hash: c.uint64(), Platforms: set(), Allow: set(), Guard: set(),
		Browser: c.bytes(), Region: c.bytes(), Language: c.bytes(), Host: c.bytes(), Slug: c.bytes(), Path: c.bytes(),
		Query: c.bytes(), Referrer: c.bytes(), UserAgent: c.bytes(), RequestedWith: c.bytes(),
	}
	if c.n(3) == 1 {
		v.Facts = abi.Facts(c.uint64()) & abi.AllFacts
	}
	return v
}

var (
	intFacts  = []string{"visit.hour", "visit.weekday", "visit.date", "visit.time", "visit.os_major", "visit.browser_major", "visit.hash", "params.limit", "params.other_limit"}
	textFacts = []string{
		"visit.region", "visit.browser", "visit.language", "visit.host", "visit.slug", "visit.path",
		"visit.query", "visit.referrer", "visit.user_agent", "visit.requested_with", "params.word",
	}
	sets = []string{"visit.platforms", "link.allow", "link.guard"}
)

// params makes what a binding gives; any of it may be missing.
func (c *choices) params() map[string]any {
	params := map[string]any{}
	for _, name := range []string{"limit", "other_limit"} {
		if c.n(4) > 0 {
			params[name] = pick(c, 0, 1, 7, -1, -20, 20261001, math.MaxInt64, math.MinInt64, int64(c.uint64()))
		}
	}
	if c.n(4) > 0 {
		params["word"] = pick(c, "", "a", "limit:", "other_limit", "缩地", "s.example.com", "},{", strings.Repeat("x", 600))
	}
	if c.n(4) > 0 {
		params["on"] = c.n(2) == 1
	}
	return params
}

// list makes a list of up to three of what item makes.
func (c *choices) list(item func() string) string {
	var items []string
	for range c.n(4) {
		items = append(items, item())
	}
	return "[" + strings.Join(items, ", ") + "]"
}

func (c *choices) id() string { return strconv.Quote(pick(c, shipped.IDs()...)) }

// condition makes a bool expression at most depth deep.
func (c *choices) condition(depth int) string {
	kinds := 12
	if depth > 0 {
		kinds = 24
	}
	switch kind := c.n(kinds); kind {
	case 0:
		return pick(c, "visit.bot", "visit.bot", "params.on")
	case 1:
		return pick(c, "true", "false")
	case 2:
		return fmt.Sprintf("%s %s %s", c.integer(depth-1), pick(c, "==", "!=", "<", "<=", ">", ">="), c.integer(depth-1))
	case 3:
		return fmt.Sprintf("%s in %s", c.integer(depth-1), c.list(c.intLiteral))
	case 4:
		return fmt.Sprintf("%s %s %s", c.text(depth-1), pick(c, "==", "!="), c.text(depth-1))
	case 5:
		return fmt.Sprintf("%s.%s(%s)", c.text(depth-1), pick(c, "startsWith", "endsWith", "contains"), c.text(depth-1))
	case 6:
		return fmt.Sprintf("%s in %s", c.text(depth-1), c.list(c.quoted))
	case 7:
		return fmt.Sprintf("%s.intersects(%s)", pick(c, sets...), pick(c, pick(c, sets...), c.list(c.id)))
	case 8:
		return fmt.Sprintf("%s %s %s", pick(c, sets...), pick(c, "==", "!="), pick(c, sets...))
	case 9:
		return fmt.Sprintf("%s in %s", c.id(), pick(c, sets...))
	case 10:
		fact := pick(c, "visit.platform", "visit.os")
		return pick(c, fmt.Sprintf("%s %s %s", fact, pick(c, "==", "!="), c.id()), fmt.Sprintf("%s in %s", fact, c.list(c.id)),
			fmt.Sprintf("%s == %s", c.id(), fact))
	case 11:
		words := []string{`"mobile"`, `"tablet"`, `"desktop"`, `"unknown"`}
		fact := "visit.device"
		if c.n(2) == 1 {
			fact, words = "visit.country", []string{`"CN"`, `"US"`, `"ZZ"`}
		}
		word := func() string { return pick(c, words...) }
		return pick(c, fmt.Sprintf("%s %s %s", fact, pick(c, "==", "!="), word()), fmt.Sprintf("%s in %s", fact, c.list(word)))
	case 12:
		return fmt.Sprintf("!(%s)", c.condition(depth-1))
	case 13, 14:
		return fmt.Sprintf("(%s && %s)", c.condition(depth-1), c.condition(depth-1))
	case 15, 16:
		return fmt.Sprintf("(%s || %s)", c.condition(depth-1), c.condition(depth-1))
	case 21, 22:
		pattern := c.pattern(2)
		if _, err := rules.NewPattern(pattern); err != nil {
			pattern = "^a.b"
		}
		return fmt.Sprintf("%s.matches(%s)", c.text(depth-1), strconv.Quote(pattern))
	case 20:
		return fmt.Sprintf("inCIDR(visit.ip, %s)", pick(c, c.network(), c.list(c.network)))
	case 17, 18, 19:
		return fmt.Sprintf("%s %s %s", c.risky(), pick(c, "==", "<", ">="), c.integer(depth-1))
	}
	return pick(c, fmt.Sprintf("(%s ? %s : %s)", c.condition(depth-1), c.condition(depth-1), c.condition(depth-1)),
		fmt.Sprintf("(%s) == (%s)", c.condition(depth-1), c.condition(depth-1)))
}

func (c *choices) network() string {
	return strconv.Quote(pick(c, "0.0.0.0/0", "10.0.0.0/8", "10.1.2.3", "10.1.2.0/23", "::ffff:10.1.2.0/120", "::/0", "::/64",
		"::/80", "::ffff:0:0/96", "2001:db8::/32", "2001:db8::1/128", "2001:db8:0:0:8000::/65", "ffff::/16"))
}

// risky makes an int that is likely to be out of range.
func (c *choices) risky() string {
	return pick(c, "visit.time * visit.date", "-visit.time", "visit.time / -1", "visit.time % -1", "visit.time - 9223372036854775807",
		"visit.time + visit.time", "(visit.hour - 10) * 999999999999999999", "visit.time * -1", "9223372036854775807 + visit.os_major")
}

func (c *choices) intLiteral() string {
	return strconv.FormatInt(pick(c, 0, 1, 2, 7, -1, 20261001, math.MaxInt64, math.MinInt64, int64(c.n(64)), int64(c.uint64())), 10)
}

func (c *choices) integer(depth int) string {
	kinds := 5
	if depth > 0 {
		kinds = 12
	}
	switch c.n(kinds) {
	case 0, 1:
		return pick(c, intFacts...)
	case 9, 10:
		time := pick(c, "visit.time", "visit.time", "visit.time", c.integer(depth-1))
		return fmt.Sprintf("%s(%s, %q)", pick(c, "hour", "weekday", "date"), time,
			pick(c, "Asia/Shanghai", "UTC", "America/New_York", "Europe/London", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"))
	case 2:
		return c.intLiteral()
	case 3:
		return fmt.Sprintf("size(%s)", pick(c, sets...))
	case 4:
		return fmt.Sprintf("size(%s)", c.text(depth-1))
	case 5, 6:
		return fmt.Sprintf("(%s %s %s)", c.integer(depth-1), pick(c, "+", "-", "*"), c.integer(depth-1))
	case 7:
		return fmt.Sprintf("(%s %s %s)", c.integer(depth-1), pick(c, "/", "%"), pick(c, "2", "-1", "7", "100", "-9223372036854775808", "(3 * 4)"))
	case 8:
		return fmt.Sprintf("-(%s)", c.integer(depth-1))
	}
	return fmt.Sprintf("(%s ? %s : %s)", c.condition(depth-1), c.integer(depth-1), c.integer(depth-1))
}

// text makes a string expression. A country stands in brackets here: compared
// as itself it takes only countries.
func (c *choices) text(depth int) string {
	kinds := 3
	if depth > 0 {
		kinds = 6
	}
	switch c.n(kinds) {
	case 0, 1:
		return pick(c, textFacts...)
	case 2:
		return c.quoted()
	case 3, 4:
		return fmt.Sprintf("%s.lowerAscii()", pick(c, c.text(depth-1), "visit.country"))
	}
	return fmt.Sprintf("(%s ? %s : %s)", c.condition(depth-1), c.text(depth-1), pick(c, c.text(depth-1), "visit.country"))
}

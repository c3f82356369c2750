package rules

import (
	"math"
	"net/netip"
	"time"

	"gopkg.in/yaml.v3"

	"suodi/wasm/abi"
)

// Case is one of a rule set's tests: what a visit must come to.
type Case struct {
	Name   string
	Expect abi.Action
	Line   int // where it begins in the source

	code   *uint32  // "code", if given
	reason string   // "reason", if given
	page   abi.Page // "page", if given
	to     string   // "to", if given
	facts  []setter // what "visit" says, in its order
	ids    []word   // the platforms that "visit" and "link" name
	given  map[string]any
	params []byte     // given, in canonical form
	node   *yaml.Node // where to say that they are wrong
}

// setter puts one fact into a visit.
type setter func(v *abi.Visit)

// word is a platform's id in the source and where its number goes.
type word struct {
	id  string
	at  place
	put func(v *abi.Visit, number uint8)
	app bool // also visit.platform where crawlers do not count, unless it is one
}

// maxFact is how long a test's string may be.
const maxFact = abi.BufferSize - abi.HeadSize

// test reads one test.
func (r *reader) test(n *yaml.Node) Case {
	c := Case{Line: n.Line, node: n}
	var answer *yaml.Node
	ok := r.mapping(n, "a test", map[string]field{
		"name":  func(n *yaml.Node) { c.Name = r.text(n, "name", MaxName) },
		"visit": func(n *yaml.Node) { r.mapping(n, "visit", r.visitFields(&c)) },
		"link": func(n *yaml.Node) {
			r.mapping(n, "link", map[string]field{
				"allow": r.ids(&c, "allow", func(v *abi.Visit, number uint8) { v.Allow.Add(number) }),
				"guard": r.ids(&c, "guard", func(v *abi.Visit, number uint8) { v.Guard.Add(number) }),
			})
		},
		"params": func(n *yaml.Node) { c.node, c.given = n, r.values(n) },
		"expect": func(n *yaml.Node) {
			if i := r.choice(n, "expect", verdicts...); i >= 0 {
				c.Expect = abi.Action(i)
			}
		},
		"code": func(n *yaml.Node) {
			code := uint32(r.integer(n, "code", 0, abi.MaxCode))
			answer, c.code = n, &code
		},
		"reason": func(n *yaml.Node) { answer, c.reason = n, r.text(n, "reason", MaxReason) },
		"page": func(n *yaml.Node) {
			if answer = n; r.choice(n, "page", string(abi.PageNotFound)) >= 0 {
				c.page = abi.PageNotFound
			}
		},
		"to": func(n *yaml.Node) { c.to = r.text(n, "to", MaxURL) },
	})
	switch {
	case !ok:
	case c.Name == "" && !hasKey(n, "name"):
		r.fail(n, `a test needs a "name"`)
	case !hasKey(n, "expect"):
		r.fail(n, `a test needs "expect"`)
	case answer != nil && c.Expect != abi.Deny && c.Expect != abi.Guide:
		r.fail(answer, "only deny and guide have a reason, not %s", c.Expect)
	case c.to != "" && c.Expect != abi.Route:
		r.fail(n, "only route goes to a URL, not %s", c.Expect)
	}
	return c
}

// ids returns the field that reads a list of platform ids.
func (r *reader) ids(c *Case, what string, put func(v *abi.Visit, number uint8)) field {
	return func(n *yaml.Node) {
		r.list(n, what, 256, func(item *yaml.Node) { r.id(c, item, what, put) })
	}
}

// id reads one platform id.
func (r *reader) id(c *Case, n *yaml.Node, what string, put func(v *abi.Visit, number uint8)) {
	if id := r.text(n, what, MaxName); id != "" {
		c.ids = append(c.ids, word{id, place{n.Line, n.Column}, put, what == "platform"})
	}
}

// visitFields returns the fields of a test's visit.
func (r *reader) visitFields(c *Case) map[string]field {
	fields := map[string]field{}
	add := func(set setter) { c.facts = append(c.facts, set) }
	number := func(name string, low, high int64, put func(v *abi.Visit, n int64)) {
		fields[name] = func(n *yaml.Node) {
			value := r.integer(n, name, low, high)
			add(func(v *abi.Visit) { put(v, value) })
		}
	}
	number("os_major", 0, 65535, func(v *abi.Visit, n int64) { v.OSMajor = uint16(n) })
	number("browser_major", 0, 65535, func(v *abi.Visit, n int64) { v.BrowserMajor = uint16(n) })
	number("hour", 0, 23, func(v *abi.Visit, n int64) { v.Hour = uint8(n) })
	number("weekday", 1, 7, func(v *abi.Visit, n int64) { v.Weekday = uint8(n) })
	number("date", 0, 99991231, func(v *abi.Visit, n int64) { v.Date = uint32(n) })
	number("hash", 0, math.MaxInt64, func(v *abi.Visit, n int64) { v.Hash = uint64(n) << 1 })
	for name, at := range map[string]func(v *abi.Visit) *[]byte{
		"browser":        func(v *abi.Visit) *[]byte { return &v.Browser },
		"region":         func(v *abi.Visit) *[]byte { return &v.Region },
		"language":       func(v *abi.Visit) *[]byte { return &v.Language },
		"host":           func(v *abi.Visit) *[]byte { return &v.Host },
		"slug":           func(v *abi.Visit) *[]byte { return &v.Slug },
		"path":           func(v *abi.Visit) *[]byte { return &v.Path },
		"query":          func(v *abi.Visit) *[]byte { return &v.Query },
		"referrer":       func(v *abi.Visit) *[]byte { return &v.Referrer },
		"user_agent":     func(v *abi.Visit) *[]byte { return &v.UserAgent },
		"requested_with": func(v *abi.Visit) *[]byte { return &v.RequestedWith },
	} {
		fields[name] = func(n *yaml.Node) {
			s := []byte(r.text(n, name, maxFact))
			add(func(v *abi.Visit) { *at(v) = s })
		}
	}
	fields["country"] = func(n *yaml.Node) {
		s := r.text(n, "country", MaxName)
		if !isCountry(s) {
			r.fail(n, "%s is no country; want two capital letters such as \"CN\" (\"ZZ\" = unknown)", quote(s))
			return
		}
		add(func(v *abi.Visit) { copy(v.Country[:], s) })
	}
	fields["device"] = func(n *yaml.Node) {
		i := r.choice(n, "device", deviceNames...)
		add(func(v *abi.Visit) { v.Device = abi.Device(max(i, 0)) })
	}
	fields["bot"] = func(n *yaml.Node) {
		b := r.boolean(n, "bot")
		add(func(v *abi.Visit) { v.Bot = b })
	}
	fields["ip"] = func(n *yaml.Node) {
		a, err := netip.ParseAddr(r.text(n, "ip", MaxName))
		if err != nil || a.Zone() != "" {
			r.fail(n, "ip is %s; want an address such as 203.0.113.7 or 2001:db8::7", describe(n))
			return
		}
		add(func(v *abi.Visit) { v.IP = a.As16() })
	}
	fields["time"] = func(n *yaml.Node) { add(r.time(n)) }
	fields["os"] = func(n *yaml.Node) { r.id(c, n, "os", func(v *abi.Visit, number uint8) { v.OS = number }) }
	fields["platform"] = func(n *yaml.Node) {
		r.id(c, n, "platform", func(v *abi.Visit, number uint8) { v.Platform = number })
	}
	fields["platforms"] = func(n *yaml.Node) { // the whole set, whatever the user agent says
		add(func(v *abi.Visit) { v.Platforms = abi.Set{} })
		r.ids(c, "platforms", func(v *abi.Visit, number uint8) { v.Platforms.Add(number) })(n)
	}
	return fields
}

// time reads Unix seconds, or RFC 3339, which gives the hour, weekday and date
// in its zone too.
func (r *reader) time(n *yaml.Node) setter {
	if t, err := time.Parse(time.RFC3339, n.Value); err == nil {
		return func(v *abi.Visit) {
			v.Time = t.Unix()
			v.Hour = uint8(t.Hour())
			v.Weekday = uint8((t.Weekday()+6)%7 + 1)
			v.Date = uint32(t.Year()*10000 + int(t.Month())*100 + t.Day())
		}
	}
	if n.Tag != "!!int" {
		r.fail(n, "time is %s; want Unix seconds or a time such as 2026-10-01T09:30:00+08:00", describe(n))
		return func(*abi.Visit) {}
	}
	seconds := r.integer(n, "time", 0, 1<<40)
	return func(v *abi.Visit) { v.Time = seconds }
}

// visit returns the visit that the test describes: what classify makes of the
// user agent, and over it everything that the test says outright.
func (c *Case) visit(s *source, platforms Platforms, classify Classifier) (abi.Visit, error) {
	v := abi.Visit{Facts: abi.AllFacts, Country: [2]byte{'Z', 'Z'}}
	for _, set := range c.facts {
		set(&v)
	}
	if classify != nil {
		classify(string(v.UserAgent), &v)
		v.Facts = abi.AllFacts
		for _, set := range c.facts {
			set(&v)
		}
	}
	for _, w := range c.ids {
		n, ok := platforms.Number(w.id)
		if !ok || n == 0 {
			return v, s.errorAt(w.at, "unknown platform %q%s", w.id, didYouMean(w.id, platforms.IDs()))
		}
		w.put(&v, n)
		if w.app && !platforms.IsCrawler(w.id) {
			v.App = n
		}
	}
	return v, nil
}

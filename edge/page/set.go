package page

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"slices"
	"strings"
)

//go:embed *.html *.css *.js
var files embed.FS

// Set is every page, ready to be rendered. It never changes once made, so any
// number of goroutines may use it.
type Set struct {
	messages [kinds][languages]variants // Guide's is empty
	apps     map[string]app             // by platform id
	unknown  app                        // for every other id
	policies [kinds]string
	headers  [kinds][]Header
}

// app is what the pages know about one platform.
type app struct {
	name    [languages]string
	general bool // the name stands for no app in particular
	guide   *[languages]variants
}

// New makes the pages. It takes some milliseconds.
func New() *Set {
	s := &Set{apps: make(map[string]app, len(platforms))}
	press := press{seen: make(map[string]document)}
	for kind := range Kind(kinds) {
		plan := plans[kind]
		sheet := newSheet(plan)
		s.policies[kind] = sheet.policy()
		s.headers[kind] = headers(s.policies[kind])
		if kind == Guide {
			s.setGuides(&press, sheet)
			continue
		}
		for lang := range Lang(languages) {
			s.messages[kind][lang] = press.print(sheet, view{
				Kind: kind.String(), Lang: lang, Words: messages[kind][lang],
			})
		}
	}
	return s
}

// setGuides prints one guide for each way out of an app, and notes the way of
// each platform.
func (s *Set) setGuides(press *press, sheet *sheet) {
	guides := make(map[way]*[languages]variants)
	guide := func(w way) *[languages]variants {
		if guides[w] == nil {
			guides[w] = new([languages]variants)
			for lang := range Lang(languages) {
				guides[w][lang] = press.print(sheet, view{
					Kind: Guide.String(), Lang: lang, Words: w.words(lang),
				})
			}
		}
		return guides[w]
	}
	for _, p := range platforms {
		s.apps[p.id] = app{name: [languages]string{p.english, p.chinese}, general: p.general, guide: guide(p.way)}
	}
	s.unknown = app{name: unknownApp, general: true, guide: guide(anyMenu)}
}

// Headers returns the headers that go with a page, the content security
// policy among them. The caller must not change them.
func (s *Set) Headers(kind Kind) []Header { return s.headers[kind] }

// ContentSecurityPolicy returns the policy that goes with a page. Headers
// holds it too.
func (s *Set) ContentSecurityPolicy(kind Kind) string { return s.policies[kind] }

// Render appends a page to dst, as UTF-8 HTML. It does not allocate when dst
// has room: 8 KiB is enough unless the data is long.
func (s *Set) Render(dst []byte, kind Kind, data Data) []byte {
	lang := data.Lang.known()
	known, ok := s.apps[data.Platform]
	if !ok {
		known = s.unknown
	}
	var page *variants
	if kind == Guide {
		page = &known.guide[lang]
		if data.PlatformName == "" || ok && known.general {
			data.PlatformName = known.name[lang]
		}
	} else {
		page = &s.messages[kind][lang]
		if data.PlatformName == "" && !known.general {
			data.PlatformName = known.name[lang]
		}
	}
	values := [slots]string{data.ShortURL, data.PlatformName, data.Reason, data.DomainName}
	return page[present(&values)].append(dst, &values)
}

// slot is a place for dynamic text in a page. A template sees a mark in place
// of the text, or nothing when the page is made for a visit without it.
type slot uint8

const (
	shortURL slot = iota
	platformName
	reason
	domainName
	slots = iota
)

// A mark is three private-use characters, which no words of ours contain and
// no escaper touches.
const (
	markRune = '\uE000'
	markSize = 3 * 3 // bytes of UTF-8
)

func (s slot) mark() string { return string([]rune{markRune, markRune + 1 + rune(s), markRune}) }

// present returns the number of the variant for the values that are there.
func present(values *[slots]string) (variant int) {
	for i, value := range values {
		if value != "" {
			variant |= 1 << i
		}
	}
	return variant
}

// variants are a page's documents, by the bit set of slots that are present.
type variants [1 << slots]document

// document is a page cut at its slots: pieces in order, then the tail.
type document struct {
	pieces []piece
	tail   string
}

// piece is fixed HTML and the slot that follows it.
type piece struct {
	html string
	slot slot
}

// cut parts a rendered page at its marks.
func cut(html string) document {
	var d document
	for {
		i := strings.IndexRune(html, markRune)
		if i < 0 {
			d.tail = html
			return d
		}
		mark := []rune(html[i : i+markSize])
		d.pieces = append(d.pieces, piece{html[:i], slot(mark[1] - markRune - 1)})
		html = html[i+markSize:]
	}
}

func (d *document) append(dst []byte, values *[slots]string) []byte {
	size := len(d.tail)
	for _, p := range d.pieces {
		size += len(p.html) + len(values[p.slot])
	}
	dst = slices.Grow(dst, size)
	for _, p := range d.pieces {
		dst = append(dst, p.html...)
		if p.slot == shortURL {
			dst = appendURL(dst, values[p.slot])
		} else {
			dst = appendText(dst, values[p.slot])
		}
	}
	return append(dst, d.tail...)
}

// plan is how a kind of page is made: its template, and what it has beyond
// the common style.
type plan struct{ template, style, script string }

var plans = [kinds]plan{
	Guide:       {template: "guide.html", style: "guide.css", script: "guide.js"},
	Refused:     {template: "message.html"},
	NotFound:    {template: "message.html"},
	Paused:      {template: "message.html"},
	Expired:     {template: "message.html"},
	Banned:      {template: "message.html"},
	Unavailable: {template: "message.html"},
	BadRequest:  {template: "message.html"},
	Root:        {template: "message.html"},
	TooMany:     {template: "message.html"},
}

// sheet is a plan with its files read.
type sheet struct {
	template *template.Template
	style    template.CSS
	script   template.JS
}

func newSheet(p plan) *sheet {
	s := &sheet{template: template.Must(template.ParseFS(files, "layout.html", p.template))}
	style := read("style.css")
	if p.style != "" {
		style += read(p.style)
	}
	s.style = template.CSS(style) // our own file
	if p.script != "" {
		s.script = template.JS(read(p.script)) // our own file
	}
	return s
}

// read returns an embedded file without the indentation of its lines.
func read(name string) string {
	raw, err := files.ReadFile(name)
	if err != nil {
		panic(err) // the name is a constant of ours
	}
	var b strings.Builder
	for line := range strings.Lines(string(raw)) {
		b.WriteString(strings.TrimLeft(line, " \t"))
	}
	return b.String()
}

// policy allows the sheet's own style and script and nothing else at all.
func (s *sheet) policy() string {
	policy := "default-src 'none'; style-src " + hash(string(s.style))
	if s.script != "" {
		policy += "; script-src " + hash(string(s.script))
	}
	return policy + "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

func hash(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// view is what a template sees.
type view struct {
	Kind  string
	Lang  Lang
	Words any

	Style  template.CSS
	Script template.JS

	ShortURL, PlatformName, Reason, DomainName string // marks
}

// press prints pages and keeps one copy of those that come out the same,
// because a kind has no place for some slot.
type press struct{ seen map[string]document }

func (p *press) print(s *sheet, v view) (all variants) {
	v.Style, v.Script = s.style, s.script
	fields := [slots]*string{&v.ShortURL, &v.PlatformName, &v.Reason, &v.DomainName}
	for variant := range all {
		for i, field := range fields {
			*field = ""
			if variant&(1<<i) != 0 {
				*field = slot(i).mark()
			}
		}
		var b strings.Builder
		if err := s.template.ExecuteTemplate(&b, "layout.html", v); err != nil {
			panic(err) // template and view are both ours
		}
		html := b.String()
		if _, ok := p.seen[html]; !ok {
			p.seen[html] = cut(html)
		}
		all[variant] = p.seen[html]
	}
	return all
}

package link_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"suodi/control/link"
)

func valid() link.Link {
	return link.Link{Domain: "go.example.com", Slug: "spring", URL: "https://example.com/"}
}

func TestNormalize(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 678, time.FixedZone("", 8*3600))
	l := link.Link{
		ID: "01J", Domain: "GO.example.com", Slug: "cafe\u0301", URL: " HTTPS://Example.com:443 ", Title: "  Spring \u00a0",
		Tags: []string{"b", " a ", "b", "cafe\u0301"}, Campaign: " c ", NotAfter: &at, FallbackURL: "http://例子.测试",
		Allow: []string{"ios", "WeChat", "ios"}, Guard: []string{" wechat"}, CreatedBy: "token:a",
		CreatedAt: at, UpdatedAt: at, Revision: link.Revision{Epoch: 1, Index: 2},
		Filters: []link.Binding{{Filter: " split ", Params: []byte(" { \"share\" : 3 } ")}, {Filter: "a", Params: []byte("{ }")}},
	}
	if problems := l.Normalize(policy); problems != nil {
		t.Fatal(problems)
	}
	second := time.Date(2030, 1, 1, 19, 4, 5, 0, time.UTC)
	want := link.Link{
		ID: "01J", Domain: "go.example.com", Slug: "café", URL: "https://example.com/", Kind: link.KindRedirect, Title: "Spring",
		Tags: []string{"a", "b", "café"}, Campaign: "c", Status: 302, State: link.StateActive, NotAfter: &second,
		FallbackURL: "http://xn--fsqu00a.xn--0zwm56d/", Allow: []string{"ios", "wechat"}, Guard: []string{"wechat"},
		Filters:   []link.Binding{{Filter: "split", Params: []byte(`{"share":3}`)}, {Filter: "a"}},
		CreatedBy: "token:a", CreatedAt: at.UTC(), UpdatedAt: at.UTC(), Revision: link.Revision{Epoch: 1, Index: 2},
	}
	if !reflect.DeepEqual(l, want) {
		t.Errorf("got  %+v\nwant %+v", l, want)
	}
	if at.Nanosecond() != 678 {
		t.Error("the caller's time was changed")
	}
	again := l
	if problems := again.Normalize(policy); problems != nil || !reflect.DeepEqual(again, want) {
		t.Errorf("again: %+v, %v", again, problems)
	}
}

func TestNormalizeDefaults(t *testing.T) {
	l := valid()
	if problems := l.Normalize(link.DestinationPolicy{}); problems.Err() != nil {
		t.Fatal(problems)
	}
	if l.Kind != link.KindRedirect || l.Status != 302 || l.State != link.StateActive || l.Tags == nil || l.Allow == nil || l.Guard == nil || l.Filters == nil {
		t.Errorf("%+v", l)
	}
}

func numbered(n int) []string {
	words := make([]string, n)
	for i := range words {
		words[i] = "p" + strings.Repeat("x", i)
	}
	return words
}

func bind(names ...string) (bindings []link.Binding) {
	for _, name := range names {
		bindings = append(bindings, link.Binding{Filter: name})
	}
	return bindings
}

func TestNormalizeRefuses(t *testing.T) {
	before, after := time.Unix(0, 999), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name   string
		change func(l *link.Link)
		field  string
	}{
		{"no domain", func(l *link.Link) { l.Domain = "" }, "domain"},
		{"no slug", func(l *link.Link) { l.Slug = "" }, "slug"},
		{"no URL", func(l *link.Link) { l.URL = "" }, "url"},
		{"own domain", func(l *link.Link) { l.URL = "https://go.example.com/a" }, "url"},
		{"fallback", func(l *link.Link) { l.FallbackURL = "javascript:1" }, "fallback_url"},
		{"own domain as fallback", func(l *link.Link) { l.FallbackURL = "https://go.example.com/a" }, "fallback_url"},
		{"long title", func(l *link.Link) { l.Title = strings.Repeat("中", 201) }, "title"},
		{"very long title", func(l *link.Link) { l.Title = strings.Repeat("中", 20001) }, "title"},
		{"title with newline", func(l *link.Link) { l.Title = "a\nb" }, "title"},
		{"title with override", func(l *link.Link) { l.Title = "a\u202eb" }, "title"},
		{"title not UTF-8", func(l *link.Link) { l.Title = "\xff" }, "title"},
		{"too many tags", func(l *link.Link) { l.Tags = numbered(33) }, "tags"},
		{"long tag", func(l *link.Link) { l.Tags = []string{"a", strings.Repeat("b", 65)} }, "tags[1]"},
		{"empty tag", func(l *link.Link) { l.Tags = []string{"a", " "} }, "tags[1]"},
		{"long campaign", func(l *link.Link) { l.Campaign = strings.Repeat("中", 22) }, "campaign"},
		{"reserved kind", func(l *link.Link) { l.Kind = link.KindLive }, "kind"},
		{"unknown kind", func(l *link.Link) { l.Kind = 9 }, "kind"},
		{"status", func(l *link.Link) { l.Status = 303 }, "status"},
		{"state", func(l *link.Link) { l.State = 4 }, "state"},
		{"expiry before 1970", func(l *link.Link) { l.NotAfter = &before }, "not_after"},
		{"expiry after 9999", func(l *link.Link) { l.NotAfter = &after }, "not_after"},
		{"too many in allow", func(l *link.Link) { l.Allow = numbered(65) }, "allow"},
		{"too many in guard", func(l *link.Link) { l.Guard = numbered(65) }, "guard"},
		{"platform id", func(l *link.Link) { l.Guard = []string{"we chat"} }, "guard[0]"},
		{"platform id with hyphen first", func(l *link.Link) { l.Allow = []string{"ios", "-ios"} }, "allow[1]"},
		{"long platform id", func(l *link.Link) { l.Allow = []string{strings.Repeat("a", 65)} }, "allow[0]"},
		{"empty platform id", func(l *link.Link) { l.Allow = []string{""} }, "allow[0]"},
		{"nobody is left", func(l *link.Link) { l.Allow, l.Guard = []string{"qq", "wechat"}, []string{"wechat", "qq", "ios"} }, "allow"},
		{"nobody is left, in other case", func(l *link.Link) { l.Allow, l.Guard = []string{"WeChat"}, []string{"wechat"} }, "allow"},
		{"too many filters", func(l *link.Link) { l.Filters = make([]link.Binding, 9) }, "filters"},
		{"filter's name", func(l *link.Link) { l.Filters = bind("a", "B c") }, "filters[1].name"},
		{"filter bound twice", func(l *link.Link) { l.Filters = bind("a", "b", "a") }, "filters[2].name"},
		{"params that are no object", func(l *link.Link) { l.Filters = []link.Binding{{Filter: "a", Params: []byte("[1]")}} }, "filters[0].params"},
		{"params that are no JSON", func(l *link.Link) { l.Filters = []link.Binding{{Filter: "a", Params: []byte("{a}")}} }, "filters[0].params"},
		{"large params", func(l *link.Link) {
			l.Filters = []link.Binding{{Filter: "a", Params: []byte(`{"a":"` + strings.Repeat("x", link.MaxParams) + `"}`)}}
		}, "filters[0].params"},
		{"id", func(l *link.Link) { l.ID = strings.Repeat("a", 65) }, "id"},
		{"creator", func(l *link.Link) { l.CreatedBy = "a\x00" }, "created_by"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := valid()
			test.change(&l)
			problems := l.Normalize(policy)
			if len(problems) != 1 || problems[0].Field != test.field || problems[0].Reason == "" || problems[0].Hint == "" {
				t.Fatalf("%v; want one problem with %s", problems, test.field)
			}
		})
	}
}

func TestNormalizeReportsEverything(t *testing.T) {
	l := link.Link{
		Domain: "a:1", Slug: "a//b", URL: "ftp://a", FallbackURL: "x", Title: "\x00", Tags: []string{"", "a", "\x01"},
		Campaign: strings.Repeat("a", 65), Kind: 3, Status: 200, State: 7, Allow: []string{"!"}, Guard: []string{"?"},
	}
	problems := l.Normalize(policy)
	var fields []string
	for _, p := range problems {
		fields = append(fields, p.Field)
	}
	want := []string{
		"domain", "slug", "url", "fallback_url", "title", "tags[0]", "tags[2]", "campaign", "kind", "status", "state", "allow[0]", "guard[0]",
	}
	if !slices.Equal(fields, want) {
		t.Errorf("got  %v\nwant %v", fields, want)
	}
	err := problems.Err()
	var one *link.FieldError
	var all link.Problems
	if !errors.As(err, &one) || !errors.As(err, &all) || strings.Count(err.Error(), "\n") != len(problems)-1 {
		t.Errorf("%v", err)
	}
}

func TestFieldError(t *testing.T) {
	_, err := link.ParseDestination("example.com/a", link.DestinationPolicy{})
	want := `url "example.com/a" has no scheme; write https://example.com/a`
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	_, err = link.ParseSlug(strings.Repeat("中", 100))
	var problem *link.FieldError
	if !errors.As(err, &problem) || len(problem.Value) > 210 || !strings.HasSuffix(problem.Value, "中…") {
		t.Errorf("value is %q", problem.Value)
	}
	_, err = link.ParseDestination("https://http:secret@example.com/", policy)
	if want := `url "https://***@example.com/" has a user name`; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestLinkJSON(t *testing.T) {
	l := valid()
	if problems := l.Normalize(policy); problems != nil {
		t.Fatal(problems)
	}
	l.Revision = link.Revision{Epoch: 1, Index: 42}
	text, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id":"","domain":"go.example.com","slug":"spring","url":"https://example.com/","kind":"redirect","title":"",` +
		`"tags":[],"campaign":"","status":302,"state":"active","not_after":null,"fallback_url":"","allow":[],"guard":[],"filters":[],` +
		`"created_at":"0001-01-01T00:00:00Z","updated_at":"0001-01-01T00:00:00Z","created_by":"","revision":"1.42"}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	var again link.Link
	if err := json.Unmarshal(text, &again); err != nil || !reflect.DeepEqual(again, l) {
		t.Errorf("%+v, %v", again, err)
	}
	for _, bad := range []string{`{"state":"banned"}`, `{"kind":"x"}`, `{"revision":"1"}`} {
		if err := json.Unmarshal([]byte(bad), &again); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
	if _, err := link.State(9).MarshalText(); err == nil {
		t.Error("a state without a name is written")
	}
	if s := link.State(9).String(); s != "state(9)" {
		t.Errorf("String() = %q", s)
	}
}

// Every field has a description for the API's schema.
func TestLinkIsDocumented(t *testing.T) {
	for field := range reflect.TypeFor[link.Link]().Fields() {
		if field.Tag.Get("doc") == "" || field.Tag.Get("json") == "" {
			t.Errorf("%s has no doc or json tag", field.Name)
		}
	}
}

func TestLinkRecord(t *testing.T) {
	l := valid()
	at := time.Unix(1_900_000_000, 0)
	l.NotAfter, l.Allow, l.FallbackURL, l.Revision = &at, []string{"ios"}, "https://example.org/", link.Revision{Epoch: 1, Index: 2}
	if problems := l.Normalize(policy); problems != nil {
		t.Fatal(problems)
	}
	b, err := l.AppendRecord(nil, platforms(5), link.Platforms{})
	if err != nil {
		t.Fatal(err)
	}
	want := link.RecordFields{
		Kind: link.KindRedirect, State: link.StateActive, Status: 302, NotAfter: 1_900_000_000, Revision: l.Revision,
		Destination: "https://example.com/", Fallback: "https://example.org/", Allow: platforms(5),
	}
	if got := link.Record(b).Fields(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	for _, sets := range [][2]link.Platforms{{}, {platforms(5), platforms(6)}} {
		if b, err := l.AppendRecord(nil, sets[0], sets[1]); err == nil {
			t.Errorf("sets %v for allow %v, guard %v gave %x", sets, l.Allow, l.Guard, b)
		}
	}
	if l.Key() != (link.Key{Domain: "go.example.com", Slug: "spring"}) {
		t.Errorf("Key() = %v", l.Key())
	}
}

func TestNearest(t *testing.T) {
	known := []string{"wechat", "weibo", "qq", "alipay", "douyin", "ios", "android", "harmonyos", "browser", "x"}
	for _, test := range []struct{ word, want string }{
		{"wechat", "wechat"},
		{"WeChat", "wechat"},
		{"wecaht", "wechat"},
		{"wchat", "wechat"},
		{"wechatt", "wechat"},
		{"we-chat", "wechat"},
		{"webio", "weibo"},
		{"oi", ""},
		{"io", "ios"},
		{"androd", "android"},
		{"harmony", "harmonyos"},
		{"duoyin", "douyin"},
		{"q", "qq"},
		{"y", "x"},
		{"ab", ""},
		{"firefox", ""},
		{"", ""},
		{strings.Repeat("wechat", 20), ""},
	} {
		if got := link.Nearest(test.word, known); got != test.want {
			t.Errorf("Nearest(%q) = %q, want %q", test.word, got, test.want)
		}
	}
	if got := link.Nearest("wechat", nil); got != "" {
		t.Errorf("nothing known, and %q", got)
	}
}

func FuzzNormalize(f *testing.F) {
	f.Add("go.example.com", "a", "https://example.com/", "title", "tag", "ios", "wechat", int64(1), 302)
	f.Add("A.b", "cafe\u0301", "tel:1", " \u0301 ", "\u2000a\u2000", "A", "a", int64(-1), 0)
	f.Fuzz(func(t *testing.T, domain, slug, url, title, tag, allow, guard string, notAfter int64, status int) {
		at := time.Unix(notAfter, 1)
		l := link.Link{
			Domain: link.Domain(domain), Slug: link.Slug(slug), URL: url, FallbackURL: url, Title: title, Tags: []string{tag, title},
			Campaign: tag, Allow: []string{allow}, Guard: []string{guard}, NotAfter: &at, Status: status,
		}
		if len(l.Normalize(policy)) != 0 {
			return
		}
		again := l
		if problems := again.Normalize(policy); len(problems) != 0 || !reflect.DeepEqual(again, l) {
			t.Fatalf("once %+v\nagain %+v\n%v", l, again, problems)
		}
		if _, err := l.AppendRecord(nil, platforms(1), platforms(2)); err != nil {
			t.Fatal(err)
		}
	})
}

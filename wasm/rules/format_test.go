package rules_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"suodi/wasm/filters"
	"suodi/wasm/rules"
)

const untidy = `# Who may come when.
# Ask the campaign team.

fail:   closed   # better safe
name: office
tests:
- expect: deny
  # a night owl
  visit: {hour: 3, user_agent: "x  MicroMessenger/8", time: 2026-10-01T09:30:00+08:00}
  name: 'night'
- {name: day, expect: pass, link: {guard: [wechat,
     qq]}}
rules:
# nobody works
- then: deny    # closed
  name: "night"
  when:   ( visit.hour<8 )&&visit.platforms . intersects( ['wechat',"qq"] )
  reason:
    zh: 夜间关闭
    # said twice
    en: Closed at night
- when: 'true'
  then: allow
# the long one
- when: >
    visit.path.startsWith("/a-rather-long-path/") && visit.host == "s.example.com"
    || visit.path.startsWith("/another-long-path/") || visit.path == "/short"
  then: route
  to: "https://cn.example.com/{slug}?c={country}"
params:
  limit:
    doc: 'the last hour: a number' # not yet used
    default: 3
    type: int
# the end
`

const tidy = `# Who may come when.
# Ask the campaign team.
name: office
fail: closed # better safe
params:
  # not yet used
  limit: {type: int, default: 3, doc: 'the last hour: a number'}
# the end
rules:
  # nobody works
  - name: night
    when: visit.hour < 8 && visit.platforms.intersects(["wechat", "qq"])
    then: deny # closed
    # said twice
    reason: {zh: 夜间关闭, en: Closed at night}
  - when: true
    then: allow
  # the long one
  - when: |-
      visit.path.startsWith("/a-rather-long-path/") && visit.host == "s.example.com" ||
      visit.path.startsWith("/another-long-path/") || visit.path == "/short"
    then: route
    to: https://cn.example.com/{slug}?c={country}
tests:
  - name: night
    # a night owl
    visit: {hour: 3, user_agent: x  MicroMessenger/8, time: 2026-10-01T09:30:00+08:00}
    expect: deny
  - name: day
    link: {guard: [wechat, qq]}
    expect: pass
`

func TestFormat(t *testing.T) {
	got, err := rules.Format([]byte(untidy))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != tidy {
		t.Errorf("got:\n%s", got)
	}
	compile(t, string(got))
}

// formatTwice formats and checks that the result means the same and is final.
func formatTwice(t *testing.T, source []byte) {
	t.Helper()
	once, err := rules.Format(source)
	if err != nil {
		if strings.HasPrefix(err.Error(), "format: ") {
			t.Logf("%v", err)
		}
		return
	}
	twice, err := rules.Format(once)
	if err != nil || !bytes.Equal(once, twice) {
		t.Fatalf("of\n%s\nbecomes\n%s\nand then\n%s\nerror %v", source, once, twice, err)
	}
	before, err := rules.Parse(source)
	if err != nil {
		t.Fatal(err)
	}
	after, err := rules.Parse(once)
	if err != nil {
		t.Fatal(err)
	}
	first, err := rules.Compile(before, shipped)
	second, again := rules.Compile(after, shipped)
	if (err == nil) != (again == nil) {
		t.Fatalf("%v, formatted %v", err, again)
	}
	if err == nil && !bytes.Equal(withoutTitles(first), withoutTitles(second)) {
		t.Fatalf("%s\ncompiles to other bytes when formatted\n%s", source, once)
	}
}

// withoutTitles returns a module's code: the manifest names rules by their conditions'
// text, which formatting changes.
func withoutTitles(m *rules.Module) []byte {
	at := bytes.LastIndex(m.Wasm, []byte("suodi.manifest"))
	return m.Wasm[:at-4]
}

func formatSources(t testing.TB) [][]byte {
	sources := [][]byte{[]byte(untidy), []byte(tidy), []byte(officeSource), []byte(casesSource), []byte(tenRules), []byte(paramsSource), []byte(filters.PlatformSource)}
	paths, err := filepath.Glob("testdata/errors/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, source)
	}
	return sources
}

func TestFormatIsFinal(t *testing.T) {
	for _, source := range formatSources(t) {
		formatTwice(t, source)
	}
}

// TestFormatKeepsComments puts a comment at every place of a rule set that takes
// one. Some are refused, none is lost, and formatting comes to rest.
func TestFormatKeepsComments(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(untidy), "\n")
	tidied, refused := 0, 0
	for at := range lines {
		for _, comment := range []string{"# new", "    # new", "\n# new\n", "  # new\n\n  # newer", lines[at] + " # new", lines[at] + "\n\n"} {
			changed := slices.Concat(lines[:at], []string{comment}, lines[at:])
			if strings.HasPrefix(comment, lines[at]) {
				changed = slices.Concat(lines[:at], []string{comment}, lines[at+1:])
			}
			source := strings.Join(changed, "\n") + "\n"
			if _, err := rules.Parse([]byte(source)); err != nil {
				continue
			}
			once, err := rules.Format([]byte(source))
			if err != nil {
				if !strings.HasPrefix(err.Error(), "format: ") && !strings.HasPrefix(err.Error(), "line ") {
					t.Fatalf("%v\n%s", err, source)
				}
				refused++
				continue
			}
			tidied++
			if strings.Count(source, "# new") != strings.Count(string(once), "# new") && !strings.Contains(source, `"# new`) {
				t.Fatalf("of\n%s\nbecomes\n%s", source, once)
			}
			formatTwice(t, []byte(source))
		}
	}
	t.Logf("%d formatted, %d refused", tidied, refused)
	if tidied < 5*refused {
		t.Errorf("%d formatted, %d refused", tidied, refused)
	}
}

func FuzzFormat(f *testing.F) {
	for _, source := range formatSources(f) {
		f.Add(source)
	}
	f.Fuzz(func(t *testing.T, source []byte) { formatTwice(t, source) })
}

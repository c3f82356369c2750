package guest_test

import (
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"testing"

	"suodi/wasm/abi"
	"suodi/wasm/guest"
)

// factsManifest is what the filters of testdata/facts are built with.
const factsManifest = `{"name":"facts","abi":1,"needs":["platforms","link","versions","country","language","clock","ip","hash","host",
	"slug","path","query","referrer","user_agent","requested_with"],
	"params":{"at":{"type":"int"},"read":{"type":"int"},"text":{"type":"string"},"yes":{"type":"bool"}}}`

func number(n uint64) abi.Verdict { return abi.NewVerdict(abi.Deny, uint32(n^n>>24^n>>48)&abi.MaxCode) }

func text(s string) abi.Verdict {
	h := fnv.New32a()
	h.Write([]byte(s))
	return abi.NewVerdict(abi.Deny, h.Sum32()&abi.MaxCode)
}

func truth(ok bool) abi.Verdict {
	if ok {
		return number(1)
	}
	return number(0)
}

var absent = abi.NewVerdict(abi.Deny, 0xabcdef)

// fullVisit has a value of its own in every field.
func fullVisit() *abi.Visit {
	v := &abi.Visit{
		Facts: abi.AllFacts, Platform: 201, OS: 60, OSMajor: 1014, BrowserMajor: 40126, Device: abi.DeviceTablet, Bot: true,
		Weekday: 7, Hour: 23, Date: 20261122, Country: [2]byte{'S', 'G'}, Time: 1795374000123, Hash: 0xfedcba9876543210,
		Browser: []byte("Chrome Mobile"), Region: []byte("SG-01"), Language: []byte("zh-CN"), Host: []byte("go.example.com"),
		Slug: []byte("冬天"), Path: []byte("/%E5%86%AC"), Query: []byte("a=1&qq=2&q=%20x=y&q=3&empty"), Referrer: []byte("https://example.com/?q=no"),
		UserAgent: []byte("Mozilla/5.0 (\xff\xfe)"), RequestedWith: []byte("com.tencent.mm"),
	}
	for i := range v.IP {
		v.IP[i] = byte(17 * i)
	}
	for _, n := range []uint8{1, 63, 64, 130, 255} {
		v.Platforms.Add(n)
	}
	v.Allow.Add(130)
	v.Guard.Add(131)
	return v
}

// TestFacts: every library reads every field of the visit, every kind of
// parameter, and returns every verdict.
func TestFacts(t *testing.T) {
	for _, language := range guest.Languages() {
		t.Run(string(language), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := guest.New(dir, "facts", language); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, guest.ManifestFile), []byte(factsManifest), 0o644); err != nil {
				t.Fatal(err)
			}
			overlay(t, dir, filepath.Join("testdata", "facts", string(language)))
			in := start(t, build(t, dir, language))
			v := fullVisit()
			for _, test := range []struct {
				read int
				want abi.Verdict
			}{
				{0, number(uint64(abi.AllFacts))},
				{1, number(201)},
				{2, number(60)},
				{3, number(1014)},
				{4, number(40126)},
				{5, number(2)},
				{6, number(1)},
				{7, number(7)},
				{8, number(23)},
				{9, number(20261122)},
				{10, text("SG")},
				{11, number(1795374000123)},
				{12, number(0xfedcba9876543210)},
				{13, text(string(v.IP[:]))},
				{15, truth(true)},
				{16, truth(false)},
				{17, text("Chrome Mobile")},
				{18, text("SG-01")},
				{19, text("zh-CN")},
				{20, text("go.example.com")},
				{21, text("冬天")},
				{22, text("/%E5%86%AC")},
				{23, text(string(v.Query))},
				{24, text("https://example.com/?q=no")},
				{25, text("Mozilla/5.0 (\xff\xfe)")},
				{26, text("com.tencent.mm")},
				{27, text("%20x=y")},
				{28, absent},
				{32, abi.NewVerdict(abi.Pass, 0)},
				{33, abi.NewVerdict(abi.Allow, 0)},
				{34, abi.NewVerdict(abi.Guide, 7)},
			} {
				t.Run(fmt.Sprintf("read %d", test.read), func(t *testing.T) {
					in.t = t
					in.want(v, fmt.Sprintf(`{"read":%d,"at":-3,"yes":true}`, test.read), test.want, "")
				})
			}
			in.t = t
			for _, n := range []uint8{0, 1, 2, 62, 63, 64, 65, 129, 130, 254, 255} {
				in.want(v, fmt.Sprintf(`{"read":14,"at":%d}`, n), truth(v.Platforms.Has(n)), "")
			}
			const tricky = `,read:5},{at:[冬 `
			in.want(v, `{"read":29,"text":"`+tricky+`"}`, text(tricky), "")
			in.want(v, `{"read":29,"text":""}`, text(""), "")
			in.want(v, `{"read":29}`, absent, "")
			in.want(v, `{"read":38,"text":"absent"}`, absent, "")
			in.want(v, `{"read":30,"yes":true,"text":"`+tricky+`"}`, truth(true), "")
			in.want(v, `{"read":30,"yes":false}`, truth(false), "")
			in.want(v, `{"read":30}`, truth(false), "")
			in.want(v, `{"read":31,"at":1,"yes":false}`, text(`{"at":1,"read":31,"yes":false}`), "")
			for _, n := range []int64{0, -1, 1 << 62, -1 << 63, 1<<63 - 1} {
				in.want(v, fmt.Sprintf(`{"read":36,"at":%d}`, n), number(uint64(n)), "")
			}
			in.want(v, `{"read":37,"text":"12"}`, number(99), "")
			in.want(v, `{"read":35,"text":"https://a.example/b?c=d"}`, abi.NewRoute(0, 0), "https://a.example/b?c=d")

			// A visit without facts is as good as any.
			empty := &abi.Visit{}
			for _, read := range []int{0, 1, 12} {
				in.want(empty, fmt.Sprintf(`{"read":%d}`, read), number(0), "")
			}
			in.want(empty, `{"read":25}`, text(""), "")
			in.want(empty, `{"read":28}`, absent, "")
			if _, _, err := in.decide(v, `{"read":1000}`); err == nil {
				t.Error("a filter that gives up does not trap")
			}
			in = start(t, build(t, dir, language))
			if _, _, err := in.decide(v, ``); err == nil {
				t.Error("a filter that gives up for want of params does not trap")
			}
		})
	}
}

// overlay copies a folder's files over a project's.
func overlay(t testing.TB, dir, from string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, relative), content, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}

package filters_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"suodi/wasm/abi"
	"suodi/wasm/filters"
	"suodi/wasm/rules"
)

// ids are the platforms that the shipped filters' tests name; the number of
// one is its place, from 1.
var ids = []string{"wecom", "wechat", "qq", "browser", "ios", "android", "windows", "mobile", "desktop", "bot", "googlebot"}

type platforms struct{}

func (platforms) Number(id string) (uint8, bool) {
	for i, known := range ids {
		if known == id {
			return uint8(i + 1), true
		}
	}
	return 0, false
}

func (platforms) IsCrawler(id string) bool { return id == "bot" || id == "googlebot" }
func (platforms) IDs() []string            { return ids }

// classify finds what the tests' user agents say.
func classify(userAgent string, v *abi.Visit) {
	add := func(id string) {
		n, _ := platforms{}.Number(id)
		v.Platforms.Add(n)
	}
	first := func(words ...string) {
		for i := 0; i < len(words); i += 2 {
			if strings.Contains(userAgent, words[i]) {
				add(words[i+1])
				return
			}
		}
	}
	first("wxwork/", "wecom", "MicroMessenger/", "wechat", "", "browser")
	first("iPhone", "ios", "Android", "android", "Windows", "windows")
	first("Mobile", "mobile", "", "desktop")
	first("Googlebot", "bot")
	first("Googlebot", "googlebot")
}

func TestPlatformIsItsSource(t *testing.T) {
	rs, err := rules.Parse([]byte(filters.PlatformSource))
	if err != nil {
		t.Fatal(err)
	}
	m, err := rules.Compile(rs, platforms{})
	if err != nil {
		t.Fatal(err)
	}
	if m.Manifest.Name != "platform" || m.Manifest.Fail != abi.FailClosed || strings.Join(m.Manifest.Needs, ",") != "platforms,link" {
		t.Errorf("manifest %+v", m.Manifest)
	}
	shipped := &rules.Module{Wasm: filters.Platform, Manifest: m.Manifest}
	failures, err := rs.Test(t.Context(), shipped, platforms{}, classify)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range failures {
		t.Error(f)
	}
	if !bytes.Equal(m.Wasm, filters.Platform) {
		t.Error("platform.wasm is not what platform.yaml compiles to; run go generate")
	}
}

// TestPlatformOnSets compares the shipped module with what the rules say, on
// sets at random.
func TestPlatformOnSets(t *testing.T) {
	ctx := t.Context()
	runtime := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler())
	t.Cleanup(func() {
		if err := runtime.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	module, err := runtime.Instantiate(ctx, filters.Platform)
	if err != nil {
		t.Fatal(err)
	}
	result, err := module.ExportedFunction(abi.ExportVisit).Call(ctx)
	if err != nil {
		t.Fatal(err)
	}
	buffer, ok := module.Memory().Read(api.DecodeU32(result[0]), abi.BufferSize)
	if !ok {
		t.Fatal("the visit buffer is outside the memory")
	}
	filter := module.ExportedFunction(abi.ExportFilter)
	random := rand.New(rand.NewPCG(1, 2))
	set := func() (s abi.Set) {
		for range random.IntN(12) {
			s.Add(uint8(random.UintN(256)))
		}
		return s
	}
	seen := map[abi.Verdict]int{}
	for range 20_000 {
		v := abi.Visit{Facts: abi.AllFacts, Platforms: set(), Allow: set(), Guard: set()}
		want := abi.NewVerdict(abi.Pass, 0)
		switch {
		case !v.Allow.IsEmpty() && !v.Platforms.Intersects(v.Allow):
			want = abi.NewVerdict(abi.Deny, 1)
		case v.Platforms.Intersects(v.Guard):
			want = abi.NewVerdict(abi.Guide, 2)
		}
		seen[want]++
		n, err := v.Encode(buffer, abi.FactPlatforms|abi.FactLink, nil)
		if err != nil {
			t.Fatal(err)
		}
		result, err := filter.Call(ctx, uint64(n))
		if err != nil {
			t.Fatal(err)
		}
		if got := abi.Verdict(result[0]); got != want {
			t.Fatalf("%+v: got %s %d, want %s %d", v, got.Action(), got.Code(), want.Action(), want.Code())
		}
	}
	if len(seen) != 3 {
		t.Errorf("only these verdicts came up: %v", seen)
	}
}

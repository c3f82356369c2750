package meter_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"suodi/wasm/abi"
	"suodi/wasm/filters"
	sdk "suodi/wasm/guest"
)

// workload is a filter with something to do.
type workload struct {
	name   string
	module []byte
	visit  []byte // what is written into its buffer; nil: one of someVisits
	// fixed is how many bytes at the visit's begin mean something to the filter's
	// library, so that they cannot be anything.
	fixed int
}

const agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) " +
	"Mobile/15E148 MicroMessenger/8.0.49(0x18003137) NetType/WIFI Language/zh_CN"

// cNames are the names of the values of WORK.
var cNames = []string{
	"hash", "sort", "sieve", "matrices", "search", "crc", "tokens", "interpreter", "recursion", "base64",
	"distance", "code-points", "copies", "function-pointers",
}

// workloads builds every workload whose name begins so.
func workloads(t testing.TB, prefix string) []workload {
	t.Helper()
	b := workshop{TB: t, prefix: prefix}
	b.add(workload{name: "rules/platform", module: filters.Platform})
	for _, name := range []string{"ten", "strings"} {
		b.add(workload{name: "rules/" + name, module: compileRules(t, ruleSets[name])})
	}
	source := filepath.Join("testdata", "workload")
	for i, name := range cNames {
		b.compile("c/"+name, sdk.C, []byte(agent), "clang", "--target=wasm32", "-O2", "-nostdlib", "-fno-builtin", "-Wl,--no-entry",
			"-Wl,-z,stack-size=16384", "-DWORK="+strconv.Itoa(i), filepath.Join(source, "workload.c"))
	}
	b.compile("rust/words", sdk.Rust, []byte(agent), "$RUSTC", "--target=wasm32-unknown-unknown", "-O", "--crate-type=cdylib",
		"-Cpanic=abort", "-Clink-arg=-zstack-size=65536", "-Cstrip=debuginfo", filepath.Join(source, "rust", "words.rs"))
	for _, name := range []string{"products", "sort", "text", "float"} {
		b.project("rust/"+name, sdk.Rust, filepath.Join(source, "rust", name+".rs"), "src/lib.rs")
	}
	for _, name := range []string{"hash", "query", "search", "glob", "words"} {
		b.project("assemblyscript/"+name, sdk.AssemblyScript, filepath.Join(source, "assemblyscript", name+".ts"), "assembly/index.ts")
	}
	last := len(b.list)
	b.compile("go/sum", sdk.Go, append([]byte{0, 0}, agent...), "go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "./"+filepath.Join(source, "go"))
	if len(b.list) > last {
		b.add(workload{name: "go/words", module: b.list[last].module, visit: append([]byte{0, 1}, agent...), fixed: 2})
	}
	for _, e := range sdk.Examples() {
		b.project(string(e.Language)+"/"+e.Name, e.Language, "", e.Name)
	}
	return b.list
}

// workshop builds workloads.
type workshop struct {
	testing.TB
	prefix string
	list   []workload
}

func (b *workshop) add(w workload) {
	if b.wants(w.name) || strings.HasPrefix(w.name, "rules/") {
		b.list = append(b.list, w)
	}
}

func (b *workshop) wants(name string) bool { return strings.HasPrefix(name, b.prefix) }

// toolchain returns what to add to the environment for a language's compiler.
func (b *workshop) toolchain(language sdk.Language) []string {
	b.Helper()
	env, err := sdk.Toolchain(b.Context(), language)
	if err != nil {
		b.Fatal(err)
	}
	if language == sdk.AssemblyScript {
		asc, err := filepath.Abs("../guest/assemblyscript/node_modules/.bin/asc")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := os.Stat(asc); err != nil {
			b.Fatal("the AssemblyScript compiler is missing: make deps installs it")
		}
		env = append(env, "ASC="+asc)
	}
	return env
}

// compile calls a compiler; the source is the last argument.
func (b *workshop) compile(name string, language sdk.Language, visit []byte, tool string, args ...string) {
	b.Helper()
	if !b.wants(name) {
		return
	}
	env := b.toolchain(language)
	if language == sdk.Go {
		env = append(env, "GOOS=wasip1", "GOARCH=wasm")
	}
	if tool == "$RUSTC" {
		tool = strings.TrimPrefix(env[0], "RUSTC=")
	}
	out := filepath.Join(b.TempDir(), "out.wasm")
	at := len(args) - 1 // before the source
	cmd := exec.Command(tool, slices.Concat(args[:at], []string{"-o", out}, args[at:])...)
	cmd.Env = append(os.Environ(), env...)
	if text, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%s: %v\n%s", name, err, text)
	}
	module, err := os.ReadFile(out)
	if err != nil {
		b.Fatal(err)
	}
	fixed := 0
	if language == sdk.Go {
		fixed = 2
	}
	b.add(workload{name: name, module: module, visit: visit, fixed: fixed})
}

// project builds a guest project: with a source in the place of a file, or,
// without one, the example of that name.
func (b *workshop) project(name string, language sdk.Language, source, to string) {
	b.Helper()
	if !b.wants(name) {
		return
	}
	dir := b.TempDir()
	if source == "" {
		if err := sdk.NewExample(dir, to); err != nil {
			b.Fatal(err)
		}
	} else {
		content, err := os.ReadFile(source)
		if err != nil {
			b.Fatal(err)
		}
		if err := sdk.New(dir, "workload", language); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(to)), content, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	var output bytes.Buffer
	module, err := sdk.Build(b.Context(), dir, b.toolchain(language), &output)
	if err != nil {
		b.Fatalf("%s: %v\n%s", name, err, output.Bytes())
	}
	b.add(workload{name: name, module: module, visit: record(b), fixed: abi.HeadSize})
}

// record is a whole visit, with params for every example.
func record(t testing.TB) []byte {
	t.Helper()
	const signature = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
	v := &abi.Visit{
		Facts: abi.AllFacts, Weekday: 1, Hour: 12, Time: 1_800_000_000, Country: [2]byte{'C', 'N'}, Hash: 0x123456789abcdef0,
		Slug: []byte("winter"), UserAgent: []byte(agent), Query: []byte("e=1900000000&s=" + signature + "&utm_source=%E5%BE%AE%E4%BF%A1&n=42"),
	}
	buffer := make([]byte, abi.BufferSize)
	n, err := v.Encode(buffer, abi.AllFacts, []byte(`{"key":"thirty-two characters of a secret","models":"SM-S928*,iPhone",`+
		`"monday":"https://shop.example.com/new","shares":"SG=10,CN=50","unknown":true,"url":"https://new.example.com/"}`))
	if err != nil {
		t.Fatal(err)
	}
	return buffer[:n]
}

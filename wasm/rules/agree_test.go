package rules_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"github.com/tetratelabs/wazero"

	"suodi/wasm/abi"
	"suodi/wasm/rules"
)

// platformSet is a set of platforms to cel-go's evaluator.
type platformSet struct{ abi.Set }

func (s platformSet) ConvertToNative(reflect.Type) (any, error) {
	return nil, fmt.Errorf("not supported")
}
func (s platformSet) ConvertToType(ref.Type) ref.Val { return types.NewErr("not supported") }
func (s platformSet) Equal(other ref.Val) ref.Val    { return types.Bool(other == ref.Val(s)) }
func (s platformSet) Type() ref.Type                 { return platformSetType{} }
func (s platformSet) Value() any                     { return s.Set }
func (s platformSet) Size() ref.Val                  { return types.Int(len(s.ids())) }

func (s platformSet) Contains(id ref.Val) ref.Val {
	n, ok := shipped.Number(string(id.(types.String)))
	return types.Bool(ok && s.Has(n))
}

func (s platformSet) ids() (ids []string) {
	for n := range 256 {
		if s.Has(uint8(n)) {
			ids = append(ids, shipped[uint8(n)])
		}
	}
	return ids
}

type platformSetType struct{}

func (platformSetType) HasTrait(trait int) bool {
	return trait&(traits.SizerType|traits.ContainerType) == trait
}
func (platformSetType) TypeName() string { return "platforms" }

// reference evaluates conditions with cel-go.
type reference struct{ env *cel.Env }

func newReference(t testing.TB) *reference {
	t.Helper()
	env, err := rules.NewEnvironment(declared)
	if err != nil {
		t.Fatal(err)
	}
	set := cel.OpaqueType("platforms")
	env, err = env.Extend(
		cel.Function("intersects",
			cel.MemberOverload("platforms_intersects_platforms", []*cel.Type{set, set}, cel.BoolType,
				cel.BinaryBinding(func(a, b ref.Val) ref.Val {
					return types.Bool(a.(platformSet).Intersects(b.(platformSet).Set))
				})),
			cel.MemberOverload("platforms_intersects_list", []*cel.Type{set, cel.ListType(cel.StringType)}, cel.BoolType,
				cel.BinaryBinding(func(a, b ref.Val) ref.Val {
					for it := b.(traits.Lister).Iterator(); it.HasNext() == types.True; {
						if a.(platformSet).Contains(it.Next()) == types.True {
							return types.True
						}
					}
					return types.False
				}))),
	)
	if err != nil {
		t.Fatal(err)
	}
	if env, err = env.Extend(networks(), lowering(), clock("hour"), clock("weekday"), clock("date")); err != nil {
		t.Fatal(err)
	}
	return &reference{env}
}

func (r *reference) program(t testing.TB, when string) cel.Program {
	t.Helper()
	tree, issues := r.env.Compile(when)
	if issues.Err() != nil {
		t.Fatalf("%s\n%v", when, issues.Err())
	}
	program, err := r.env.Program(tree)
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// holds evaluates one condition. An error is one of the visit's, not of the test.
func (r *reference) holds(program cel.Program, v *abi.Visit, params map[string]any) (holds, erred bool) {
	facts := activation(v)
	for name, value := range map[string]any{"limit": int64(0), "other_limit": int64(0), "word": "", "on": false} {
		if given, ok := params[name]; ok {
			value = given
		}
		facts["params."+name] = value
	}
	got, _, err := program.Eval(facts)
	return got == types.True, err != nil
}

// declared are the parameters of random rule sets.
var declared = map[string]abi.Param{
	"limit": {Type: "int"}, "other_limit": {Type: "int"}, "word": {Type: "string"}, "on": {Type: "bool"},
}

// activation is the visit as cel-go sees it: what is absent is zero.
func activation(v *abi.Visit) map[string]any {
	a := map[string]any{}
	put := func(need abi.Facts, name string, value, absent any) {
		if v.Facts&need == 0 {
			value = absent
		}
		a[name] = value
	}
	text := func(need abi.Facts, name string, value []byte) { put(need, name, string(value), "") }
	put(abi.FactPlatforms, "visit.platforms", platformSet{v.Platforms}, platformSet{})
	put(abi.FactPlatforms, "visit.platform", shipped[v.Platform], "")
	put(abi.FactPlatforms, "visit.os", shipped[v.OS], "")
	put(abi.FactPlatforms, "visit.device", []string{"unknown", "mobile", "tablet", "desktop"}[v.Device], "unknown")
	put(abi.FactPlatforms, "visit.bot", v.Bot, false)
	put(abi.FactLink, "link.allow", platformSet{v.Allow}, platformSet{})
	put(abi.FactLink, "link.guard", platformSet{v.Guard}, platformSet{})
	put(abi.FactVersions, "visit.os_major", int64(v.OSMajor), int64(0))
	put(abi.FactVersions, "visit.browser_major", int64(v.BrowserMajor), int64(0))
	text(abi.FactVersions, "visit.browser", v.Browser)
	put(abi.FactCountry, "visit.country", string(v.Country[:]), "")
	text(abi.FactCountry, "visit.region", v.Region)
	text(abi.FactLanguage, "visit.language", v.Language)
	put(abi.FactIP, "visit.ip", address{netip.AddrFrom16(v.IP)}, address{netip.IPv6Unspecified()})
	put(abi.FactHash, "visit.hash", int64(v.Hash>>1), int64(0))
	put(abi.FactClock, "visit.hour", int64(v.Hour), int64(0))
	put(abi.FactClock, "visit.weekday", int64(v.Weekday), int64(0))
	put(abi.FactClock, "visit.date", int64(v.Date), int64(0))
	put(abi.FactClock, "visit.time", v.Time, int64(0))
	text(abi.FactHost, "visit.host", v.Host)
	text(abi.FactSlug, "visit.slug", v.Slug)
	text(abi.FactPath, "visit.path", v.Path)
	text(abi.FactQuery, "visit.query", v.Query)
	text(abi.FactReferrer, "visit.referrer", v.Referrer)
	text(abi.FactUserAgent, "visit.user_agent", v.UserAgent)
	text(abi.FactRequestedWith, "visit.requested_with", v.RequestedWith)
	return a
}

// agree compares one random rule set on some random visits.
func agree(t *testing.T, r *reference, runtime wazero.Runtime, c *choices, conditions, visits int) (seen tally) {
	t.Helper()
	var source strings.Builder
	source.WriteString("name: random\nparams: {limit: {type: int}, other_limit: {type: int}, word: {type: string}, on: {type: bool}}\nrules:\n")
	var programs []cel.Program
	var whens []string
	for range conditions {
		when := c.condition(4)
		if len(when) > rules.MaxWhen {
			continue
		}
		whens = append(whens, when)
		programs = append(programs, r.program(t, when))
		fmt.Fprintf(&source, "  - {then: deny, when: %q, reason: rule %d}\n", when, len(programs))
	}
	if len(programs) == 0 {
		return seen
	}
	_, m := compile(t, source.String())
	assertPure(t, m.Wasm)
	g, module := start(t, runtime, m)
	for range visits {
		v, params := c.visit(), c.params()
		given, err := json.Marshal(params)
		if err != nil {
			t.Fatal(err)
		}
		if g.params, err = abi.CanonicalParams(declared, given); err != nil {
			t.Fatal(err)
		}
		want, anyErred := abi.NewVerdict(abi.Pass, 0), false
		for i, program := range programs {
			holds, erred := r.holds(program, v, params)
			anyErred = anyErred || erred
			if holds {
				want = abi.NewVerdict(abi.Deny, uint32(i+1))
				break
			}
		}
		if anyErred {
			want = want.WithErred()
			seen.erred++
		}
		seen.verdicts++
		if want.Action() == abi.Deny {
			seen.matched++
		}
		if got, rule := g.run(t, v), g.explain(t); rule != uint64(want.Code()) {
			t.Errorf("%s\nvisit %+v\nrule %d decides, want %d", strings.Join(whens, "\n"), v, rule, want.Code())
		} else if got != want {
			t.Errorf("%s\nvisit %+v\nparams %s\ngot %s %d %t, want %s %d %t", strings.Join(whens, "\n"), v, g.params,
				got.Action(), got.Code(), got.Erred(), want.Action(), want.Code(), want.Erred())
		}
	}
	if err := module.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return seen
}

// tally counts what comparing came across.
type tally struct{ verdicts, matched, erred int }

// TestAgreesWithCEL compares 2,000 random rule sets with cel-go's evaluator on
// several visits each, the same ones each time.
func TestAgreesWithCEL(t *testing.T) {
	t.Parallel()
	r, runtime := newReference(t), newRuntime(t)
	random := rand.NewChaCha8([32]byte([]byte("the same conditions in every run")))
	var seen tally
	sets := 2000
	if raceDetector {
		sets = 200
	}
	for i := range sets {
		data := make([]byte, 4096)
		if _, err := random.Read(data); err != nil {
			t.Fatal(err)
		}
		conditions := 1
		if i%10 == 0 {
			conditions = 5 // their order, and the locals they share
		}
		one := agree(t, r, runtime, &choices{data}, conditions, 12)
		seen.verdicts, seen.matched, seen.erred = seen.verdicts+one.verdicts, seen.matched+one.matched, seen.erred+one.erred
		if t.Failed() {
			t.Fatalf("rule set %d", i)
		}
	}
	if seen.verdicts < 10*sets || seen.matched < seen.verdicts/5 || seen.erred < seen.verdicts/20 {
		t.Errorf("the generator has become poor: %+v", seen)
	}
	t.Logf("%+v", seen)
}

func FuzzAgreesWithCEL(f *testing.F) {
	f.Add([]byte("a condition and a visit"))
	f.Add([]byte{13, 5, 0, 3, 2, 12, 4, 1, 2, 1, 9, 7})
	f.Fuzz(func(t *testing.T, data []byte) {
		agree(t, newReference(t), newRuntime(t), &choices{data}, 2, 3)
	})
}

// TestEnvironmentIsComplete keeps the reference's facts those of the language.
func TestEnvironmentIsComplete(t *testing.T) {
	known := activation(&abi.Visit{})
	for _, name := range rules.FactNames() {
		if _, ok := known[name]; !ok {
			t.Errorf("the reference does not know %s", name)
		}
	}
	if len(known) != len(rules.FactNames()) {
		t.Errorf("%d facts in the reference, %d in the language", len(known), len(rules.FactNames()))
	}
}

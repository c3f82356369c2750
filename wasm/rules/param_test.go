package rules_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"suodi/wasm/abi"
)

const paramsSource = `
name: params
params:
  limit: {type: int, default: 3, doc: the last hour}
  word: {type: string, default: sale}
  strict: {type: bool}
  key: {type: string, secret: true}
rules:
  - {when: 'visit.hour > params.limit && params.strict', then: deny}
  - {when: 'visit.path.contains(params.word)', then: allow}
  - {when: 'params.key != "" && visit.query.endsWith(params.key)', then: guide}
tests:
  - {name: defaults, visit: {hour: 4, path: /sale}, expect: allow}
  - {name: strict, visit: {hour: 4}, params: {strict: true}, expect: deny}
  - {name: a later limit, visit: {hour: 4}, params: {strict: true, limit: 4}, expect: pass}
  - {name: an earlier one, visit: {hour: 0}, params: {strict: true, limit: -1}, expect: deny}
  - {name: another word, visit: {path: /sale}, params: {word: 夏}, expect: pass}
  - {name: another word found, visit: {path: /夏天}, params: {word: 夏}, expect: allow}
  - {name: a key, visit: {query: k=abc}, params: {key: abc}, expect: guide}
`

func TestParams(t *testing.T) {
	rs, m := compile(t, paramsSource)
	failures, err := rs.Test(t.Context(), m, shipped, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range failures {
		t.Error(f)
	}
	want := map[string]abi.Param{
		"limit":  {Type: "int", Default: json.Number("3"), Doc: "the last hour"},
		"word":   {Type: "string", Default: "sale"},
		"strict": {Type: "bool"},
		"key":    {Type: "string", Secret: true},
	}
	section, err := json.Marshal(m.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	if parsed, err := abi.ParseManifest(section); err != nil || !reflect.DeepEqual(parsed.Params, want) {
		t.Errorf("the manifest has %+v, error %v", parsed.Params, err)
	}
}

// TestParamsThatAreMissing: a host that gives nothing at all gets an answer.
func TestParamsThatAreMissing(t *testing.T) {
	_, m := compile(t, paramsSource)
	g, _ := start(t, newRuntime(t), m)
	v := abi.Visit{Facts: abi.AllFacts, Hour: 4, Path: []byte("/sale")}
	if got := g.run(t, &v); got != abi.NewVerdict(abi.Allow, 0) { // every text contains the empty one
		t.Errorf("got %#x", got)
	}
	g.params = []byte(`{"limit":`) // no canonical form: cut off
	if got := g.run(t, &v); got != abi.NewVerdict(abi.Allow, 0) {
		t.Errorf("got %#x", got)
	}
}

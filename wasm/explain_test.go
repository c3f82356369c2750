package wasm_test

import (
	"errors"
	"testing"

	"suodi/wasm"
	"suodi/wasm/abi"
)

func TestExplain(t *testing.T) {
	h := newHost(t, 1)
	ruled := guest{
		manifest: `{"name":"x","abi":1,"needs":["platforms"],"rules":["first","second"]}`,
		body:     whenBot(returns(abi.NewVerdict(abi.Deny, 3).WithErred())),
		rule:     loadByte(abi.OffBot), // the first for bots
	}
	closed := `{"name":"x","abi":1,"needs":["platforms"],"fail":"closed"}`
	plan := wasm.Plan{
		Chain: []wasm.Binding{
			{Name: "ruled", Version: 7, Module: ruled.encode()},
			{Name: "breaks", Module: guest{body: whenBot(unreachable)}.encode()},
			{Name: "breaks-closed", Module: guest{body: whenBot(unreachable), manifest: closed}.encode()},
			{Name: "counts", Module: guest{body: denyParamsLength}.encode(), Params: []byte(`{"a":12}`)},
			{Name: "routes", Module: compile(t, wechatIs("route\n    to: https://cn.example.com/"))},
			{Name: "no such rule", Module: guest{manifest: ruled.manifest, rule: i32Const(-1)}.encode()},
			{Name: "restored", Module: guest{body: remembers(nil), rule: join(i32Const(rememberAt), i32Const(9), []byte{0x36, 2, 0}, i32Const(1))}.encode()},
			{Name: "no verdict", Module: guest{body: whenBot(returns(77))}.encode()},
		},
	}
	if err := h.Install(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	slot := h.Acquire(0)
	defer slot.Release()
	chain := slot.Chain()
	for _, test := range []struct {
		place  int
		visit  func(*abi.Visit)
		params []byte
		want   wasm.Explanation
		err    bool
	}{
		{0, bot, nil, wasm.Explanation{Name: "ruled", Rule: 1, RuleName: "first", Outcome: wasm.Outcome{Action: abi.Deny, Code: 3, Erred: true, Version: 7}}, false},
		{0, onWeChat, nil, wasm.Explanation{Name: "ruled", Outcome: wasm.Outcome{Action: abi.Allow, Version: 7}}, false},
		{1, bot, nil, wasm.Explanation{Name: "breaks"}, true},
		{2, bot, nil, wasm.Explanation{Name: "breaks-closed", Outcome: wasm.Outcome{Action: abi.Deny}}, true},
		{3, bot, nil, wasm.Explanation{Name: "counts", Outcome: wasm.Outcome{Action: abi.Deny, Code: 8}}, false},
		{3, bot, []byte(`{}`), wasm.Explanation{Name: "counts", Outcome: wasm.Outcome{Action: abi.Deny, Code: 2}}, false},
		{4, onWeChat, nil, wasm.Explanation{Name: "routes", Rule: 1, RuleName: `"wechat" in visit.platforms`, Outcome: wasm.Outcome{Action: abi.Route, URL: []byte("https://cn.example.com/")}}, false},
		{5, bot, nil, wasm.Explanation{Name: "no such rule", Rule: 1<<32 - 1}, false},
		{6, bot, nil, wasm.Explanation{Name: "restored", Rule: 1, Outcome: wasm.Outcome{Action: abi.Deny}}, false},
		{7, bot, nil, wasm.Explanation{Name: "no verdict"}, true},
	} {
		slot.Visit = abi.Visit{}
		test.visit(&slot.Visit)
		got := slot.Explain(chain, test.place, test.params)
		want := test.want
		if got.Name != want.Name || got.Rule != want.Rule || got.RuleName != want.RuleName || got.Action != want.Action || got.Code != want.Code ||
			got.Erred != want.Erred || got.Version != want.Version || string(got.URL) != string(want.URL) || got.At != test.place || (got.Err != nil) != test.err {
			t.Errorf("place %d: %+v; want %+v", test.place, got, want)
		}
		if want.RuleName == "first" && (got.Fuel <= 0 || got.Took <= 0) {
			t.Errorf("%d units, %v", got.Fuel, got.Took)
		}
	}
	for _, use := range chain.Uses() {
		if use.Tally() != (wasm.Tally{}) || use.Filter.Failures() != 0 {
			t.Errorf("explaining has counted: %+v", use.Tally())
		}
	}
	slot.Visit = abi.Visit{Facts: abi.AllFacts, Host: make([]byte, 2*abi.BufferSize)}
	if got := slot.Explain(chain, 3, nil); got.Action != abi.Deny || !errors.Is(got.Err, abi.ErrTooLarge) {
		t.Errorf("a visit too large: %+v", got)
	}
}

package abi_test

import (
	"testing"

	"suodi/wasm/abi"
)

func TestVerdict(t *testing.T) {
	for _, test := range []struct {
		name    string
		verdict abi.Verdict
		bits    uint64
		action  abi.Action
		code    uint32
		address uint32
	}{
		{"pass", abi.NewVerdict(abi.Pass, 0), 0, abi.Pass, 0, 0},
		{"allow", abi.NewVerdict(abi.Allow, 0), 1, abi.Allow, 0, 0},
		{"deny with a reason", abi.NewVerdict(abi.Deny, 3), 0x302, abi.Deny, 3, 0},
		{"guide with the largest code", abi.NewVerdict(abi.Guide, abi.MaxCode), 0xffffff03, abi.Guide, abi.MaxCode, 0},
		{"a code too large touches no other field", abi.NewVerdict(abi.Deny, 1<<24|5), 0x502, abi.Deny, 5, 0},
		{"route", abi.NewRoute(0x12345678, 0x2000), 0x12345678_00200004, abi.Route, 0x2000, 0x12345678},
		{"route at the end of memory", abi.NewRoute(1<<32-1, 1), 0xffffffff_00000104, abi.Route, 1, 1<<32 - 1},
		{"what no host knows", abi.Verdict(0x7f), 0x7f, abi.Action(127), 0, 0},
		{"a condition was not decided", abi.NewVerdict(abi.Deny, 3).WithErred(), 0x382, abi.Deny, 3, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := test.verdict
			if uint64(v) != test.bits || v.Action() != test.action || v.Code() != test.code || v.Address() != test.address ||
				v.Erred() != (test.bits&0x80 != 0) {
				t.Errorf("%#x: action %s, code %d, address %#x", uint64(v), v.Action(), v.Code(), v.Address())
			}
		})
	}
}

func TestTemplateVerdict(t *testing.T) {
	plain, template := abi.NewRoute(0x400, 27), abi.NewTemplate(0x400, 27)
	if plain.Template() || plain.Length() != 27 || !template.Template() || template.Length() != 27 || template.Address() != 0x400 {
		t.Errorf("plain %#x, template %#x", uint64(plain), uint64(template))
	}
	if uint64(template) != 0x400_80001b_04 {
		t.Errorf("a template is %#x", uint64(template))
	}
}

func TestActionString(t *testing.T) {
	for action, want := range map[abi.Action]string{
		abi.Pass: "pass", abi.Allow: "allow", abi.Deny: "deny", abi.Guide: "guide", abi.Route: "route", 9: "action 9",
	} {
		if got := action.String(); got != want {
			t.Errorf("%d is %q; want %q", uint8(action), got, want)
		}
	}
}

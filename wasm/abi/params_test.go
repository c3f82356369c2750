package abi_test

import (
	"encoding/json"
	"strings"
	"testing"

	"suodi/wasm/abi"
)

func TestCanonicalParams(t *testing.T) {
	declared := map[string]abi.Param{
		"limit": {Type: "int", Default: json.Number("7")},
		"key":   {Type: "string", Secret: true},
		"open":  {Type: "bool"},
		"a":     {Type: "string"},
	}
	for _, test := range []struct{ name, given, want, wrong string }{
		{"nothing but a default", ``, `{"limit":7}`, ""},
		{"in order", ` {"open": true, "limit": -1, "a": "<é>", "key": "k"} `, `{"a":"<é>","key":"k","limit":-1,"open":true}`, ""},
		{"the largest integer", `{"limit":9223372036854775807}`, `{"limit":9223372036854775807}`, ""},

		{"an array", `[]`, "", "not a JSON object"},
		{"cut off", `{"a":`, "", "not a JSON object"},
		{"two values", `{} {}`, "", "more than one"},
		{"unknown", `{"shoe":1}`, "", `parameter "shoe": the filter takes a, key, limit, open`},
		{"fraction", `{"limit":1.5}`, "", `parameter "limit": 1.5 is not of type int`},
		{"too large", `{"limit":9223372036854775808}`, "", "not of type int"},
		{"number for a string", `{"a":1}`, "", "not of type string"},
		{"string for a bool", `{"open":"true"}`, "", "not of type bool"},
		{"null", `{"open":null}`, "", "not of type bool"},
		{"nested", `{"a":{"b":1}}`, "", "not of type string"},
		{"quotation mark", `{"a":"x\"y"}`, "", "may not hold"},
		{"backslash", `{"a":"\\\\"}`, "", "may not hold"},
		{"line end", `{"a":"x\ny"}`, "", "may not hold"},
		{"too long", `{"a":"` + strings.Repeat("x", abi.MaxParams) + `"}`, "", "the limit is 1024"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := abi.CanonicalParams(declared, []byte(test.given))
			if test.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), test.wrong) {
					t.Fatalf("%q, %v; want an error that tells %q", got, err, test.wrong)
				}
				return
			}
			if err != nil || string(got) != test.want {
				t.Fatalf("%q, %v; want %q", got, err, test.want)
			}
			if again, err := abi.CanonicalParams(declared, got); err != nil || string(again) != string(got) {
				t.Errorf("again: %q, %v", again, err)
			}
		})
	}
}

func TestCanonicalParamsOfNone(t *testing.T) {
	if got, err := abi.CanonicalParams(nil, nil); err != nil || got != nil {
		t.Errorf("%q, %v", got, err)
	}
	declared := map[string]abi.Param{"key": {Type: "string", Required: true}}
	if _, err := abi.CanonicalParams(declared, []byte(`{}`)); err == nil || !strings.Contains(err.Error(), `"key": is required`) {
		t.Errorf("a required parameter that is missing: %v", err)
	}
}

func TestHideSecrets(t *testing.T) {
	declared := map[string]abi.Param{"key": {Type: "string", Secret: true}, "limit": {Type: "int"}}
	got, err := abi.HideSecrets(declared, []byte(`{"gone":"x","key":"k","limit":3}`))
	if want := `{"gone":"***","key":"***","limit":3}`; err != nil || string(got) != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
	if got, err := abi.HideSecrets(declared, nil); err != nil || got != nil {
		t.Errorf("of none: %s, %v", got, err)
	}
}

// What is wrong with a secret is said without it.
func TestErrorsTellNoSecret(t *testing.T) {
	for kind, given := range map[string]string{"int": `{"key":"sesame"}`, "bool": `{"key":"sesame"}`, "string": `{"key":"sesame\\"}`} {
		_, err := abi.CanonicalParams(map[string]abi.Param{"key": {Type: kind, Secret: true}}, []byte(given))
		if err == nil || strings.Contains(err.Error(), "sesame") || !strings.Contains(err.Error(), `"key"`) {
			t.Errorf("as %s: %v", kind, err)
		}
	}
	_, err := abi.CanonicalParams(map[string]abi.Param{"key": {Type: "int", Secret: true}}, []byte(`{"key":["sesame"]}`))
	if err == nil || strings.Contains(err.Error(), "sesame") {
		t.Errorf("a list: %v", err)
	}
}

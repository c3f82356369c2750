package abi_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"suodi/wasm/abi"
)

func TestParseManifest(t *testing.T) {
	long := strings.Repeat("a", 63)
	for _, test := range []struct {
		name, text string
		want       string // a part of the error; empty: it is accepted
	}{
		{"least", `{"name":"x","abi":1}`, ""},
		{"everything", `{"name":"a-1_b","abi":1,"needs":["platforms","link"],"class":"pure","fail":"closed",
			"params":{"limit":{"type":"int","required":true,"doc":"most"},"key":{"type":"string","secret":true}},
			"codes":{"0":{"en":"none"},"16777215":{"zh":"最大","en":"largest","page":"not-found"}},"rules":["night",""]}`, ""},
		{"default", `{"name":"x","abi":1,"params":{"a":{"type":"int","default":3}}}`, ""},
		{"longest name", `{"name":"` + long + `","abi":1}`, ""},
		{"white space around", " \n{\"name\":\"x\",\"abi\":1}\t ", ""},

		{"nothing", "", "EOF"},
		{"no JSON", "hello", "invalid character"},
		{"cut off", `{"name":"x","abi":1`, "EOF"},
		{"an array", `[]`, "array"},
		{"null", `null`, "name"},
		{"two values", `{"name":"x","abi":1}{}`, "more than one"},
		{"junk behind", `{"name":"x","abi":1} x`, "more than one"},
		{"unknown field", `{"name":"x","abi":1,"exec":"rm"}`, "exec"},
		{"no name", `{"abi":1}`, "name"},
		{"name too long", `{"name":"` + long + `a","abi":1}`, "name"},
		{"name with a slash", `{"name":"../x","abi":1}`, "name"},
		{"name with a line end", `{"name":"x\n","abi":1}`, "name"},
		{"name in upper case", `{"name":"X","abi":1}`, "name"},
		{"name begins with a digit", `{"name":"1x","abi":1}`, "name"},
		{"name is a number", `{"name":1,"abi":1}`, "name"},
		{"no abi", `{"name":"x"}`, "abi 0"},
		{"newer abi", `{"name":"x","abi":2}`, "abi 2"},
		{"abi as a fraction", `{"name":"x","abi":1.5}`, "abi"},
		{"unknown fact", `{"name":"x","abi":1,"needs":["shoe_size"]}`, "shoe_size"},
		{"unknown class", `{"name":"x","abi":1,"class":"root"}`, "root"},
		{"unknown fail mode", `{"name":"x","abi":1,"fail":"maybe"}`, "maybe"},
		{"parameter name", `{"name":"x","abi":1,"params":{"A b":{"type":"int"}}}`, "A b"},
		{"parameter without type", `{"name":"x","abi":1,"params":{"a":{}}}`, "type"},
		{"parameter of unknown type", `{"name":"x","abi":1,"params":{"a":{"type":"float"}}}`, "float"},
		{"default of another type", `{"name":"x","abi":1,"params":{"a":{"type":"int","default":"3"}}}`, "default"},
		{"secret with a default", `{"name":"x","abi":1,"params":{"a":{"type":"string","secret":true,"default":"b"}}}`, "a secret has no default"},
		{"unknown page", `{"name":"x","abi":1,"codes":{"1":{"page":"home"}}}`, "home"},
		{"code too large", `{"name":"x","abi":1,"codes":{"16777216":{}}}`, "16777216"},
		{"code negative", `{"name":"x","abi":1,"codes":{"-1":{}}}`, "-1"},
		{"code with a leading zero", `{"name":"x","abi":1,"codes":{"01":{}}}`, "01"},
		{"code with a sign", `{"name":"x","abi":1,"codes":{"+1":{}}}`, "+1"},
		{"code is a word", `{"name":"x","abi":1,"codes":{"one":{}}}`, "one"},
		{"deeply nested", strings.Repeat(`[`, 100_000), "depth"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, err := abi.ParseManifest([]byte(test.text))
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want == "":
				// What is accepted can be written and read again.
				text, err := json.Marshal(m)
				if err != nil {
					t.Fatal(err)
				}
				if again, err := abi.ParseManifest(text); err != nil || !reflect.DeepEqual(m, again) {
					t.Errorf("written and read again: %+v, %v; want %+v", again, err, m)
				}
			case err == nil:
				t.Errorf("accepted as %+v", m)
			case !strings.Contains(err.Error(), test.want):
				t.Errorf("error %q does not tell %q", err, test.want)
			}
		})
	}
}

func TestManifestFacts(t *testing.T) {
	m, err := abi.ParseManifest([]byte(`{"name":"x","abi":1,"needs":["ip","link"]}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Facts(); got != abi.FactIP|abi.FactLink {
		t.Errorf("facts %v", got.Names())
	}
	if got := (abi.Manifest{}).Facts(); got != 0 {
		t.Errorf("a manifest without needs needs %v", got.Names())
	}
}

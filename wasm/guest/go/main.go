// A filter that refuses visits from one country.
package main

import "suodi/wasm/guest/go/suodi"

func init() { suodi.Handle(decide) }

func main() {}

const wrongCountry = 1 // a code of manifest.json

func decide(v *suodi.Visit) suodi.Verdict {
	if country, ok := v.ParamText("country"); ok && country == v.Country() {
		return suodi.Deny(wrongCountry)
	}
	return suodi.Pass()
}

package guest

import (
	"fmt"
	"slices"
)

// Language is a language that filters are written in.
type Language string

// The languages.
const (
	AssemblyScript Language = "assemblyscript"
	C              Language = "c"
	Go             Language = "go"
	Rust           Language = "rust"
)

// Languages returns all of them, in alphabetical order.
func Languages() []Language { return []Language{AssemblyScript, C, Go, Rust} }

// ParseLanguage returns the language of that name.
func ParseLanguage(name string) (Language, error) {
	if l := Language(name); slices.Contains(Languages(), l) {
		return l, nil
	}
	return "", fmt.Errorf("language %q: want one of %q", name, Languages())
}

// Example is a complete filter that does something real.
type Example struct {
	Name     string
	Language Language
	Doc      string
}

// Examples returns one for each language.
func Examples() []Example {
	return []Example{
		{"country-split", AssemblyScript, "sends a share of each country's visits elsewhere, by visit hash"},
		{"signed-link", C, "admits visits with a signature that has not expired"},
		{"weekday", Go, "a weekly programme: each weekday has its own target"},
		{"device-models", Rust, "admits listed models of device"},
	}
}

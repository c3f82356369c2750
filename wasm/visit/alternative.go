package visit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"gopkg.in/yaml.v3"
)

// Alternative is one way in which a user agent shows a platform: it begins
// with Prefix, holds every token of All and none of None. Without Prefix it
// may begin with anything. In JSON and YAML an alternative that is a single
// token of All is a plain string.
type Alternative struct {
	Prefix string   `json:"prefix,omitempty" yaml:"prefix,omitempty"`
	All    []string `json:"all,omitempty" yaml:"all,omitempty,flow"`
	None   []string `json:"none,omitempty" yaml:"none,omitempty,flow"`
}

// plainAlternative is Alternative without its methods.
type plainAlternative Alternative

// isPlain reports whether a is written as a string.
func (a Alternative) isPlain() bool {
	return a.Prefix == "" && len(a.All) == 1 && len(a.None) == 0
}

// MarshalJSON writes a string or an object.
func (a Alternative) MarshalJSON() ([]byte, error) {
	if a.isPlain() {
		return json.Marshal(a.All[0])
	}
	return json.Marshal(plainAlternative(a))
}

// UnmarshalJSON reads a string or an object; unknown fields are an error.
func (a *Alternative) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		var token string
		if err := json.Unmarshal(data, &token); err != nil {
			return err
		}
		*a = Alternative{All: []string{token}}
		return nil
	}
	var plain plainAlternative
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&plain); err != nil {
		return err
	}
	*a = Alternative(plain)
	return nil
}

// MarshalYAML writes a string or a mapping.
func (a Alternative) MarshalYAML() (any, error) {
	if a.isPlain() {
		return a.All[0], nil
	}
	return plainAlternative(a), nil
}

// UnmarshalYAML reads a string or a mapping; unknown fields are an error.
func (a *Alternative) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*a = Alternative{All: []string{node.Value}}
		return nil
	}
	if node.Kind == yaml.MappingNode {
		for i := 0; i < len(node.Content); i += 2 {
			switch key := node.Content[i]; key.Value {
			case "prefix", "all", "none":
			default:
				return fmt.Errorf("line %d: unknown field %q in an alternative", key.Line, key.Value)
			}
		}
	}
	return node.Decode((*plainAlternative)(a))
}

// validate returns the field that is wrong, as it follows match[i], and why.
func (a *Alternative) validate() (field string, err error) {
	if a.Prefix == "" && len(a.All) == 0 {
		return "", errors.New("wants a prefix or a token in all: it would match everything")
	}
	if a.Prefix != "" {
		if err := validateToken(a.Prefix); err != nil {
			return ".prefix", err
		}
	}
	for _, list := range []struct {
		field  string
		tokens []string
	}{{".all", a.All}, {".none", a.None}} {
		if len(list.tokens) > MaxTokens {
			return list.field, fmt.Errorf("%d tokens: want at most %d", len(list.tokens), MaxTokens)
		}
		for i, token := range list.tokens {
			if err := validateToken(token); err != nil {
				return fmt.Sprintf("%s[%d]", list.field, i), err
			}
		}
	}
	return "", nil
}

func validateToken(token string) error {
	if len(token) < MinToken || len(token) > MaxToken {
		return fmt.Errorf("%q: want %d to %d bytes", token, MinToken, MaxToken)
	}
	for _, b := range []byte(token) {
		if b < ' ' || b > '~' {
			return fmt.Errorf("%q: want printable ASCII", token)
		}
	}
	return nil
}

package abi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ParamError says what is wrong with one parameter.
type ParamError struct {
	Name   string
	Reason string // a clause about it
}

// Error names the parameter and says what is wrong.
func (e *ParamError) Error() string { return fmt.Sprintf("parameter %q: %s", e.Name, e.Reason) }

// CanonicalParams checks the parameters that a binding gives, a JSON object or
// nothing, against those a filter declares, fills in defaults and returns the
// form that the filter is handed: see the package comment. It is nil when there
// are none. What is wrong with one parameter is a *ParamError.
func CanonicalParams(declared map[string]Param, given []byte) ([]byte, error) {
	values, err := parseParams(given)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if _, ok := declared[name]; !ok {
			return nil, &ParamError{name, "the filter takes " + listParams(declared)}
		}
	}
	var out []byte
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		param := declared[name]
		value, ok := values[name]
		if !ok && param.Default != nil {
			value, ok = param.Default, true
		}
		if !ok && param.Required {
			return nil, &ParamError{name, "is required"}
		}
		if !ok {
			continue
		}
		text, err := param.value(value)
		if err != nil {
			return nil, &ParamError{name, err.Error()}
		}
		out = append(out, separator(out)...)
		out = append(out, `"`+name+`":`+text...)
	}
	if out == nil {
		return nil, nil
	}
	if out = append(out, '}'); len(out) > MaxParams {
		return nil, fmt.Errorf("parameters take %d bytes; the limit is %d", len(out), MaxParams)
	}
	return out, nil
}

// HideSecrets returns canonical params with the values of secret parameters
// replaced by "***", for showing.
func HideSecrets(declared map[string]Param, params []byte) ([]byte, error) {
	values, err := parseParams(params)
	if err != nil || len(values) == 0 {
		return nil, err
	}
	for name := range values {
		// A parameter that the filter does not declare (any more) might have been one.
		if param, ok := declared[name]; !ok || param.Secret {
			values[name] = "***"
		}
	}
	return json.Marshal(values)
}

func separator(out []byte) string {
	if len(out) == 0 {
		return "{"
	}
	return ","
}

func listParams(declared map[string]Param) string {
	if len(declared) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(declared)), ", ")
}

func parseParams(given []byte) (map[string]any, error) {
	if len(given) == 0 {
		return nil, nil
	}
	values := map[string]any{}
	decoder := json.NewDecoder(bytes.NewReader(given))
	decoder.UseNumber()
	if err := decoder.Decode(&values); err != nil {
		return nil, fmt.Errorf("parameters are not a JSON object: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("parameters are more than one JSON value")
	}
	return values, nil
}

// value returns a value of the parameter's type as JSON. Its errors do not tell
// a secret.
func (p Param) value(value any) (string, error) {
	switch v := value.(type) {
	case bool:
		if p.Type == "bool" {
			return strconv.FormatBool(v), nil
		}
	case json.Number:
		n, err := strconv.ParseInt(v.String(), 10, 64)
		if p.Type == "int" && err == nil {
			return strconv.FormatInt(n, 10), nil
		}
	case string:
		if p.Type != "string" {
			break
		}
		if !utf8.ValidString(v) {
			return "", errors.New("not valid UTF-8")
		}
		for _, r := range v {
			if (r < 0x20 || r == 0x7f || r == '"' || r == '\\') && p.Secret {
				return "", errors.New("a string may not hold quotation marks, backslashes or control characters: filters read it without unescaping")
			}
			if r < 0x20 || r == 0x7f || r == '"' || r == '\\' {
				return "", fmt.Errorf("a string may not hold %q: filters read it without unescaping", r)
			}
		}
		return `"` + v + `"`, nil
	}
	if p.Secret {
		return "", fmt.Errorf("the value is not of type %s", p.Type)
	}
	return "", fmt.Errorf("%v is not of type %s", value, p.Type)
}

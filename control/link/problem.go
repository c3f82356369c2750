package link

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxShownValue bounds how much of a refused value an error repeats, in bytes.
const maxShownValue = 200

// FieldError says what is wrong with one field and what to do about it.
type FieldError struct {
	Field  string `json:"field"`           // JSON name, with an index for list items: "tags[3]"
	Value  string `json:"value,omitempty"` // what was given: shortened, valid UTF-8, without credentials
	Reason string `json:"reason"`          // what is wrong, a clause whose subject is the field
	Hint   string `json:"hint,omitempty"`  // the way out, an imperative clause
}

// Error names the field, what is wrong and the way out, in one line.
func (e *FieldError) Error() string {
	var b strings.Builder
	b.WriteString(e.Field)
	if e.Value != "" {
		fmt.Fprintf(&b, " %q", e.Value)
	}
	b.WriteByte(' ')
	b.WriteString(e.Reason)
	if e.Hint != "" {
		b.WriteString("; ")
		b.WriteString(e.Hint)
	}
	return b.String()
}

// Problems is everything that is wrong with a link, in the order of its fields.
type Problems []*FieldError

// Error lists the problems, one a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, e := range p {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find the single problems.
func (p Problems) Unwrap() []error {
	errs := make([]error, len(p))
	for i, e := range p {
		errs[i] = e
	}
	return errs
}

// Err returns p as an error, nil when there are no problems.
func (p Problems) Err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

func (p *Problems) add(field, value, reason, hint string) {
	*p = append(*p, refuse(field, value, reason, hint))
}

// refuse returns the FieldError for value, shortened to what is worth showing.
func refuse(field, value, reason, hint string) *FieldError {
	if len(value) > maxShownValue {
		cut := maxShownValue
		for cut > maxShownValue-utf8.UTFMax && !utf8.RuneStart(value[cut]) {
			cut--
		}
		value = value[:cut] + "…"
	}
	return &FieldError{Field: field, Value: strings.ToValidUTF8(value, "\uFFFD"), Reason: reason, Hint: hint}
}

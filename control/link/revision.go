package link

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Revision orders changes: the Raft index of a change within its epoch. The
// epoch grows when a cluster is restored or recovered. The zero Revision comes
// before every change.
type Revision struct {
	Epoch uint32
	Index uint64
}

// Compare returns -1, 0 or 1 as r comes before, is or comes after s.
func (r Revision) Compare(s Revision) int {
	return cmp.Or(cmp.Compare(r.Epoch, s.Epoch), cmp.Compare(r.Index, s.Index))
}

// IsZero reports whether r is the revision before every change.
func (r Revision) IsZero() bool { return r == Revision{} }

// String returns "epoch.index".
func (r Revision) String() string {
	b, _ := r.AppendText(make([]byte, 0, 31))
	return string(b)
}

// AppendText appends "epoch.index" to b; the error is always nil.
func (r Revision) AppendText(b []byte) ([]byte, error) {
	b = strconv.AppendUint(b, uint64(r.Epoch), 10)
	b = append(b, '.')
	return strconv.AppendUint(b, r.Index, 10), nil
}

// MarshalText returns "epoch.index"; the error is always nil.
func (r Revision) MarshalText() ([]byte, error) { return r.AppendText(nil) }

// UnmarshalText is ParseRevision.
func (r *Revision) UnmarshalText(text []byte) error {
	parsed, err := ParseRevision(string(text))
	if err != nil {
		return err
	}
	*r = parsed
	return nil
}

// ParseRevision reads what String writes, and nothing else: no signs, no
// leading zeros.
func ParseRevision(s string) (Revision, error) {
	left, right, _ := strings.Cut(s, ".")
	epoch, err1 := strconv.ParseUint(left, 10, 32)
	index, err2 := strconv.ParseUint(right, 10, 64)
	r := Revision{Epoch: uint32(epoch), Index: index}
	if err1 != nil || err2 != nil || r.String() != s {
		return Revision{}, fmt.Errorf("revision %q is not of the form epoch.index", refuse("", s, "", "").Value)
	}
	return r, nil
}

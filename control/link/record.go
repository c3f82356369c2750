package link

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// RecordFormat is the record format this package reads and writes. Changing
// this breaks compatibility.
const RecordFormat = 1

// MaxRecord is the length of the longest record in bytes.
const MaxRecord = math.MaxUint16

// Offsets in a record's head, its size, and that of a section's head. Changing
// these breaks compatibility.
const (
	offFormat   = 0
	offKind     = 1
	offState    = 2
	offFlags    = 3
	offStatus   = 4
	offLength   = 6
	offIndex    = 8
	offNotAfter = 16
	offEpoch    = 24
	recordHead  = 28
	sectionHead = 4
)

// The sections, flags and sizes of format 1. Changing these breaks
// compatibility.
const (
	sectionDestination = 1
	sectionAllow       = 2
	sectionGuard       = 3
	sectionFallback    = 4
	sectionFilters     = 5

	flagSets    = 1 << 0 // in the record's head
	flagFilters = 1 << 1 // the same
	flagMust    = 1 << 0 // in a section's head
	setBytes    = 32
	knownFlags  = flagSets | flagFilters
	lastSection = sectionFilters
)

// RecordChecks numbers what CheckRecord accepts: who keeps a record that was
// checked checks it anew when the number has changed. The lowest byte is
// counted up by hand when a check changes that the others do not tell.
const RecordChecks = RecordFormat<<24 | lastSection<<16 | knownFlags<<8 | 1

var (
	// ErrMalformedRecord is returned for bytes that are no record.
	ErrMalformedRecord = errors.New("malformed link record")
	// ErrMustUnderstand is returned, as a *MustUnderstandError, for a record
	// that asks for something this version does not know. Its link is served
	// 503 and reported.
	ErrMustUnderstand = errors.New("link record asks for something unknown")
)

// MustUnderstandError says what in a record is unknown.
type MustUnderstandError struct {
	Part   string // "format", "kind", "state", "status", "flags" or "section"
	Number int    // the unknown value; for a section, or flags of one, its type
}

// Error names the part and its number.
func (e *MustUnderstandError) Error() string {
	return fmt.Sprintf("%v: %s %d", ErrMustUnderstand, e.Part, e.Number)
}

// Is makes errors.Is(err, ErrMustUnderstand) true.
func (e *MustUnderstandError) Is(target error) bool { return target == ErrMustUnderstand }

// Record is the flat form of a link for edges, specified in the package
// documentation and read in place. Only what CheckRecord or EncodeRecord
// returned is a Record; accessors on other bytes may panic. No accessor
// allocates; those that return bytes return a part of the record.
type Record []byte

// RecordFields is what a record holds.
type RecordFields struct {
	Kind        Kind
	State       State
	Status      int      // 301, 302, 307 or 308
	NotAfter    int64    // unix seconds of expiry, 0 = never
	Revision    Revision // of the last change
	Destination string   // canonical URL
	Fallback    string   // canonical URL, "" = none
	Allow       Platforms
	Guard       Platforms
	Filters     []Binding // in the order they run
}

// EncodeRecord returns the record of f.
func EncodeRecord(f RecordFields) ([]byte, error) { return AppendRecord(nil, f) }

// AppendRecord appends the record of f to dst. It refuses what CheckRecord
// would refuse.
func AppendRecord(dst []byte, f RecordFields) ([]byte, error) {
	if f.Status < 0 || f.Status > math.MaxUint16 || len(f.Destination) > MaxURL || len(f.Fallback) > MaxURL {
		return dst, fmt.Errorf("encode link record: %w: status or URL out of range", ErrMalformedRecord)
	}
	le, start := binary.LittleEndian, len(dst)
	flags := byte(0)
	if !f.Allow.IsEmpty() || !f.Guard.IsEmpty() {
		flags |= flagSets
	}
	if len(f.Filters) > 0 {
		flags |= flagFilters
	}
	b := append(dst, RecordFormat, byte(f.Kind), byte(f.State), flags)
	b = le.AppendUint16(b, uint16(f.Status))
	b = le.AppendUint16(b, 0) // the length, set below
	b = le.AppendUint64(b, f.Revision.Index)
	b = le.AppendUint64(b, uint64(f.NotAfter))
	b = le.AppendUint32(b, f.Revision.Epoch)
	if f.Destination != "" {
		b = append(appendSectionHead(b, sectionDestination, flagMust, len(f.Destination)), f.Destination...)
	}
	b = appendSet(b, sectionAllow, f.Allow)
	b = appendSet(b, sectionGuard, f.Guard)
	if f.Fallback != "" {
		b = append(appendSectionHead(b, sectionFallback, 0, len(f.Fallback)), f.Fallback...)
	}
	b, err := appendFilters(b, f.Filters)
	if err != nil {
		return dst, fmt.Errorf("encode link record: %w", err)
	}
	le.PutUint16(b[start+offLength:], uint16(len(b)-start))
	if _, err := CheckRecord(b[start:]); err != nil {
		return dst, fmt.Errorf("encode link record: %w", err)
	}
	return b, nil
}

func appendSectionHead(b []byte, section, flags byte, length int) []byte {
	return binary.LittleEndian.AppendUint16(append(b, section, flags), uint16(length))
}

func appendSet(b []byte, section byte, set Platforms) []byte {
	if set.IsEmpty() {
		return b
	}
	b = appendSectionHead(b, section, flagMust, setBytes)
	for _, word := range set {
		b = binary.LittleEndian.AppendUint64(b, word)
	}
	return b
}

// Fields returns everything this version knows in the record.
func (r Record) Fields() RecordFields {
	fields := RecordFields{
		Kind: r.Kind(), State: r.State(), Status: r.Status(), NotAfter: r.NotAfter(), Revision: r.Revision(),
		Destination: string(r.Destination()), Fallback: string(r.Fallback()), Allow: r.Allow(), Guard: r.Guard(),
	}
	for f := r.Filters(); f.Next(); {
		fields.Filters = append(fields.Filters, Binding{Filter: string(f.Name()), Params: bytes.Clone(f.Params())})
	}
	return fields
}

// Kind returns the link's kind.
func (r Record) Kind() Kind { return Kind(r[offKind]) }

// State returns the link's state.
func (r Record) State() State { return State(r[offState]) }

// Status returns the status code of the redirect.
func (r Record) Status() int { return int(binary.LittleEndian.Uint16(r[offStatus:])) }

// NotAfter returns the unix second from which the link is expired, 0 = never.
func (r Record) NotAfter() int64 { return int64(binary.LittleEndian.Uint64(r[offNotAfter:])) }

// Revision returns the revision of the link's last change.
func (r Record) Revision() Revision {
	return Revision{Epoch: binary.LittleEndian.Uint32(r[offEpoch:]), Index: binary.LittleEndian.Uint64(r[offIndex:])}
}

// HasSets reports whether the link has an allow or a guard set.
func (r Record) HasSets() bool { return r[offFlags]&flagSets != 0 }

// Destination returns the URL the link leads to.
func (r Record) Destination() []byte {
	if len(r) == recordHead || r[recordHead] != sectionDestination {
		return nil
	}
	end := recordHead + sectionHead + int(binary.LittleEndian.Uint16(r[recordHead+2:]))
	return r[recordHead+sectionHead : end : end]
}

// Fallback returns the URL for when the link is expired or archived, nil for
// none.
func (r Record) Fallback() []byte { return r.section(sectionFallback) }

// Allow returns the platforms that alone may pass; empty = all.
func (r Record) Allow() Platforms { return r.set(sectionAllow) }

// Guard returns the platforms that are guided instead of redirected.
func (r Record) Guard() Platforms { return r.set(sectionGuard) }

func (r Record) set(section byte) (set Platforms) {
	if !r.HasSets() {
		return set
	}
	body := r.section(section)
	if body == nil {
		return set
	}
	for i := range set {
		set[i] = binary.LittleEndian.Uint64(body[8*i:])
	}
	return set
}

// section returns the body of a section, nil when the record has none such.
func (r Record) section(section byte) []byte {
	for at := recordHead; at < len(r) && r[at] <= section; {
		end := at + sectionHead + int(binary.LittleEndian.Uint16(r[at+2:]))
		if r[at] == section {
			return r[at+sectionHead : end : end]
		}
		at = end
	}
	return nil
}

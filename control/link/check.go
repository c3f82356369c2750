package link

import (
	"encoding/binary"
	"fmt"
)

// CheckRecord checks b against the format, once, so that accessors need not.
// The Record is b itself. It is ErrMustUnderstand when b is well formed and
// asks for something unknown, else ErrMalformedRecord when b is no record.
// It does not allocate unless it fails.
func CheckRecord(b []byte) (Record, error) {
	if len(b) == 0 {
		return nil, malformed("no bytes")
	}
	if b[offFormat] != RecordFormat {
		return nil, &MustUnderstandError{Part: "format", Number: int(b[offFormat])}
	}
	if len(b) < recordHead || len(b) != int(binary.LittleEndian.Uint16(b[offLength:])) {
		return nil, malformed("its length is wrong")
	}
	if err := checkSections(b); err != nil {
		return nil, err
	}
	if err := understands(b); err != nil {
		return nil, err
	}
	if err := checkHead(b); err != nil {
		return nil, err
	}
	return Record(b), nil
}

func malformed(why string) error { return fmt.Errorf("%w: %s", ErrMalformedRecord, why) }

// checkSections checks that the sections lie within the record, ascend, and
// have sound bodies where their type is known.
func checkSections(b []byte) error {
	var last byte
	for at := recordHead; at < len(b); {
		if len(b)-at < sectionHead {
			return malformed("a section head is cut off")
		}
		section, flags := b[at], b[at+1]
		end := at + sectionHead + int(binary.LittleEndian.Uint16(b[at+2:]))
		switch {
		case end > len(b):
			return malformed("a section is cut off")
		case section <= last:
			return malformed("its sections do not ascend")
		}
		if err := checkSection(section, flags, b[at+sectionHead:end]); err != nil {
			return err
		}
		last, at = section, end
	}
	return nil
}

func checkSection(section, flags byte, body []byte) error {
	must := byte(flagMust)
	switch section {
	case sectionFallback:
		must = 0
		fallthrough
	case sectionDestination:
		if len(body) > MaxURL || !SafeLocation(body) {
			return malformed("a URL is not safe to serve")
		}
	case sectionAllow, sectionGuard:
		if len(body) != setBytes {
			return malformed("a platform set is not 32 bytes long")
		}
		le := binary.LittleEndian
		if le.Uint64(body)|le.Uint64(body[8:])|le.Uint64(body[16:])|le.Uint64(body[24:]) == 0 {
			return malformed("a platform set is empty")
		}
	case sectionFilters:
		if err := checkFilters(body); err != nil {
			return err
		}
	default:
		return nil
	}
	if flags&flagMust != must {
		return malformed("a known section is marked wrongly")
	}
	return nil
}

// understands reports the first thing in b that this version does not know. The
// sections of b have been checked.
func understands(b []byte) error {
	unknown := func(part string, number int) error { return &MustUnderstandError{Part: part, Number: number} }
	r := Record(b)
	switch {
	case r.Kind() != KindRedirect:
		return unknown("kind", int(r.Kind()))
	case !r.State().known():
		return unknown("state", int(r.State()))
	case !knownStatus(r.Status()):
		return unknown("status", r.Status())
	case r[offFlags]&^knownFlags != 0:
		return unknown("flags", int(r[offFlags]))
	}
	for at := recordHead; at < len(b); {
		if b[at+1]&^flagMust != 0 || b[at] > lastSection && b[at+1]&flagMust != 0 {
			return unknown("section", int(b[at]))
		}
		at += sectionHead + int(binary.LittleEndian.Uint16(b[at+2:]))
	}
	return nil
}

// checkHead checks what head and sections say of each other.
func checkHead(b []byte) error {
	r := Record(b)
	switch {
	case r.NotAfter() < 0:
		return malformed("its expiry is negative")
	case r.Destination() == nil:
		return malformed("it has no destination")
	case r.HasSets() != (r.section(sectionAllow) != nil || r.section(sectionGuard) != nil):
		return malformed("its flags and its sets disagree")
	case r.HasFilters() != (r.section(sectionFilters) != nil):
		return malformed("its flags and its filters disagree")
	}
	return nil
}

package country

import (
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"
)

// Place is where an address is.
type Place struct {
	Country [2]byte // ISO 3166-1, "ZZ" = unknown
	// Region is the largest subdivision's part of its ISO 3166-2 code, such as CA
	// of US-CA or GD of CN-GD; empty = unknown. Nobody may write to it.
	Region []byte
}

// unknown is where an address is that nothing is known of.
var unknown = Place{Country: [2]byte{'Z', 'Z'}}

// maxRegion is the length of the longest part of ISO 3166-2 codes.
const maxRegion = 3

// snapshot is a database that never changes, and the places lately found in it.
type snapshot struct {
	reader *maxminddb.Reader
	kind   string
	built  time.Time
	only4  bool // it has no IPv6 addresses
	// places are by a hash of the record's offset: many networks share a record,
	// and decoding one takes longer than finding it.
	places [1 << placeBits]atomic.Pointer[remembered]
}

// placeBits makes room for every country and for the cities of most visitors
// (each has a record of its own), in 256 KiB of pointers and at most 2 MiB more.
const placeBits = 15

type remembered struct {
	offset uintptr
	place  Place
}

// record is what is wanted of one in the file.
type record struct {
	Country struct {
		Code string `maxminddb:"iso_code"`
	} `maxminddb:"country"`
	Subdivisions []struct {
		Code string `maxminddb:"iso_code"`
	} `maxminddb:"subdivisions"`
}

// newSnapshot makes one of a file's bytes and keeps them.
func newSnapshot(data []byte) (*snapshot, error) {
	reader, err := maxminddb.OpenBytes(data)
	if err != nil {
		return nil, err
	}
	s := &snapshot{
		reader: reader,
		kind:   reader.Metadata.DatabaseType,
		built:  reader.Metadata.BuildTime().UTC(),
		only4:  reader.Metadata.IPVersion == 4,
	}
	return s, s.probe()
}

// probes is how many networks are looked at for a country. Databases begin with
// ordinary networks.
const probes = 10_000

// probe reports an error unless the database has countries, and the records
// near its beginning are sound.
func (s *snapshot) probe() error {
	n := 0
	for result := range s.reader.Networks() {
		place, err := s.decode(result)
		if err != nil {
			return err
		}
		if place.Country != unknown.Country {
			return nil
		}
		if n++; n == probes {
			break
		}
	}
	return fmt.Errorf("a database of type %q has no country.iso_code; get one of countries or cities", s.kind)
}

func (s *snapshot) lookup(address [16]byte) (Place, error) {
	ip := netip.AddrFrom16(address).Unmap()
	if s.only4 && !ip.Is4() {
		return unknown, nil
	}
	result := s.reader.Lookup(ip)
	if !result.Found() {
		return unknown, result.Err()
	}
	offset := result.Offset()
	at := &s.places[uint64(offset)*0x9e37_79b9_7f4a_7c15>>(64-placeBits)] // Fibonacci hashing
	if r := at.Load(); r != nil && r.offset == offset {
		return r.place, nil
	}
	place, err := s.decode(result)
	if err == nil {
		at.Store(&remembered{offset: offset, place: place})
	}
	return place, err
}

func (s *snapshot) decode(result maxminddb.Result) (Place, error) {
	var r record
	if err := result.Decode(&r); err != nil {
		return unknown, err
	}
	code := r.Country.Code
	if len(code) != 2 || !isCode(code) {
		return unknown, nil
	}
	place := Place{Country: [2]byte([]byte(code))}
	if len(r.Subdivisions) > 0 {
		if region := r.Subdivisions[0].Code; len(region) <= maxRegion && isCode(region) {
			place.Region = []byte(region)
		}
	}
	return place, nil
}

// isCode reports whether text is upper case letters and digits.
func isCode(text string) bool {
	for _, b := range []byte(text) {
		if (b < 'A' || b > 'Z') && (b < '0' || b > '9') {
			return false
		}
	}
	return true
}

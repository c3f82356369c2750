package peer

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"suodi/bench/load"
	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/edge/table"
	"suodi/wasm/abi"
	"suodi/wasm/visit"
)

// filled is the revision of a table that Fill filled.
var filled = link.Revision{Epoch: 1, Index: 1}

// Fill writes an edge's table: Host as its only domain and count links of it,
// each with Guard in its guard set.
func Fill(dir string, count uint64) (err error) {
	t, err := table.Open(table.Config{Dir: dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	return FillTable(t, count)
}

// FillTable does what Fill does, in a table that is open.
func FillTable(t *table.Table, count uint64) error {
	domain, err := proto.Marshal(&feedpb.Domain{Name: Host, BaseUrl: "https://" + Host, Default: true})
	if err != nil {
		return err
	}
	if err := t.Begin("bench"); err != nil {
		return err
	}
	// A bucket's links are those whose key says so; their numbers are gathered
	// first, so that only one bucket's records are in memory.
	numbers := make([][]uint32, feed.Buckets)
	var key []byte
	for n := range count {
		key = Key(key[:0], n)
		bucket := link.Bucket(key)
		numbers[bucket] = append(numbers[bucket], uint32(n))
	}
	for bucket := range uint16(feed.Buckets) {
		entries, err := bucketOf(numbers[bucket])
		if err != nil {
			return err
		}
		if bucket == feed.BucketDomains {
			entries = append(entries, &feedpb.Entry{Key: []byte(Host), Value: domain})
		}
		if err := t.Bucket(bucket, filled, entries); err != nil {
			return fmt.Errorf("bucket %d: %w", bucket, err)
		}
	}
	return t.End(filled)
}

// bucketOf returns the entries of some links.
func bucketOf(numbers []uint32) (entries []*feedpb.Entry, err error) {
	var guard abi.Set
	entry, known := visit.Shipped().ByID(Guard)
	if !known {
		return nil, fmt.Errorf("there is no platform %s", Guard)
	}
	guard.Add(entry.Number)
	for _, n := range numbers {
		record, err := link.EncodeRecord(link.RecordFields{
			Kind: link.KindRedirect, State: link.StateActive, Status: 302, Revision: filled,
			Destination: string(load.AppendSlug([]byte(Location), uint64(n))), Guard: link.Platforms(guard),
		})
		if err != nil {
			return nil, err
		}
		entries = append(entries, &feedpb.Entry{Key: Key(nil, uint64(n)), Value: record})
	}
	return entries, nil
}

// Key appends the key of the n-th link.
func Key(dst []byte, n uint64) []byte {
	var slug [8]byte
	return link.AppendKey(dst, []byte(Host), load.AppendSlug(slug[:0], n))
}

package country_test

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"suodi/edge/country"
)

// place is a record of a test's database.
type place struct{ network, country, region string }

// build returns the bytes of a database.
func build(tb testing.TB, options mmdbwriter.Options, places ...place) []byte {
	tb.Helper()
	if options.DatabaseType == "" {
		options.DatabaseType = "Test-City"
	}
	options.IncludeReservedNetworks = true
	tree, err := mmdbwriter.New(options)
	check(tb, err)
	for _, p := range places {
		record := mmdbtype.Map{"country": mmdbtype.Map{
			"iso_code": mmdbtype.String(p.country), "names": mmdbtype.Map{"en": mmdbtype.String("Name of " + p.country)},
		}}
		if p.region != "" {
			record["subdivisions"] = mmdbtype.Slice{
				mmdbtype.Map{"iso_code": mmdbtype.String(p.region)}, mmdbtype.Map{"iso_code": mmdbtype.String("XX")},
			}
		}
		_, network, err := net.ParseCIDR(p.network)
		check(tb, err)
		check(tb, tree.Insert(network, record))
	}
	var data bytes.Buffer
	_, err = tree.WriteTo(&data)
	check(tb, err)
	return data.Bytes()
}

var places = []place{
	{"192.0.2.0/24", "CN", "GD"},
	{"198.51.100.0/24", "DE", ""},
	{"2001:db8::/32", "US", "CA"},
	{"203.0.113.0/28", "lower", ""},
	{"203.0.113.16/28", "FR", "much too long"},
	{"203.0.113.32/28", "", "CA"},
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// put replaces a file as a careful operator does.
func put(tb testing.TB, path string, data []byte) {
	tb.Helper()
	check(tb, os.WriteFile(path+".new", data, 0o600))
	check(tb, os.Rename(path+".new", path))
}

func open(tb testing.TB, config country.Config) *country.Database {
	tb.Helper()
	d, err := country.Open(config)
	check(tb, err)
	return d
}

func lookup(d *country.Database, address string) string {
	p := d.Lookup(netip.MustParseAddr(address).As16())
	return strings.TrimSuffix(string(p.Country[:])+"-"+string(p.Region), "-")
}

func TestLookup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "city.mmdb")
	for _, size := range []int{24, 28, 32} {
		put(t, path, build(t, mmdbwriter.Options{RecordSize: size}, places...))
		d := open(t, country.Config{Path: path})
		for address, want := range map[string]string{
			"192.0.2.1": "CN-GD", "192.0.2.255": "CN-GD", "::ffff:192.0.2.1": "CN-GD", "198.51.100.7": "DE", "2001:db8:1::1": "US-CA",
			"192.0.3.1": "ZZ", "127.0.0.1": "ZZ", "::": "ZZ", "::1": "ZZ", "2001:db9::": "ZZ", "fe80::1": "ZZ",
			"203.0.113.1": "ZZ", "203.0.113.17": "FR", "203.0.113.33": "ZZ",
		} {
			for range 2 { // not remembered, then remembered
				if got := lookup(d, address); got != want {
					t.Errorf("%d bits, %s: got %s, want %s", size, address, got, want)
				}
			}
		}
		if got := d.Status(); got.Err != nil || got.Failures != 0 || got.Type != "Test-City" || time.Since(got.Built) > time.Hour {
			t.Errorf("status: %+v", got)
		}
	}
}

func TestOnlyIPv4(t *testing.T) {
	path := filepath.Join(t.TempDir(), "country.mmdb")
	put(t, path, build(t, mmdbwriter.Options{IPVersion: 4}, places[:2]...))
	d := open(t, country.Config{Path: path})
	if got := lookup(d, "192.0.2.1"); got != "CN-GD" {
		t.Errorf("got %s", got)
	}
	if got, failures := lookup(d, "2001:db8::1"), d.Status().Failures; got != "ZZ" || failures != 0 {
		t.Errorf("got %s, %d failures", got, failures)
	}
}

func TestNoDatabase(t *testing.T) {
	d := open(t, country.Config{})
	if got := lookup(d, "192.0.2.1"); got != "ZZ" {
		t.Errorf("got %s", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	check(t, d.Run(ctx))
	if got := d.Status(); got != (country.Status{}) {
		t.Errorf("status: %+v", got)
	}
	if _, err := country.Open(country.Config{Every: -1}); err == nil {
		t.Error("a negative interval is taken")
	}
}

// TestReplaced runs the life of a file: missing, there, replaced, overwritten
// with less and less that makes sense, gone, and there again.
func TestReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "city.mmdb")
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		d := open(t, country.Config{Path: path, Every: time.Second, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- d.Run(ctx) }()
		good := build(t, mmdbwriter.Options{}, places...)
		other := build(t, mmdbwriter.Options{}, place{"192.0.2.0/24", "JP", "13"})
		asn := build(t, mmdbwriter.Options{DatabaseType: "Test-ASN"}, place{"192.0.2.0/24", "", ""})
		steps := []struct {
			name string
			do   func() error
			want string
			err  string // a part of it; empty: none
		}{
			{"missing", func() error { return nil }, "ZZ", "no such file"},
			{"there", func() error { return os.WriteFile(path, good, 0o600) }, "CN-GD", ""},
			{"cut short", func() error { return os.WriteFile(path, good[:len(good)/2], 0o600) }, "CN-GD", "invalid MaxMind DB"},
			{"without its tree", func() error { return os.WriteFile(path, good[len(good)/2:], 0o600) }, "CN-GD", "invalid"},
			{"empty", func() error { return os.WriteFile(path, nil, 0o600) }, "CN-GD", "invalid"},
			{"whole again", func() error { return os.WriteFile(path, other, 0o600) }, "JP-13", ""},
			{"of another kind", func() error { return os.WriteFile(path, asn, 0o600) }, "JP-13", "Test-ASN"},
			{"removed", func() error { return os.Remove(path) }, "JP-13", "no such file"},
			{"a folder", func() error { return os.Mkdir(path, 0o700) }, "JP-13", "directory"},
			{"put back", func() error {
				if err := os.Remove(path); err != nil {
					return err
				}
				return os.WriteFile(path, good, 0o600)
			}, "CN-GD", ""},
		}
		for _, step := range steps {
			check(t, step.do())
			for range 3 {
				time.Sleep(time.Second) // of the bubble's clock
				synctest.Wait()
			}
			err := d.Status().Err
			if got := lookup(d, "192.0.2.1"); got != step.want {
				t.Errorf("%s: got %s, want %s", step.name, got, step.want)
			}
			if step.err == "" && err != nil || step.err != "" && (err == nil || !strings.Contains(err.Error(), step.err)) {
				t.Errorf("%s: got error %v, want …%s…", step.name, err, step.err)
			}
		}
		cancel()
		check(t, <-done)
		// Each file and each trouble is told once, however often it is looked at.
		if refused, taken := strings.Count(log.String(), "refused"), strings.Count(log.String(), "taken over"); refused != 7 || taken != 3 {
			t.Errorf("told of %d refused and %d taken over\n%s", refused, taken, log.String())
		}
	})
}

// TestReplacedUnderLoad replaces the database while look-ups are on their way:
// each gets an answer of one or the other.
func TestReplacedUnderLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "city.mmdb")
	versions := [][]byte{
		build(t, mmdbwriter.Options{}, place{"192.0.2.0/24", "CN", "GD"}),
		build(t, mmdbwriter.Options{}, place{"192.0.0.0/16", "JP", "13"}),
	}
	put(t, path, versions[0])
	d := open(t, country.Config{Path: path})
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if got := lookup(d, "192.0.2.9"); got != "CN-GD" && got != "JP-13" {
					t.Errorf("got %s", got)
					return
				}
			}
		})
	}
	for i := range 50 {
		put(t, path, versions[(i+1)%2])
		d.Reload()
		if want := []string{"CN-GD", "JP-13"}[(i+1)%2]; lookup(d, "192.0.2.9") != want {
			t.Fatalf("after replacement %d: want %s", i, want)
		}
	}
	close(stop)
	readers.Wait()
}

// TestBroken flips bytes of a database: whatever that makes of it, it is
// refused or answers.
func TestBroken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "city.mmdb")
	good := build(t, mmdbwriter.Options{}, places...)
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		data := bytes.Clone(good)
		for range 1 + random.IntN(20) {
			data[random.IntN(len(data))] = byte(random.Uint32())
		}
		put(t, path, data)
		d := open(t, country.Config{Path: path})
		for _, address := range []string{"192.0.2.1", "198.51.100.1", "2001:db8::1", "203.0.113.17"} {
			if got := lookup(d, address); len(got) < 2 || len(got) > 6 {
				t.Errorf("got %q", got)
			}
		}
	}
}

func TestLookupDoesNotAllocate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "city.mmdb")
	put(t, path, build(t, mmdbwriter.Options{}, places...))
	d := open(t, country.Config{Path: path})
	address := netip.MustParseAddr("192.0.2.1").As16()
	if n := testing.AllocsPerRun(100, func() { d.Lookup(address) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkLookup looks up random addresses of many networks.
func BenchmarkLookup(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	var many []place
	for i := range 20_000 {
		network := netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(1 + i/2000), byte(random.Uint32()), byte(random.Uint32()), 0}), 24).Masked()
		many = append(many, place{network.String(), string([]byte{'A' + byte(i%26), 'A' + byte(i/26%26)}), string('A' + rune(i%7))})
	}
	path := filepath.Join(b.TempDir(), "city.mmdb")
	put(b, path, build(b, mmdbwriter.Options{}, many...))
	d := open(b, country.Config{Path: path})
	addresses := make([][16]byte, 4096)
	for i := range addresses {
		addresses[i] = netip.MustParsePrefix(many[random.IntN(len(many))].network).Addr().As16()
	}
	b.ReportAllocs()
	for _, address := range addresses {
		d.Lookup(address)
	}
	for i := 0; b.Loop(); i++ {
		d.Lookup(addresses[i%len(addresses)])
	}
}

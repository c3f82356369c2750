package visit_test

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"suodi/wasm/visit"
)

// sipHash is SipHash with c and d rounds as its paper writes it.
func sipHash(c, d int, key [16]byte, text []byte) uint64 {
	k0, k1 := binary.LittleEndian.Uint64(key[:8]), binary.LittleEndian.Uint64(key[8:])
	v := [4]uint64{k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573}
	rounds := func(n int) {
		for range n {
			v[0], v[2] = v[0]+v[1], v[2]+v[3]
			v[1], v[3] = bits.RotateLeft64(v[1], 13), bits.RotateLeft64(v[3], 16)
			v[1], v[3] = v[1]^v[0], v[3]^v[2]
			v[0] = bits.RotateLeft64(v[0], 32)
			v[2], v[0] = v[2]+v[1], v[0]+v[3]
			v[1], v[3] = bits.RotateLeft64(v[1], 17), bits.RotateLeft64(v[3], 21)
			v[1], v[3] = v[1]^v[2], v[3]^v[0]
			v[2] = bits.RotateLeft64(v[2], 32)
		}
	}
	blocks := slices.Concat(text, make([]byte, 8-len(text)%8))
	blocks[len(blocks)-1] = byte(len(text))
	for block := range slices.Chunk(blocks, 8) {
		m := binary.LittleEndian.Uint64(block)
		v[3] ^= m
		rounds(c)
		v[0] ^= m
	}
	v[2] ^= 0xff
	rounds(d)
	return v[0] ^ v[1] ^ v[2] ^ v[3]
}

// counting returns 0, 1, 2, …
func counting(n int) (b []byte) {
	for i := range n {
		b = append(b, byte(i))
	}
	return b
}

// TestSipHash checks the test's own SipHash by the vectors of SipHash-2-4's
// reference code and those of Rust's SipHash-1-3, which have the same input.
func TestSipHash(t *testing.T) {
	for _, test := range []struct {
		c, d, length int
		want         uint64
	}{
		{2, 4, 0, 0x726fdb47dd0e0e31},
		{2, 4, 1, 0x74f839c593dc67fd},
		{2, 4, 8, 0x93f5f5799a932462},
		{2, 4, 15, 0xa129ca6149be45e5},
		{1, 3, 0, 0xabac0158050fc4dc},
	} {
		if got := sipHash(test.c, test.d, [16]byte(counting(16)), counting(test.length)); got != test.want {
			t.Errorf("SipHash-%d-%d of %d bytes: got %#x, want %#x", test.c, test.d, test.length, got, test.want)
		}
	}
}

// padded returns text with zeros up to a multiple of 8.
func padded(text []byte) []byte { return slices.Concat(text, make([]byte, -len(text)&7)) }

// TestHash compares with what the format says.
func TestHash(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	text := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}
	for range 2000 {
		key, address := [16]byte(text(16)), [16]byte(text(16))
		if random.IntN(2) == 0 {
			address = netip.AddrFrom4([4]byte(text(4))).As16()
		}
		link, agent := text(random.IntN(40)), text(random.IntN(700))
		prefix := address
		if netip.AddrFrom16(address).Is4In6() {
			prefix[15] = 0
		} else {
			clear(prefix[6:])
		}
		first := agent[:min(len(agent), visit.MaxCached)]
		lengths := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, uint32(len(link))), uint32(len(first)))
		want := sipHash(1, 3, key, slices.Concat(prefix[:], lengths, padded(link), padded(first)))
		if got := visit.Hash(key, link, address, agent); got != want {
			t.Fatalf("link %x, agent %x: got %#x, want %#x", link, agent, got, want)
		}
	}
}

// Changing one of these deals every split and canary anew.
func TestHashGolden(t *testing.T) {
	key := [16]byte(counting(16))
	link := []byte("\x0ago.example\x05hello")
	agent := []byte(chromeOnWin)
	for _, test := range []struct {
		name, address string
		link, agent   []byte
		want          uint64
	}{
		{"nothing", "::", nil, nil, 0xf98d94f1d11e1b56},
		{"IPv4", "192.0.2.1", link, agent, 0x90ee5aa3c90ab850},
		{"the same /24", "192.0.2.255", link, agent, 0x90ee5aa3c90ab850},
		{"another /24", "192.0.3.1", link, agent, 0x22f0bf58f7a759b2},
		{"IPv6", "2001:db8:1::1", link, agent, 0x371451cc8ec2201c},
		{"the same /48", "2001:db8:1:ffff::2", link, agent, 0x371451cc8ec2201c},
		{"another link", "192.0.2.1", link[:10], agent, 0x4dbc7bb726e1b666},
		{"another agent", "192.0.2.1", link, agent[1:], 0xdb215e1fd2102895},
	} {
		if got := visit.Hash(key, test.link, netip.MustParseAddr(test.address).As16(), test.agent); got != test.want {
			t.Errorf("%s: got %#x, want %#x", test.name, got, test.want)
		}
	}
	if visit.Hash(key, link, [16]byte{}, agent) == visit.Hash(key, link[:len(link)-1], [16]byte{}, append(link[len(link)-1:len(link):len(link)], agent...)) {
		t.Error("where the link ends makes no difference")
	}
	key[15]++
	if visit.Hash(key, link, [16]byte{}, agent) == visit.Hash([16]byte(counting(16)), link, [16]byte{}, agent) {
		t.Error("the key makes no difference")
	}
}

// TestHashIsEven holds that shares are met: of visits that differ in one thing
// only, as many as should be fall below 5 %.
func TestHashIsEven(t *testing.T) {
	const visits = 100_000
	below := map[string]int{}
	for i := range uint32(visits) {
		var address [16]byte
		address[10], address[11] = 0xff, 0xff
		binary.BigEndian.PutUint32(address[12:], i<<8)
		number := binary.BigEndian.AppendUint32(nil, i)
		for name, hash := range map[string]uint64{
			"addresses": visit.Hash([16]byte{}, []byte("link"), address, []byte(chromeOnWin)),
			"links":     visit.Hash([16]byte{}, number, [16]byte{}, []byte(chromeOnWin)),
			"agents":    visit.Hash([16]byte{}, []byte("link"), [16]byte{}, number),
		} {
			if uint32(hash>>32)%10_000 < 500 {
				below[name]++
			}
		}
	}
	for name, n := range below { // four standard deviations
		if n < visits/20-276 || n > visits/20+276 {
			t.Errorf("%s: %d of %d are in 5 %%", name, n, visits)
		}
	}
}

func TestHashDoesNotAllocate(t *testing.T) {
	agent := []byte(wechatIOS)
	if n := testing.AllocsPerRun(100, func() { visit.Hash([16]byte{1}, agent[:20], [16]byte{}, agent) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkHash(b *testing.B) {
	address := netip.MustParseAddr("192.0.2.1").As16()
	for name, agent := range map[string]string{"chrome-windows": chromeOnWin, "wechat-ios": wechatIOS} {
		b.Run(name, func(b *testing.B) {
			text, link := []byte(agent), []byte("go.example/hello")
			b.ReportAllocs()
			for b.Loop() {
				visit.Hash([16]byte{1}, link, address, text)
			}
		})
	}
}

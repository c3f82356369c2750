package rules

import (
	"encoding/binary"
	"net/netip"

	"suodi/wasm/abi"
)

// inNetworks generates inCIDR(visit.ip, "…") and of a list.
func (g *generator) inNetworks(a, b value) (code, error) {
	if a.kind != address {
		return nil, g.errorf(a.expr, "not supported: inCIDR of %s", a.kind)
	}
	if b.kind != list {
		return g.inNetwork(b)
	}
	return g.anyOf(b.items, g.inNetwork)
}

// inNetwork generates whether the address is in the network that a literal
// names. IPv4 addresses, which the visit holds as ::ffff:a.b.c.d, are in no
// IPv6 network, and no address, which it holds as ::, is in none at all.
func (g *generator) inNetwork(v value) (code, error) {
	text, ok := v.literalText()
	if !ok {
		return nil, g.errorf(v.expr, "not supported: anything but a network in quotes, such as \"10.0.0.0/8\", here")
	}
	network, message := parseNetwork(text)
	if message != "" {
		return nil, g.errorf(v.expr, "%s", message)
	}
	bits := network.Bits()
	if network.Addr().Is4() {
		bits += 96
	}
	bytes, mask := network.Addr().As16(), [16]byte{}
	for i := range bits {
		mask[i/8] |= 0x80 >> (i % 8)
	}
	var c code
	for i := range 2 {
		want, bits := binary.LittleEndian.Uint64(bytes[8*i:]), binary.LittleEndian.Uint64(mask[8*i:])
		c.add(g.addressWord(i))
		c.i64(int64(bits))
		c.op(opI64And)
		c.i64(int64(want))
		c.op(opI64Eq)
		if i > 0 {
			c.op(opI32And)
		}
	}
	if network.Addr().Is4() {
		return c, nil
	}
	mapped := netip.AddrFrom16([16]byte{10: 0xff, 11: 0xff})
	if network.Contains(mapped) {
		c.add(g.addressWord(0), g.addressWord(1))
		c.i64(0xffffffff)
		c.op(opI64And)
		c.i64(0xffff0000) // bytes 8 to 11: 00 00 ff ff
		c.op(opI64Xor, opI64Or)
		c.i64(0)
		c.op(opI64Ne, opI32And)
	}
	if network.Contains(netip.IPv6Unspecified()) {
		c.add(g.addressWord(0), g.addressWord(1))
		c.op(opI64Or)
		c.i64(0)
		c.op(opI64Ne, opI32And)
	}
	return c, nil
}

func (g *generator) addressWord(i int) code { return g.read(opI64Load, abi.OffIP+uint32(8*i)) }

// parseNetwork reads a network, or an address as the network of that address
// alone, and says what is wrong with it otherwise.
func parseNetwork(text string) (network netip.Prefix, message string) {
	network, err := netip.ParsePrefix(text)
	if err != nil {
		single, err := netip.ParseAddr(text)
		if err != nil || single.Zone() != "" {
			return network, quote(text) + " is no network; want one such as \"10.0.0.0/8\" or \"2001:db8::/32\""
		}
		network = netip.PrefixFrom(single, single.BitLen())
	}
	if a := network.Addr(); a.Is4In6() && network.Bits() >= 96 {
		network = netip.PrefixFrom(a.Unmap(), network.Bits()-96)
	}
	if masked := network.Masked(); masked != network {
		return network, quote(text) + " has bits behind its length; did you mean \"" + masked.String() + "\"?"
	}
	return network, ""
}

package feed

import (
	"suodi/control/feed/feedpb"
	"suodi/wasm/visit"
)

// ToEntry and FromEntry translate between an entry of the platform catalog and
// its message.
func ToEntry(p *feedpb.Platform) visit.Entry {
	e := visit.Entry{
		Number: uint8(p.GetNumber()), ID: p.GetId(), Zh: p.GetZh(), En: p.GetEn(), Kind: visit.Kind(p.GetKind()),
		Order: int(p.GetOrder()), Packages: p.GetPackages(), Retired: p.GetRetired(),
	}
	for _, m := range p.GetMatch() {
		e.Match = append(e.Match, visit.Alternative{Prefix: m.GetPrefix(), All: m.GetAll(), None: m.GetNone()})
	}
	return e
}

// FromEntry is the inverse of ToEntry.
func FromEntry(e visit.Entry) *feedpb.Platform {
	p := &feedpb.Platform{
		Number: uint32(e.Number), Id: e.ID, Zh: e.Zh, En: e.En, Kind: string(e.Kind),
		Order: int32(e.Order), Packages: e.Packages, Retired: e.Retired,
	}
	for _, m := range e.Match {
		p.Match = append(p.Match, &feedpb.Alternative{Prefix: m.Prefix, All: m.All, None: m.None})
	}
	return p
}

package rules_test

import (
	"fmt"
	"net/netip"
	"reflect"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// address is a visit's address to cel-go's evaluator.
type address struct{ netip.Addr }

func (a address) ConvertToNative(reflect.Type) (any, error) { return nil, fmt.Errorf("not supported") }
func (a address) ConvertToType(ref.Type) ref.Val            { return types.NewErr("not supported") }
func (a address) Equal(ref.Val) ref.Val                     { return types.NewErr("not supported") }
func (a address) Type() ref.Type                            { return addressType }
func (a address) Value() any                                { return a.Addr }

var addressType = cel.OpaqueType("address")

// in is what inCIDR says, by way of net/netip.
func (a address) in(network ref.Val) bool {
	text := string(network.(types.String))
	p, err := netip.ParsePrefix(text)
	if err != nil {
		one := netip.MustParseAddr(text)
		p = netip.PrefixFrom(one, one.BitLen())
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return !a.IsUnspecified() && p.Contains(a.Unmap())
}

// networks gives inCIDR a meaning.
func networks() cel.EnvOption {
	return cel.Function("inCIDR",
		cel.Overload("in_cidr_string", []*cel.Type{addressType, cel.StringType}, cel.BoolType,
			cel.BinaryBinding(func(a, b ref.Val) ref.Val { return types.Bool(a.(address).in(b)) })),
		cel.Overload("in_cidr_list", []*cel.Type{addressType, cel.ListType(cel.StringType)}, cel.BoolType,
			cel.BinaryBinding(func(a, b ref.Val) ref.Val {
				for it := b.(traits.Lister).Iterator(); it.HasNext() == types.True; {
					if a.(address).in(it.Next()) {
						return types.True
					}
				}
				return types.False
			})))
}

// clock gives hour, weekday and date a meaning, by way of package time.
func clock(name string) cel.EnvOption {
	read := map[string]func(t time.Time) int{
		"hour":    time.Time.Hour,
		"weekday": func(t time.Time) int { return (int(t.Weekday())+6)%7 + 1 },
		"date":    func(t time.Time) int { return t.Year()*10000 + int(t.Month())*100 + t.Day() },
	}[name]
	from, until := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	return cel.Function(name, cel.Overload(name+"_int_string", []*cel.Type{cel.IntType, cel.StringType}, cel.IntType,
		cel.BinaryBinding(func(seconds, zone ref.Val) ref.Val {
			location, err := time.LoadLocation(string(zone.(types.String)))
			at := int64(seconds.(types.Int))
			if err != nil || at < from || at >= until {
				return types.NewErr("%s of %d, zone %v: %v", name, at, zone, err)
			}
			return types.Int(read(time.Unix(at, 0).In(location)))
		})))
}

// lowering gives lowerAscii its meaning: what cel-go's extension for strings
// says of UTF-8; bytes that are none stay what they are.
func lowering() cel.EnvOption {
	return cel.Function("lowerAscii", cel.MemberOverload("string_lower_ascii", []*cel.Type{cel.StringType}, cel.StringType,
		cel.UnaryBinding(func(s ref.Val) ref.Val {
			lower := []byte(s.(types.String))
			for i, b := range lower {
				if b >= 'A' && b <= 'Z' {
					lower[i] = b + 'a' - 'A'
				}
			}
			return types.String(lower)
		})))
}

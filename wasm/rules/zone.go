package rules

import (
	"encoding/binary"
	"time"
	_ "time/tzdata" // so that a control node without zoneinfo files compiles the same

	"cel.dev/cel-go/common/ast"
)

// Time zones are known from zoneFrom up to zoneUntil, in Unix seconds; other
// times are an error of the visit. A zone with two changes a year takes 2.4 KB.
var (
	zoneFrom  = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	zoneUntil = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
)

const (
	secondsPerHour = 3600
	secondsPerDay  = 24 * secondsPerHour
	zoneEntry      = 12 // bytes: when an offset begins to be in force, i64; the offset, i32
)

// zoneTable lists a zone's offsets from UTC and when each came into force, the
// first at zoneFrom.
func zoneTable(zone *time.Location) (table []byte) {
	last := -1
	for at := time.Unix(zoneFrom, 0).In(zone); at.Unix() < zoneUntil; {
		if _, offset := at.Zone(); len(table) == 0 || offset != last {
			table = binary.LittleEndian.AppendUint64(table, uint64(at.Unix()))
			table = binary.LittleEndian.AppendUint32(table, uint32(offset))
			last = offset
		}
		_, end := at.ZoneBounds()
		if end.IsZero() {
			break
		}
		if !end.After(at) { // package time's bound on the last day of leap years (go1.26)
			end = at.Add(time.Second * secondsPerDay)
		}
		at = end
	}
	return table
}

// clock generates hour(time, zone), weekday(time, zone) and date(time, zone).
func (g *generator) clock(e ast.Expr, name string, args []ast.Expr) (value, error) {
	v, err := g.values(args)
	if err != nil {
		return value{}, err
	}
	text, ok := v[1].literalText()
	if !ok {
		return value{}, g.errorf(v[1].expr, "not supported: anything but a time zone in quotes, such as \"Asia/Shanghai\", here")
	}
	zone, err := time.LoadLocation(text)
	if err != nil || text == "" || text == "Local" {
		return value{}, g.errorf(v[1].expr, "unknown time zone %s; want a name of the IANA database such as \"Asia/Shanghai\" or \"UTC\"", quote(text))
	}
	table := zoneTable(zone)
	at, err := g.table(table)
	if err != nil {
		return value{}, g.errorf(e, "%v", err)
	}
	result := value{kind: integer, expr: e}
	c := &result.code
	local := g.temp(i64)
	c.add(v[0].code)
	c.index(opLocalSet, local)
	var outside code
	outside.get(local)
	outside.i64(zoneFrom)
	outside.op(opI64Sub)
	outside.i64(zoneUntil - zoneFrom)
	outside.op(opI64GeU)
	c.add(g.fail(outside))
	c.get(local, local)
	c.i32(int32(at))
	c.i32(int32(len(table) / zoneEntry))
	c.index(opCall, g.helper(helperZone))
	c.op(opI64Add)
	switch name {
	case "hour":
		c.i64(secondsPerDay)
		c.op(opI64RemS)
		c.i64(secondsPerHour)
		c.op(opI64DivS)
	case "weekday": // 1970-01-01 was a Thursday, day 4
		c.i64(secondsPerDay)
		c.op(opI64DivS)
		c.i64(3)
		c.op(opI64Add)
		c.i64(7)
		c.op(opI64RemS)
		c.i64(1)
		c.op(opI64Add)
	default:
		c.i64(secondsPerDay)
		c.op(opI64DivS)
		c.index(opCall, g.helper(helperDate))
	}
	return result, nil
}

// zoneOffset looks for the last entry that begins at or before the time. It
// halves the entries that are left; the one looked for is always among them.
func zoneOffset(f *function) {
	const when, entry, left = 0, 1, 2
	half, next := f.local(i32), f.local(i32)
	c := &f.body
	c.open(opBlock, none)
	c.open(opLoop, none)
	c.get(left)
	c.i32(2)
	c.op(opI32LtU)
	c.index(opBrIf, 1)
	c.get(left, entry, left)
	c.i32(1)
	c.op(opI32ShrU)
	c.index(opLocalTee, half)
	c.i32(zoneEntry)
	c.op(opI32Mul, opI32Add)
	c.index(opLocalSet, next)
	c.get(half)
	c.op(opI32Sub)
	c.index(opLocalSet, left)
	c.get(next, entry, next)
	c.load(opI64Load, 0)
	c.get(when)
	c.op(opI64LeS, opSelect)
	c.index(opLocalSet, entry)
	c.index(opBr, 0)
	c.op(opEnd, opEnd)
	c.get(entry)
	c.load(opI64Load32S, 8)
}

// civil turns days since 1970-01-01, not negative, into a date: Howard Hinnant,
// "chrono-compatible low-level date algorithms", civil_from_days. A year begins
// in March there, so that the leap day is its last.
func civil(f *function) {
	const days = 0
	era, day, year := f.local(i64), f.local(i64), f.local(i64)
	c := &f.body
	push := func(local uint32, ops ...any) { // local, then pairs of operator and operand
		c.get(local)
		for i := 0; i < len(ops); i += 2 {
			c.i64(int64(ops[i+1].(int)))
			c.op(ops[i].(opcode))
		}
	}
	push(days, opI64Add, 719468)
	c.index(opLocalTee, days)
	c.i64(146097)
	c.op(opI64DivS)
	c.index(opLocalSet, era)
	push(days, opI64RemS, 146097)
	c.index(opLocalTee, day) // of the era
	push(day, opI64DivS, 1460)
	c.op(opI64Sub)
	push(day, opI64DivS, 36524)
	c.op(opI64Add)
	push(day, opI64DivS, 146096)
	c.op(opI64Sub)
	c.i64(365)
	c.op(opI64DivS)
	c.index(opLocalSet, year) // of the era
	c.get(day)
	push(year, opI64Mul, 365)
	c.op(opI64Sub)
	push(year, opI64DivS, 4)
	c.op(opI64Sub)
	push(year, opI64DivS, 100)
	c.op(opI64Add)
	c.index(opLocalSet, day) // of the year
	push(era, opI64Mul, 400)
	c.get(year)
	c.op(opI64Add)
	c.index(opLocalSet, year)
	month := era // months since March
	push(day, opI64Mul, 5, opI64Add, 2, opI64DivS, 153)
	c.index(opLocalSet, month)
	// day of the month
	c.get(day)
	push(month, opI64Mul, 153, opI64Add, 2, opI64DivS, 5)
	c.op(opI64Sub)
	c.i64(1)
	c.op(opI64Add)
	// the month, and from January on a year more
	push(month, opI64Add, 3, opI64Mul, 100)
	push(month, opI64Sub, 9, opI64Mul, 100, opI64Add, 10000)
	push(month, opI64LtS, 10)
	c.op(opSelect, opI64Add)
	push(year, opI64Mul, 10000)
	c.op(opI64Add)
}

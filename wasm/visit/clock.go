package visit

import (
	"sync/atomic"
	"time"

	"suodi/wasm/abi"
)

// Clock tells date, hour and weekday in a time zone. It may be used
// concurrently, and remembers the minute: working one out takes some 30 ns,
// which at most one visit a minute needs to wait for.
type Clock struct {
	location *time.Location
	minute   atomic.Uint64 // see pack
}

// What a Clock remembers is one word: minutes since 2000 in 29 bits, then date
// in 27, hour in 5 and weekday in 3.
const (
	clockEpoch  = 946_684_800 // 2000-01-01 00:00 UTC
	clockBits   = 29
	dateBits    = 27
	hourBits    = 5
	weekdayBits = 3
)

// NewClock returns a clock in a time zone; nil means UTC.
func NewClock(location *time.Location) *Clock {
	if location == nil {
		location = time.UTC
	}
	return &Clock{location: location}
}

// Fill sets the time facts of v for seconds since 1970-01-01 UTC, and adds
// abi.FactClock to v.Facts.
func (c *Clock) Fill(v *abi.Visit, unix int64) {
	minute := uint64(unix-clockEpoch) / 60
	word := c.minute.Load()
	if word == 0 || word>>(64-clockBits) != minute {
		word = c.work(unix, minute)
	}
	v.Facts |= abi.FactClock
	v.Time = unix
	v.Weekday = uint8(word & (1<<weekdayBits - 1))
	v.Hour = uint8(word >> weekdayBits & (1<<hourBits - 1))
	v.Date = uint32(word >> (weekdayBits + hourBits) & (1<<dateBits - 1))
}

// work works a minute out. It remembers only minutes that fit and that have the
// same answer from beginning to end: all but those of zones that are not whole
// minutes from UTC, of which there were some before 1973.
func (c *Clock) work(unix int64, minute uint64) uint64 {
	at := time.Unix(unix, 0).In(c.location)
	date := uint64(at.Year()*10_000 + int(at.Month())*100 + at.Day())
	weekday := uint64((at.Weekday()+6)%7 + 1) // Sunday is 7
	word := (date<<hourBits|uint64(at.Hour()))<<weekdayBits | weekday
	if unix < clockEpoch || minute >= 1<<clockBits {
		return word
	}
	word |= minute << (64 - clockBits)
	c.minute.Store(word)
	return word
}

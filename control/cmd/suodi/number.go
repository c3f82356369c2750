package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// grouped writes a number with commas between thousands.
func grouped[N int | int64 | uint64](n N) string {
	digits := strconv.FormatInt(int64(n), 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return sign + digits
}

// count puts a number and a noun together.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return grouped(n) + " " + noun + "s"
}

// span writes a short time in the unit that suits it, with three digits.
func span(d time.Duration) string {
	units := []struct {
		name string
		size float64
	}{{"ns", 1}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}}
	at := 0
	for at < len(units)-1 && float64(d) >= 999.5*units[at].size {
		at++
	}
	value := float64(d) / units[at].size
	decimals := 0
	if at > 0 {
		decimals = max(0, 3-len(strconv.Itoa(int(value))))
	}
	return strconv.FormatFloat(value, 'f', decimals, 64) + " " + units[at].name
}

// parsePercent reads a share in percent, with or without the sign.
func parsePercent(text string) (float64, error) {
	number := strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), "%"))
	share, err := strconv.ParseFloat(number, 64)
	if err != nil || !(share >= 0 && share <= 100) {
		return 0, fmt.Errorf("%q is no share; want percent from 0 to 100, as in 5%%", text)
	}
	return share, nil
}

// showPercent writes a share that is given in percent.
func showPercent(share float64) string { return strconv.FormatFloat(share, 'f', -1, 64) + " %" }

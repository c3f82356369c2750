package main

import (
	"testing"
	"time"
)

func TestNumbersForPeople(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567"} {
		if got := grouped(n); got != want {
			t.Errorf("grouped(%d) = %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "0 ns", 83: "83 ns", 999: "999 ns", 1000: "1.00 µs", 12_345: "12.3 µs", 999_499: "999 µs", 999_600: "1.00 ms", 2 * time.Minute: "120 s",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%d) = %q, want %q", d, got, want)
		}
	}
}

func TestParsePercent(t *testing.T) {
	for text, want := range map[string]float64{"5": 5, "5%": 5, " 0.5 % ": 0.5, "100": 100, "0": 0} {
		if got, err := parsePercent(text); err != nil || got != want {
			t.Errorf("%q: got %v %v", text, got, err)
		}
	}
	for _, text := range []string{"", "%", "five", "-1", "101%", "NaN", "Inf"} {
		if got, err := parsePercent(text); err == nil {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

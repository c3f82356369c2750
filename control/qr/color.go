package qr

import (
	"encoding/hex"
	"fmt"
	"math"
	"strings"
)

// Color is an opaque sRGB colour.
type Color struct{ R, G, B uint8 }

// White and black, which codes have when nothing else is asked for.
var (
	White = Color{0xff, 0xff, 0xff}
	Black = Color{}
)

// ParseColor reads a colour as CSS writes it: #rgb or #rrggbb; the # may be
// missing, as it must be percent-encoded in a query.
func ParseColor(text string) (Color, error) {
	digits := strings.TrimPrefix(text, "#")
	if len(digits) == 3 {
		digits = string([]byte{digits[0], digits[0], digits[1], digits[1], digits[2], digits[2]})
	}
	b, err := hex.DecodeString(digits)
	if err != nil || len(b) != 3 {
		return Color{}, fmt.Errorf("%q is no colour; write #rrggbb, like #1a2b3c", clip(text, 40))
	}
	return Color{b[0], b[1], b[2]}, nil
}

// String returns the colour as #rrggbb.
func (c Color) String() string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// luminance is the relative luminance, 0 to 1 (WCAG 2.2, from IEC 61966-2-1).
func (c Color) luminance() float64 {
	return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
}

func linear(v uint8) float64 {
	x := float64(v) / 255
	if x <= 0.04045 {
		return x / 12.92
	}
	return math.Pow((x+0.055)/1.055, 2.4)
}

// How far the two colours of a code must be apart. ISO/IEC 15415 calls a
// symbol contrast (difference of reflectance) from 0.40 good; the ratio of
// WCAG 2.2, 1.4.11 keeps pairs apart that differ, but only among bright tones.
const (
	minContrast = 0.40
	minRatio    = 3.0
)

// checkContrast refuses colours that scanners do not tell apart.
func checkContrast(dark, light Color) error {
	d, l := dark.luminance(), light.luminance()
	if d > l {
		return fmt.Errorf("dark %s is brighter than light %s, and many scanners read no inverted codes; exchange them", dark, light)
	}
	if ratio := (l + 0.05) / (d + 0.05); l-d < minContrast || ratio < minRatio {
		return fmt.Errorf("dark %s and light %s are too alike for scanners (contrast %.2f and %.1f:1, at least %.2f and %.0f:1); make dark darker or light brighter",
			dark, light, l-d, ratio, minContrast, minRatio)
	}
	return nil
}

// mix returns the colour between c and to; share is that of to, 0 to 255.
func (c Color) mix(to Color, share uint8) Color {
	m := func(a, b uint8) uint8 { return uint8((int(a)*(255-int(share)) + int(b)*int(share) + 127) / 255) }
	return Color{m(c.R, to.R), m(c.G, to.G), m(c.B, to.B)}
}

// clip shortens a text for an error message.
func clip(text string, limit int) string {
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return text
}

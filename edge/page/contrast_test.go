package page_test

import (
	"math"
	"regexp"
	"strconv"
	"testing"

	"suodi/edge/page"
)

// Text must stand out from what is behind it by 4.5:1 (WCAG 2.2, 1.4.3), in
// light and in dark.
func TestContrast(t *testing.T) {
	style := text(one(t, parse(t, set.Render(nil, page.Guide, page.Data{})), "style"))
	themes := regexp.MustCompile(`:root\{([^}]*)\}`).FindAllStringSubmatch(style, -1)
	if len(themes) != 2 {
		t.Fatalf("%d themes, want light and dark", len(themes))
	}
	for _, theme := range themes {
		colours := make(map[string]float64)
		for _, c := range regexp.MustCompile(`--(\w+):#(\w+)`).FindAllStringSubmatch(theme[1], -1) {
			colours[c[1]] = luminance(t, c[2])
		}
		for _, pair := range [][2]string{
			{"ink", "paper"}, {"soft", "paper"}, {"accent", "paper"}, {"ink", "card"}, {"on", "accent"},
		} {
			a, b := colours[pair[0]], colours[pair[1]]
			if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < 4.5 {
				t.Errorf("%s on %s: %.2f", pair[0], pair[1], ratio)
			}
		}
	}
}

// luminance is the relative luminance of a hexadecimal sRGB colour (WCAG 2.2).
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

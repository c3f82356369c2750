package qr

import "github.com/makiuchi-d/gozxing/qrcode/decoder"

// known is a module that has the same tone in every code of its size.
type known struct {
	x, y float64 // its middle, in modules from the top left
	dark bool
}

// minSide and maxSide are the modules a side of versions 1 and 40.
const (
	minSide = 21
	maxSide = 177
)

// knownModules returns the finder patterns with the light around them, the
// timing patterns and the alignment patterns of codes with a side of that many
// modules (ISO/IEC 18004, 6.3).
func knownModules(side int) []known {
	var all []known
	add := func(x, y int, dark bool) { all = append(all, known{float64(x) + 0.5, float64(y) + 0.5, dark}) }
	for _, corner := range [][2]int{{0, 0}, {side - 7, 0}, {0, side - 7}} {
		for y := -1; y <= 7; y++ {
			for x := -1; x <= 7; x++ {
				ring := max(abs(x-3), abs(y-3))
				add(corner[0]+x, corner[1]+y, ring != 2 && ring != 4)
			}
		}
	}
	for i := 8; i < side-8; i++ {
		add(i, 6, i%2 == 0)
		add(6, i, i%2 == 0)
	}
	version, err := decoder.Version_GetProvisionalVersionForDimension(side)
	if err != nil {
		return all
	}
	centers := version.GetAlignmentPatternCenters()
	for _, cy := range centers {
		for _, cx := range centers {
			if cx < 8 && (cy < 8 || cy > side-9) || cy < 8 && cx > side-9 {
				continue // there are the finder patterns
			}
			for y := -2; y <= 2; y++ {
				for x := -2; x <= 2; x++ {
					add(cx+x, cy+y, max(abs(x), abs(y)) != 1)
				}
			}
		}
	}
	return all
}

func abs(n int) int { return max(n, -n) }

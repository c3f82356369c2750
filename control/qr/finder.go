package qr

import (
	"cmp"
	"math"
	"slices"
)

// finder is where a finder pattern may be.
type finder struct {
	x, y float64 // its middle
	size float64 // of a module, in pixels
	hits int     // rows that saw it
}

const (
	// maxSightings bounds the places one bitmap may offer, and maxFinders those
	// that are looked at: a hostile picture can be made of them.
	maxSightings = 2000
	maxFinders   = 96
)

// finders looks for the 1:1:3:1:1 of finder patterns in every row and confirms
// each across the column. Those seen most come first.
func (b *bitmap) finders(stop func() bool) []finder {
	var found []finder
	for y := range b.h {
		if y%64 == 0 && stop() {
			break
		}
		row := b.pix[y*b.w : (y+1)*b.w]
		var runs [5]int // light and dark in turn, the last is dark
		x := 0
		for x < b.w && row[x] == 0 {
			x++
		}
		for x < b.w {
			from := x
			for x < b.w && row[x] != 0 {
				x++
			}
			runs[4] = x - from
			if isFinder(runs) {
				middle := float64(x-runs[4]-runs[3]) - float64(runs[2])/2
				if f, ok := b.confirm(middle, y, runs); ok {
					found = merge(found, f)
					if len(found) >= maxSightings {
						return strongest(found)
					}
				}
			}
			from = x
			for x < b.w && row[x] == 0 {
				x++
			}
			runs[0], runs[1], runs[2], runs[3] = runs[2], runs[3], runs[4], x-from
		}
	}
	return strongest(found)
}

// strongest returns the finders seen most, at most maxFinders. What a single
// row saw is noise: the middle of a finder pattern is three modules high.
func strongest(found []finder) []finder {
	found = slices.DeleteFunc(found, func(f finder) bool { return f.hits < 2 })
	slices.SortStableFunc(found, func(a, b finder) int { return cmp.Compare(b.hits, a.hits) })
	return found[:min(len(found), maxFinders)]
}

// isFinder reports whether five runs are near 1:1:3:1:1.
func isFinder(runs [5]int) bool {
	total := 0
	for _, n := range runs {
		if n == 0 {
			return false
		}
		total += n
	}
	if total < 7 {
		return false
	}
	unit := float64(total) / 7
	// Blur and noise move edges by up to a pixel whatever the size.
	slack := unit/2 + 0.5
	for i, n := range runs {
		want, slack := unit, slack
		if i == 2 {
			want, slack = 3*unit, 2*slack
		}
		if math.Abs(float64(n)-want) > slack {
			return false
		}
	}
	return true
}

// confirm looks at what a row saw across the column, then along the row again
// through the middle found, and along both diagonals.
func (b *bitmap) confirm(middle float64, y int, runs [5]int) (finder, bool) {
	total := runs[0] + runs[1] + runs[2] + runs[3] + runs[4]
	limit := 2 * total
	column, my, ok := b.across(int(middle), y, 0, 1, limit)
	if !ok {
		return finder{}, false
	}
	row, mx, ok := b.across(int(middle), int(my), 1, 0, limit)
	if !ok || 2*column < row || 2*row < column {
		return finder{}, false
	}
	_, _, falling := b.across(int(mx), int(my), 1, 1, limit)
	_, _, rising := b.across(int(mx), int(my), 1, -1, limit)
	if !falling && !rising { // a corner may be damaged
		return finder{}, false
	}
	return finder{x: mx, y: my, size: float64(row+column) / 14, hits: 1}, true
}

// across measures the finder pattern around a dark pixel along a direction:
// its length in steps, and where its middle is on the axis the direction moves
// along (x first).
func (b *bitmap) across(x, y, dx, dy, limit int) (length int, middle float64, ok bool) {
	inside := func(x, y int) bool { return x >= 0 && y >= 0 && x < b.w && y < b.h }
	if !inside(x, y) || !b.dark(x, y) {
		return 0, 0, false
	}
	reach := func(sign, from int) (n [3]int) {
		px, py := x+sign*from*dx, y+sign*from*dy
		for i := range n {
			for inside(px, py) && b.dark(px, py) == (i != 1) && n[i] <= limit {
				n[i]++
				px, py = px+sign*dx, py+sign*dy
			}
		}
		return n
	}
	back, ahead := reach(-1, 1), reach(1, 0)
	runs := [5]int{back[2], back[1], back[0] + ahead[0], ahead[1], ahead[2]}
	if !isFinder(runs) {
		return 0, 0, false
	}
	for _, n := range runs {
		length += n
	}
	at := x
	if dx == 0 {
		at = y
	}
	// The middle of the dark block in the middle, in pixels' edges.
	return length, float64(at) + float64(ahead[0]-back[0])/2, true
}

// merge adds a sighting to the finder it belongs to, or as a new one.
func merge(found []finder, f finder) []finder {
	// The latest are the nearest in rows.
	for i := len(found) - 1; i >= 0; i-- {
		g := &found[i]
		near := 1.5 * max(f.size, g.size)
		if math.Abs(g.x-f.x) > near || math.Abs(g.y-f.y) > near || f.size > 1.6*g.size || g.size > 1.6*f.size {
			continue
		}
		n := float64(g.hits)
		g.x, g.y, g.size = (g.x*n+f.x)/(n+1), (g.y*n+f.y)/(n+1), (g.size*n+f.size)/(n+1)
		g.hits++
		return found
	}
	return append(found, f)
}

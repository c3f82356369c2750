package qr

import "math"

// spill is how blur mixes a module's tone (-1 dark, 1 light) with its
// neighbours': a constant, its own share, that of each of the four beside it
// and of each of the four at its corners.
type spill [4]float64

// unblur decides modules that blur has mixed with their neighbours. How much it
// did is learned from the modules that are known; then each module is decided
// on what is left when its neighbours' share is taken away, again and again
// until nothing changes (decision feedback).
func (g *grid) unblur(modules []float64) (dark []bool, ok bool) {
	levelled := level(modules, g.side, 7)
	tones := make([]float64, len(modules))
	for i, v := range raise(levelled, g.side, 1) {
		tones[i] = math.Copysign(1, v)
	}
	fixed := make([]bool, len(modules))
	for _, m := range g.known {
		x, y := int(math.Floor(m.x)), int(math.Floor(m.y))
		if x < 0 || y < 0 || x >= g.side || y >= g.side {
			continue
		}
		fixed[y*g.side+x] = true
		tones[y*g.side+x] = 1
		if m.dark {
			tones[y*g.side+x] = -1
		}
	}
	s, ok := g.learn(levelled, tones, fixed)
	if !ok {
		return nil, false
	}
	for range 12 {
		changed := false
		for i, v := range levelled {
			if fixed[i] {
				continue
			}
			beside, corners := g.around(tones, i)
			tone := math.Copysign(1, v-s[0]-s[2]*beside-s[3]*corners)
			changed = changed || tone != tones[i]
			tones[i] = tone
		}
		if !changed {
			break
		}
	}
	dark = make([]bool, len(tones))
	for i, tone := range tones {
		dark[i] = tone < 0
	}
	return dark, true
}

// around sums the tones beside and at the corners of module i; outside of the
// code all is light.
func (g *grid) around(tones []float64, i int) (beside, corners float64) {
	x, y := i%g.side, i/g.side
	for dy := -1; dy <= 1; dy++ {
		for dx := -1; dx <= 1; dx++ {
			tone := 1.0
			if x+dx >= 0 && y+dy >= 0 && x+dx < g.side && y+dy < g.side {
				tone = tones[(y+dy)*g.side+x+dx]
			}
			switch dx*dx + dy*dy {
			case 1:
				beside += tone
			case 2:
				corners += tone
			}
		}
	}
	return beside, corners
}

// learn finds the spill that explains the known modules best (least squares).
func (g *grid) learn(levelled, tones []float64, fixed []bool) (s spill, ok bool) {
	var normal [4][5]float64
	for i, is := range fixed {
		if !is {
			continue
		}
		beside, corners := g.around(tones, i)
		row := [5]float64{1, tones[i], beside, corners, levelled[i]}
		for a := range normal {
			for b := range row {
				normal[a][b] += row[a] * row[b]
			}
		}
	}
	// Gauss-Jordan; the matrix is positive definite unless modules are missing.
	for a := range normal {
		if pivot := normal[a][a]; math.Abs(pivot) < 1e-9 {
			return s, false
		}
		for b := range normal {
			if a == b {
				continue
			}
			f := normal[b][a] / normal[a][a]
			for k := range normal[b] {
				normal[b][k] -= f * normal[a][k]
			}
		}
	}
	for a := range s {
		s[a] = normal[a][4] / normal[a][a]
	}
	return s, s[1] > 0
}

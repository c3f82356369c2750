package qr

// bitmap is a picture cut into dark (1) and light (0), by row.
type bitmap struct {
	w, h int
	pix  []uint8
}

func (b *bitmap) dark(x, y int) bool { return b.pix[y*b.w+x] != 0 }

// adaptive cuts a picture against the mean of the pixels within r of each
// (Bradley and Roth, Adaptive Thresholding using the Integral Image, 2007). A
// pixel is dark from bias below the mean on.
func (l *luma) adaptive(r, bias int) *bitmap {
	b := &bitmap{l.w, l.h, make([]uint8, l.w*l.h)}
	sums := newIntegral(l)
	for y := range l.h {
		for x := range l.w {
			if int(l.pix[y*l.w+x])+bias < sums.mean(x, y, r) {
				b.pix[y*l.w+x] = 1
			}
		}
	}
	return b
}

// global cuts a picture at one brightness: the one that keeps dark and light
// furthest apart (Otsu, A Threshold Selection Method from Gray-Level
// Histograms, 1979).
func (l *luma) global() *bitmap {
	var counts [256]int
	total := 0
	for _, v := range l.pix {
		counts[v]++
		total += int(v)
	}
	cut, best, below, sum := 0, -1.0, 0, 0
	for v, n := range counts {
		below += n
		sum += v * n
		if above := len(l.pix) - below; below > 0 && above > 0 {
			apart := float64(sum)/float64(below) - float64(total-sum)/float64(above)
			if spread := apart * apart * float64(below) * float64(above); spread > best {
				cut, best = v, spread
			}
		}
	}
	b := &bitmap{l.w, l.h, make([]uint8, l.w*l.h)}
	for i, v := range l.pix {
		if int(v) <= cut {
			b.pix[i] = 1
		}
	}
	return b
}

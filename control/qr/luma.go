package qr

import (
	"image"
	"image/color"
)

// luma is a grey picture, 0 black to 255 white, by row.
type luma struct {
	w, h int
	pix  []uint8
}

func newLuma(w, h int) *luma { return &luma{w, h, make([]uint8, w*h)} }

// toLuma returns a picture's brightness; what is transparent shows the ground
// behind. It also reports whether anything is.
func toLuma(m image.Image, ground uint8) (l *luma, transparent bool) {
	b := m.Bounds()
	l = newLuma(b.Dx(), b.Dy())
	over := func(grey, alpha uint32) uint8 {
		transparent = transparent || alpha != 0xff
		return uint8((grey*alpha + uint32(ground)*(255-alpha) + 127) / 255)
	}
	// Palettes are short: their brightness is worked out once.
	var palette [256]uint8
	if p, ok := m.(*image.Paletted); ok {
		for i, entry := range p.Palette[:min(len(p.Palette), len(palette))] {
			c := color.NRGBAModel.Convert(entry).(color.NRGBA)
			palette[i] = over(grey(c.R, c.G, c.B), uint32(c.A))
		}
	}
	for y := range l.h {
		row := l.pix[y*l.w : (y+1)*l.w]
		switch m := m.(type) {
		case *image.Gray:
			copy(row, m.Pix[m.PixOffset(b.Min.X, b.Min.Y+y):])
		case *image.YCbCr:
			copy(row, m.Y[m.YOffset(b.Min.X, b.Min.Y+y):])
		case *image.Paletted:
			pix := m.Pix[m.PixOffset(b.Min.X, b.Min.Y+y):]
			for x := range row {
				row[x] = palette[pix[x]]
			}
		case *image.NRGBA:
			pix := m.Pix[m.PixOffset(b.Min.X, b.Min.Y+y):]
			for x := range row {
				p := pix[4*x : 4*x+4]
				row[x] = over(grey(p[0], p[1], p[2]), uint32(p[3]))
			}
		default:
			for x := range row {
				c := color.NRGBAModel.Convert(m.At(b.Min.X+x, b.Min.Y+y)).(color.NRGBA)
				row[x] = over(grey(c.R, c.G, c.B), uint32(c.A))
			}
		}
	}
	return l, transparent
}

// grey is the brightness of a colour (ITU-R BT.601), as JPEG has it.
func grey(r, g, b uint8) uint32 { return (299*uint32(r) + 587*uint32(g) + 114*uint32(b) + 500) / 1000 }

// smaller returns the picture at 1/n of its size, each pixel the mean of n × n.
func (l *luma) smaller(n int) *luma {
	if n <= 1 {
		return l
	}
	s := newLuma(max(1, l.w/n), max(1, l.h/n))
	n = min(n, l.w, l.h)
	sums := make([]uint32, s.w)
	for y := range s.h {
		clear(sums)
		for row := range n {
			from := l.pix[(y*n+row)*l.w:]
			for x := range sums {
				var sum uint32
				for _, v := range from[x*n : (x+1)*n] {
					sum += uint32(v)
				}
				sums[x] += sum
			}
		}
		for x, sum := range sums {
			s.pix[y*s.w+x] = uint8(sum / uint32(n*n))
		}
	}
	return s
}

// larger returns the picture at twice its size, interpolated.
func (l *luma) larger() *luma {
	s := newLuma(2*l.w, 2*l.h)
	for y := range s.h {
		for x := range s.w {
			s.pix[y*s.w+x] = uint8(l.at(float64(x)/2+0.25, float64(y)/2+0.25) + 0.5)
		}
	}
	return s
}

// at interpolates between pixels; 0.5 is the first one's middle. Outside of the
// picture its border goes on.
func (l *luma) at(x, y float64) float64 {
	x, y = x-0.5, y-0.5
	if !(x > 0) { // NaN too
		x = 0
	}
	if !(y > 0) {
		y = 0
	}
	x, y = min(x, float64(l.w-1)), min(y, float64(l.h-1))
	x0, y0 := int(x), int(y)
	fx, fy := x-float64(x0), y-float64(y0)
	x1, y1 := min(x0+1, l.w-1), min(y0+1, l.h-1)
	top, bottom := l.pix[y0*l.w:], l.pix[y1*l.w:]
	a := float64(top[x0])*(1-fx) + float64(top[x1])*fx
	b := float64(bottom[x0])*(1-fx) + float64(bottom[x1])*fx
	return a*(1-fy) + b*fy
}

// inverted returns the picture with dark and light exchanged.
func (l *luma) inverted() *luma {
	s := newLuma(l.w, l.h)
	for i, v := range l.pix {
		s.pix[i] = 255 - v
	}
	return s
}

// smoothed returns the picture with each pixel the mean of (2r+1)² around it.
func (l *luma) smoothed(r int) *luma {
	s := newLuma(l.w, l.h)
	sums := newIntegral(l)
	for y := range l.h {
		for x := range l.w {
			s.pix[y*l.w+x] = uint8(sums.mean(x, y, r))
		}
	}
	return s
}

// sharpened returns the picture with edges raised against the surroundings of
// radius r.
func (l *luma) sharpened(r int) *luma {
	s := newLuma(l.w, l.h)
	sums := newIntegral(l)
	for y := range l.h {
		for x := range l.w {
			v := int(l.pix[y*l.w+x])
			s.pix[y*l.w+x] = uint8(min(max(v+2*(v-sums.mean(x, y, r)), 0), 255))
		}
	}
	return s
}

// contrast is how far apart the picture's dark and bright parts are: the
// difference between the levels that a twentieth of the pixels is below and
// above.
func (l *luma) contrast() float64 {
	var counts [256]int
	for _, v := range l.pix {
		counts[v]++
	}
	part := len(l.pix) / 20
	low, high := 0, 255
	for n := counts[0]; n <= part && low < 255; n += counts[low] {
		low++
	}
	for n := counts[255]; n <= part && high > low; n += counts[high] {
		high--
	}
	return float64(high - low)
}

// flat reports whether all pixels are equal.
func (l *luma) flat() bool {
	for _, v := range l.pix {
		if v != l.pix[0] {
			return false
		}
	}
	return true
}

// integral has the sum of all pixels above and left of each corner. Sums wrap
// round; their differences do not, as no window has 2^24 pixels of 255.
type integral struct {
	w, h int
	sums []uint32 // (w+1) × (h+1)
}

func newIntegral(l *luma) *integral {
	s := &integral{l.w, l.h, make([]uint32, (l.w+1)*(l.h+1))}
	for y := range l.h {
		var row uint32
		above, here := s.sums[y*(l.w+1):], s.sums[(y+1)*(l.w+1):]
		for x, v := range l.pix[y*l.w : (y+1)*l.w] {
			row += uint32(v)
			here[x+1] = above[x+1] + row
		}
	}
	return s
}

// mean returns the mean of the pixels within r of x, y in each direction.
func (s *integral) mean(x, y, r int) int {
	x0, y0, x1, y1 := max(x-r, 0), max(y-r, 0), min(x+r+1, s.w), min(y+r+1, s.h)
	w := s.w + 1
	sum := s.sums[y1*w+x1] - s.sums[y0*w+x1] - s.sums[y1*w+x0] + s.sums[y0*w+x0]
	return int(sum / uint32((x1-x0)*(y1-y0)))
}

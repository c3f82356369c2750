package qr

import "math"

// point is a place in a picture, in pixels; 0.5 is the first one's middle.
type point struct{ x, y float64 }

func (p point) plus(q point, times float64) point { return point{p.x + times*q.x, p.y + times*q.y} }
func (p point) minus(q point) point               { return point{p.x - q.x, p.y - q.y} }
func (p point) length() float64                   { return math.Hypot(p.x, p.y) }
func (p point) cross(q point) float64             { return p.x*q.y - p.y*q.x }

// quad is a perspective: where the corners of a code's inner square are, which
// the middles of its finder patterns span. Top left, top right, bottom right,
// bottom left.
type quad [4]point

// projection takes the unit square to a quad (Heckbert, Fundamentals of Texture
// Mapping and Image Warping, 1989, 2.2.3).
type projection struct{ a, b, c, d, e, f, g, h float64 }

func (q quad) projection() projection {
	s := point{q[0].x - q[1].x + q[2].x - q[3].x, q[0].y - q[1].y + q[2].y - q[3].y}
	d1, d2 := q[1].minus(q[2]), q[3].minus(q[2])
	det := d1.cross(d2)
	g, h := s.cross(d2)/det, d1.cross(s)/det
	return projection{
		q[1].x - q[0].x + g*q[1].x, q[3].x - q[0].x + h*q[3].x, q[0].x,
		q[1].y - q[0].y + g*q[1].y, q[3].y - q[0].y + h*q[3].y, q[0].y,
		g, h,
	}
}

func (p *projection) at(u, v float64) (x, y float64) {
	w := p.g*u + p.h*v + 1
	return (p.a*u + p.b*v + p.c) / w, (p.d*u + p.e*v + p.f) / w
}

// grid is a code's modules laid over a picture.
type grid struct {
	side    int
	picture *luma
	corners quad
	known   []known
}

// inner maps a module's coordinate to the unit square.
func (g *grid) inner(v float64) float64 { return (v - 3.5) / float64(g.side-7) }

// fit is how much brighter the modules known to be light are than those known
// to be dark, in levels of grey, were the corners at q. Points spread around
// each module's middle tell how well they are centred.
func (g *grid) fit(q quad, spread float64) float64 {
	p := q.projection()
	var sum [2]float64
	var count [2]int
	offsets := [4]point{{-spread, -spread}, {spread, -spread}, {-spread, spread}, {spread, spread}}
	n := len(offsets)
	if spread == 0 {
		n = 1
	}
	for _, m := range g.known {
		tone := 0
		if m.dark {
			tone = 1
		}
		for _, o := range offsets[:n] {
			x, y := p.at(g.inner(m.x+o.x), g.inner(m.y+o.y))
			sum[tone] += g.picture.at(x, y)
		}
		count[tone] += n
	}
	return sum[0]/float64(count[0]) - sum[1]/float64(count[1])
}

// place puts the corners where a code without perspective has them, three of
// which are the middles of finder patterns, and moves the fourth to where the
// grid fits best. It returns the fit.
func (g *grid) place(topLeft, topRight, bottomLeft point) float64 {
	// Of large codes every seventh module will do.
	const many, step = 500, 7
	if all := g.known; len(all) > many {
		g.known = nil
		for i := 0; i < len(all); i += step {
			g.known = append(g.known, all[i])
		}
		defer func() { g.known = all }()
	}
	steps := float64(g.side - 7)
	across, down := topRight.minus(topLeft), bottomLeft.minus(topLeft)
	square := topRight.plus(down, 1)
	g.corners = quad{topLeft, topRight, square, bottomLeft}
	best := g.fit(g.corners, 0)
	// Perspective moves the corner by up to a quarter of the side.
	reach := math.Min(math.Ceil(0.25*steps), 14)
	for i := -reach; i <= reach; i++ {
		for j := -reach; j <= reach; j++ {
			q := g.corners
			q[2] = square.plus(across, i/steps).plus(down, j/steps)
			if f := g.fit(q, 0); f > best {
				best, g.corners = f, q
			}
		}
	}
	return best
}

// settle moves all corners while the grid fits better for it, and returns the
// fit.
func (g *grid) settle() float64 {
	across, down := g.corners[1].minus(g.corners[0]), g.corners[3].minus(g.corners[0])
	unit := (across.length() + down.length()) / 2 / float64(g.side-7)
	best := g.fit(g.corners, 0.25)
	for step := unit / 2; step > unit/20; step /= 2 {
		for range 3 {
			before := best
			for corner := range g.corners {
				for _, move := range []point{{step, 0}, {-step, 0}, {0, step}, {0, -step}} {
					q := g.corners
					q[corner] = q[corner].plus(move, 1)
					if f := g.fit(q, 0.25); f > best {
						best, g.corners = f, q
					}
				}
			}
			if best == before {
				break
			}
		}
	}
	return best
}

// sample returns the brightness of each module, by row: the mean of nine points
// around its middle.
func (g *grid) sample() []float64 {
	p := g.corners.projection()
	modules := make([]float64, g.side*g.side)
	const apart = 0.22
	for i := range modules {
		sum := 0.0
		for k := range 9 {
			x, y := p.at(g.inner(float64(i%g.side)+0.5+float64(k%3-1)*apart), g.inner(float64(i/g.side)+0.5+float64(k/3-1)*apart))
			sum += g.picture.at(x, y)
		}
		modules[i] = sum / 9
	}
	return modules
}

// outline returns the corners of the whole code.
func (g *grid) outline() (q quad) {
	p := g.corners.projection()
	low, high := g.inner(0), g.inner(float64(g.side))
	for i, c := range [4]point{{low, low}, {high, low}, {high, high}, {low, high}} {
		q[i].x, q[i].y = p.at(c.x, c.y)
	}
	return q
}

// inside reports whether a point is in the quad, which is convex and clockwise
// in pictures.
func (q quad) inside(p point) bool {
	for i := range q {
		if q[(i+1)%4].minus(q[i]).cross(p.minus(q[i])) < 0 {
			return false
		}
	}
	return true
}

// scaled returns the quad in a picture of another size.
func (q quad) scaled(by float64) quad {
	for i := range q {
		q[i] = point{q[i].x * by, q[i].y * by}
	}
	return q
}

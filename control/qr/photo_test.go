package qr_test

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"testing"

	"suodi/control/qr"
)

// photo is how a code is photographed.
type photo struct {
	text    string
	options qr.Options
	module  float64 // pixels of a module
	turn    float64 // radians
	tilt    float64 // how far corners move, as a share of the side
	blur    float64 // of a Gaussian, in modules
	noise   float64 // standard deviation, in levels of grey
	shade   float64 // brightness lost across the picture, 0 to 1
	quality int     // of the JPEG
	seed    uint64
}

// photos are n photographs, always the same ones.
func photos(n int) []photo {
	r := rand.New(rand.NewPCG(2026, 11))
	all := make([]photo, n)
	for i := range all {
		text := fmt.Sprintf("https://go.example.com/%x", r.Uint32())
		if i%3 == 1 {
			text += fmt.Sprintf("?utm_source=poster&utm_medium=print&utm_campaign=%x&_s=%d", r.Uint64(), i)
		}
		all[i] = photo{
			text: text,
			options: qr.Options{
				Level: qr.L + qr.Level(r.IntN(4)),
				Style: qr.Square + qr.Style(r.IntN(3)),
			},
			module:  2.5 + 6*r.Float64(),
			turn:    2 * math.Pi * r.Float64(),
			tilt:    0.16 * r.Float64(),
			blur:    0.6 * r.Float64(),
			noise:   24 * r.Float64(),
			shade:   0.75 * r.Float64(),
			quality: 35 + r.IntN(60),
			seed:    r.Uint64(),
		}
	}
	return all
}

// take draws the photograph: the code on paper, seen in perspective on a
// mottled ground, unevenly lit, blurred, noisy and as JPEG.
func (p photo) take(t testing.TB) []byte {
	t.Helper()
	p.options.Size = 800
	code, err := qr.Encode(p.text, p.options)
	if err != nil {
		t.Fatal(err)
	}
	paper := grey(code.Image())
	whole := float64(code.Modules()+8) * p.module
	side := int(whole*1.7) + 60
	r := rand.New(rand.NewPCG(p.seed, 1))
	// Where the paper's corners are in the picture.
	var corners [4][2]float64
	for i, c := range [4][2]float64{{-1, -1}, {1, -1}, {1, 1}, {-1, 1}} {
		x, y := c[0]*whole/2, c[1]*whole/2
		x += p.tilt * whole * (2*r.Float64() - 1)
		y += p.tilt * whole * (2*r.Float64() - 1)
		corners[i] = [2]float64{
			float64(side)/2 + x*math.Cos(p.turn) - y*math.Sin(p.turn),
			float64(side)/2 + x*math.Sin(p.turn) + y*math.Cos(p.turn),
		}
	}
	toPaper := inverse(squareTo(corners))
	light := make([]float64, side*side)
	angle := 2 * math.Pi * r.Float64()
	for i := range light {
		const grid = 3
		sum := 0.0
		for k := range grid * grid {
			x := float64(i%side) + (float64(k%grid)+0.5)/grid
			y := float64(i/side) + (float64(k/grid)+0.5)/grid
			u, v := toPaper.at(x, y)
			if u >= 0 && v >= 0 && u < 1 && v < 1 {
				sum += 20 + 220*float64(paper.GrayAt(int(u*800), int(v*800)).Y)/255
			} else {
				sum += 120 + 50*math.Sin(x/17)*math.Cos(y/23)
			}
		}
		along := 0.5 + ((float64(i%side)/float64(side)-0.5)*math.Cos(angle)+(float64(i/side)/float64(side)-0.5)*math.Sin(angle))/math.Sqrt2
		light[i] = sum / (grid * grid) * (1 - p.shade*along)
	}
	light = gauss(light, side, p.blur*p.module)
	m := image.NewGray(image.Rect(0, 0, side, side))
	for i, v := range light {
		m.Pix[i] = uint8(min(max(v+p.noise*r.NormFloat64(), 0), 255))
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: p.quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func grey(m image.Image) *image.Gray {
	g := image.NewGray(m.Bounds())
	for y := m.Bounds().Min.Y; y < m.Bounds().Max.Y; y++ {
		for x := m.Bounds().Min.X; x < m.Bounds().Max.X; x++ {
			g.Set(x, y, m.At(x, y))
		}
	}
	return g
}

// gauss blurs a square picture.
func gauss(pix []float64, side int, sigma float64) []float64 {
	if sigma < 0.1 {
		return pix
	}
	radius := int(3*sigma) + 1
	weights := make([]float64, 2*radius+1)
	total := 0.0
	for i := range weights {
		d := float64(i - radius)
		weights[i] = math.Exp(-d * d / (2 * sigma * sigma))
		total += weights[i]
	}
	pass := func(from []float64, step, lines int) []float64 {
		to := make([]float64, len(from))
		for line := range side {
			for i := range side {
				sum := 0.0
				for k, w := range weights {
					j := min(max(i+k-radius, 0), side-1)
					sum += w * from[line*lines+j*step]
				}
				to[line*lines+i*step] = sum / total
			}
		}
		return to
	}
	return pass(pass(pix, 1, side), side, 1)
}

// matrix is a projection of the plane, by row.
type matrix [9]float64

func (m matrix) at(x, y float64) (u, v float64) {
	w := m[6]*x + m[7]*y + m[8]
	return (m[0]*x + m[1]*y + m[2]) / w, (m[3]*x + m[4]*y + m[5]) / w
}

// squareTo takes the unit square to four corners, clockwise from the top left.
func squareTo(c [4][2]float64) matrix {
	sx, sy := c[0][0]-c[1][0]+c[2][0]-c[3][0], c[0][1]-c[1][1]+c[2][1]-c[3][1]
	ax, ay, bx, by := c[1][0]-c[2][0], c[1][1]-c[2][1], c[3][0]-c[2][0], c[3][1]-c[2][1]
	det := ax*by - bx*ay
	g, h := (sx*by-bx*sy)/det, (ax*sy-sx*ay)/det
	return matrix{
		c[1][0] - c[0][0] + g*c[1][0], c[3][0] - c[0][0] + h*c[3][0], c[0][0],
		c[1][1] - c[0][1] + g*c[1][1], c[3][1] - c[0][1] + h*c[3][1], c[0][1],
		g, h, 1,
	}
}

// inverse returns the inverse but for a factor, which projections ignore.
func inverse(m matrix) matrix {
	return matrix{
		m[4]*m[8] - m[5]*m[7], m[2]*m[7] - m[1]*m[8], m[1]*m[5] - m[2]*m[4],
		m[5]*m[6] - m[3]*m[8], m[0]*m[8] - m[2]*m[6], m[2]*m[3] - m[0]*m[5],
		m[3]*m[7] - m[4]*m[6], m[1]*m[6] - m[0]*m[7], m[0]*m[4] - m[1]*m[3],
	}
}

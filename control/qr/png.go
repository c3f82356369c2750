package qr

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"

	"golang.org/x/image/draw"
)

// tones is the last of the palette's tones between light (0) and dark.
const tones = 15

// PNG draws the code as a picture of exactly Options.Size pixels a side.
func (c *Code) PNG(w io.Writer) error {
	e := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := e.Encode(w, c.Image()); err != nil {
		return fmt.Errorf("write png: %w", err)
	}
	return nil
}

// Image draws the code into memory.
func (c *Code) Image() image.Image {
	size := c.options.Size
	// Two colours, or sixteen where edges are smoothed: small files.
	palette := color.Palette{nrgba(c.options.Light), nrgba(c.options.Dark)}
	if c.options.Style != Square {
		palette = palette[:0]
		for tone := range tones + 1 {
			palette = append(palette, nrgba(c.options.Light.mix(c.options.Dark, uint8(tone*255/tones))))
		}
	}
	picture := image.NewPaletted(image.Rect(0, 0, size, size), palette)
	px, origin := c.pixels()
	stamps := c.newStamps(px)
	for y := range c.side {
		for x := range c.side {
			if !c.shown(x, y) {
				continue
			}
			stamp := stamps.of(c.shape(x, y))
			for row := range px {
				at := picture.PixOffset(origin+x*px, origin+y*px+row)
				copy(picture.Pix[at:at+px], stamp[row*px:])
			}
		}
	}
	if c.logo == 0 {
		return picture
	}
	full := image.NewNRGBA(picture.Bounds())
	draw.Draw(full, full.Bounds(), picture, image.Point{}, draw.Src)
	// Half a module stays light around the logo.
	side := c.logo*px - px
	at := origin + (c.side-c.logo)/2*px + px/2
	draw.Draw(full, image.Rect(at, at, at+side, at+side), c.fitted(side), image.Point{}, draw.Src)
	return full
}

// pixels returns the pixels of a module and where the first one begins.
func (c *Code) pixels() (px, origin int) {
	px = c.options.Size / (c.side + 2*c.options.Margin)
	return px, (c.options.Size - px*c.side) / 2
}

// shape is how a dark module is drawn: which corners are rounded, or a disc.
type shape uint8

const (
	roundTopLeft shape = 1 << iota
	roundTopRight
	roundBottomLeft
	roundBottomRight
	disc
)

// shape returns how the dark module at x, y is drawn. A corner is rounded where
// neither neighbour beside it is dark.
func (c *Code) shape(x, y int) (s shape) {
	if c.options.Style == Square {
		return 0
	}
	if c.options.Style == Dots && !c.inFinder(x, y) {
		return disc
	}
	left, right, up, down := c.shown(x-1, y), c.shown(x+1, y), c.shown(x, y-1), c.shown(x, y+1)
	for _, corner := range []struct {
		shape
		open bool
	}{
		{roundTopLeft, !left && !up},
		{roundTopRight, !right && !up},
		{roundBottomLeft, !left && !down},
		{roundBottomRight, !right && !down},
	} {
		if corner.open {
			s |= corner.shape
		}
	}
	return s
}

// discRadius is the radius of a disc in modules: large enough that scanners
// that look at a module's middle and those that average it agree.
const discRadius = 0.46

// covers reports whether a point of the module, 0 to 1 from its top left, is
// dark.
func (s shape) covers(x, y float64) bool {
	dx, dy := x-0.5, y-0.5
	far := dx*dx + dy*dy
	switch {
	case s == disc:
		return far <= discRadius*discRadius
	case s&roundTopLeft != 0 && dx < 0 && dy < 0, s&roundTopRight != 0 && dx > 0 && dy < 0,
		s&roundBottomLeft != 0 && dx < 0 && dy > 0, s&roundBottomRight != 0 && dx > 0 && dy > 0:
		return far <= 0.25
	}
	return true
}

// stamps are modules drawn once for each shape, as palette indexes.
type stamps struct {
	px    int
	full  uint8
	drawn [disc + 1][]uint8
}

func (c *Code) newStamps(px int) *stamps {
	s := &stamps{px: px, full: 1}
	if c.options.Style != Square {
		s.full = tones
	}
	return s
}

// of returns the stamp of a shape, each pixel sampled at 16 points.
func (s *stamps) of(shape shape) []uint8 {
	if s.drawn[shape] != nil {
		return s.drawn[shape]
	}
	const grid = 4
	stamp := make([]uint8, s.px*s.px)
	for i := range stamp {
		hits := 0
		for k := range grid * grid {
			x := (float64(i%s.px) + (float64(k%grid)+0.5)/grid) / float64(s.px)
			y := (float64(i/s.px) + (float64(k/grid)+0.5)/grid) / float64(s.px)
			if shape.covers(x, y) {
				hits++
			}
		}
		stamp[i] = uint8(hits * int(s.full) / (grid * grid))
	}
	s.drawn[shape] = stamp
	return stamp
}

func nrgba(c Color) color.NRGBA { return color.NRGBA{c.R, c.G, c.B, 0xff} }

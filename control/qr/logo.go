package qr

import (
	"image"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode/decoder"
	"golang.org/x/image/draw"
)

// minLogo is the smallest square that a logo is drawn in, in modules.
const minLogo = 3

// fitLogo returns the side of the square for the logo, in modules. It may hide
// half of what the error correction restores, so that the other half is left
// for dirt and light; and it is tried, with every module under it wrong, as a
// logo could have it.
func (c *Code) fitLogo() (int, error) {
	largest := 0
	for n := 1; n <= c.side; n += 2 { // sides are odd: 17 + 4 × version
		if share := float64(n*n) / float64(c.side*c.side); share > recovery[c.options.Level]/2 || !c.survives(n) {
			break
		}
		largest = n
	}
	if largest < minLogo {
		return 0, refuse("logo", "level %s leaves no room for one in this code; give level Q or H", c.options.Level)
	}
	if c.options.LogoShare == 0 {
		return largest, nil
	}
	n := c.side * c.options.LogoShare / 100
	if n%2 == 0 {
		n--
	}
	switch {
	case n > largest:
		return 0, refuse("logo", "%d percent of the side is more than level %s restores; give at most %d, or a higher level",
			c.options.LogoShare, c.options.Level, (100*largest+c.side-1)/c.side)
	case n < minLogo:
		return 0, refuse("logo", "%d percent is too small to be seen; give at least %d", c.options.LogoShare, (100*minLogo+c.side-1)/c.side)
	}
	return n, nil
}

// survives reports whether the code reads when every module of the square with
// n modules in the middle is wrong.
func (c *Code) survives(n int) bool {
	bits, err := gozxing.NewSquareBitMatrix(c.side)
	if err != nil {
		return false
	}
	first := (c.side - n) / 2
	for y := range c.side {
		for x := range c.side {
			hidden := x >= first && y >= first && x < first+n && y < first+n
			if c.Dark(x, y) != hidden {
				bits.Set(x, y)
			}
		}
	}
	read, err := decoder.NewDecoder().Decode(bits, textHints)
	return err == nil && read.GetText() == c.text
}

// fitted returns the logo scaled into a square of side pixels, its proportions
// kept, on the code's light colour.
func (c *Code) fitted(side int) *image.NRGBA {
	square := image.NewNRGBA(image.Rect(0, 0, side, side))
	light := c.options.Light
	draw.Draw(square, square.Bounds(), image.NewUniform(nrgba(light)), image.Point{}, draw.Src)
	w, h := side, side
	if size := c.options.Logo.Bounds().Size(); size.X > size.Y {
		h = max(1, side*size.Y/size.X)
	} else if size.Y > size.X {
		w = max(1, side*size.X/size.Y)
	}
	at := image.Rect((side-w)/2, (side-h)/2, (side-w)/2+w, (side-h)/2+h)
	draw.CatmullRom.Scale(square, at, c.options.Logo, c.options.Logo.Bounds(), draw.Over, nil)
	return square
}

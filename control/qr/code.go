package qr

import (
	"fmt"
	"unicode/utf8"

	"github.com/makiuchi-d/gozxing/qrcode/decoder"
	"github.com/makiuchi-d/gozxing/qrcode/encoder"
)

// Code is a text as a QR code, ready to be drawn. It does not change.
type Code struct {
	text    string
	options Options // with defaults, valid
	side    int     // modules
	dark    []bool  // by row
	logo    int     // modules of the square in the middle left to the logo
}

// Encode makes a code of a text: at most some 2,950 bytes at level L and 1,270
// at H. Non-ASCII text is UTF-8 without a charset mark, as scanners expect it.
// Errors are an *OptionError.
func Encode(text string, options Options) (*Code, error) {
	o := options.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	if text == "" {
		return nil, refuse("text", "is empty; give what the code shall say")
	}
	if !utf8.ValidString(text) {
		return nil, refuse("text", "is not valid UTF-8")
	}
	made, tooLong := encoder.Encoder_encodeWithoutHint(text, zxingLevels[o.Level])
	if tooLong != nil {
		return nil, refuse("text", "%d bytes do not fit one code at level %s; shorten it or lower the level", len(text), o.Level)
	}
	matrix := made.GetMatrix()
	c := &Code{text: text, options: o, side: matrix.GetWidth()}
	c.dark = make([]bool, c.side*c.side)
	for y := range c.side {
		for x := range c.side {
			c.dark[y*c.side+x] = matrix.Get(x, y) == 1
		}
	}
	if whole := c.side + 2*o.Margin; o.Size < whole {
		return nil, refuse("size", "%d pixels; this code needs at least %d, a pixel for each module", o.Size, whole)
	}
	if o.Logo != nil {
		modules, err := c.fitLogo()
		if err != nil {
			return nil, err
		}
		c.logo = modules
	}
	return c, nil
}

var zxingLevels = [...]decoder.ErrorCorrectionLevel{
	L: decoder.ErrorCorrectionLevel_L, M: decoder.ErrorCorrectionLevel_M,
	Q: decoder.ErrorCorrectionLevel_Q, H: decoder.ErrorCorrectionLevel_H,
}

// Text is what the code says.
func (c *Code) Text() string { return c.text }

// Modules is how many modules a side of the code has, without margin.
func (c *Code) Modules() int { return c.side }

// Dark reports whether the module in column x and row y is dark; outside of the
// code none is.
func (c *Code) Dark(x, y int) bool {
	return x >= 0 && y >= 0 && x < c.side && y < c.side && c.dark[y*c.side+x]
}

// shown reports whether a dark module is drawn there: none is under the logo.
func (c *Code) shown(x, y int) bool { return c.Dark(x, y) && !c.underLogo(x, y) }

func (c *Code) underLogo(x, y int) bool {
	first := (c.side - c.logo) / 2
	return x >= first && y >= first && x < first+c.logo && y < first+c.logo
}

// inFinder reports whether a module belongs to one of the three finder patterns.
func (c *Code) inFinder(x, y int) bool {
	const size = 7
	return x < size && (y < size || y >= c.side-size) || x >= c.side-size && y < size
}

// String describes the code for people who debug.
func (c *Code) String() string {
	return fmt.Sprintf("QR code %d × %d, level %s: %s", c.side, c.side, c.options.Level, clip(c.text, 60))
}

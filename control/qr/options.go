package qr

import (
	"fmt"
	"image"
	"strings"
)

// Limits of options.
const (
	DefaultSize = 512
	MaxSize     = 4096

	DefaultMargin = 4 // what ISO/IEC 18004 asks for
	MaxMargin     = 32
)

// Options say how a code looks; the zero value is a good code.
type Options struct {
	// Size is the side of the picture in pixels; 0: 512. It is kept exactly:
	// what is left when modules have whole pixels widens the margin.
	Size int
	// Margin is the quiet zone in modules, at least 1; 0: 4.
	Margin int
	// Level is the error correction; 0: M, or H with a logo.
	Level Level
	// Style is the shape of modules; 0: Square.
	Style Style
	// Dark and Light are the colours. Light may not be black, so its zero
	// value means white.
	Dark, Light Color
	// Logo is drawn in the middle, scaled down; nil: none. The modules it
	// hides are restored by the error correction.
	Logo image.Image
	// LogoShare is how much of the code's side the logo with its frame takes,
	// in percent; 0: as much as the error correction can bear.
	LogoShare int
}

func (o Options) withDefaults() Options {
	if o.Size == 0 {
		o.Size = DefaultSize
	}
	if o.Margin == 0 {
		o.Margin = DefaultMargin
	}
	if o.Level == 0 {
		o.Level = M
		if o.Logo != nil {
			o.Level = H
		}
	}
	if o.Style == 0 {
		o.Style = Square
	}
	if o.Light == (Color{}) {
		o.Light = White
	}
	return o
}

// OptionError says which option is wrong. Its text names the option and what
// to give instead.
type OptionError struct {
	Option string // size, margin, level, style, colors, logo, text
	Reason string
}

func (e *OptionError) Error() string { return e.Option + ": " + e.Reason }

func refuse(option, format string, args ...any) error {
	return &OptionError{option, fmt.Sprintf(format, args...)}
}

func (o Options) validate() error {
	switch {
	case o.Size < 0 || o.Size > MaxSize:
		return refuse("size", "%d pixels; give 1 to %d", o.Size, MaxSize)
	case o.Margin < 0 || o.Margin > MaxMargin:
		return refuse("margin", "%d modules; give 1 to %d, as scanners need a quiet zone", o.Margin, MaxMargin)
	case o.Level < L || o.Level > H:
		return refuse("level", "%d is none; give L, M, Q or H", o.Level)
	case o.Style < Square || o.Style > Dots:
		return refuse("style", "%d is none; give %s", o.Style, strings.Join(styleNames[Square:], ", "))
	case o.LogoShare < 0 || o.LogoShare > 100:
		return refuse("logo", "%d percent; give 1 to 100", o.LogoShare)
	}
	if err := checkContrast(o.Dark, o.Light); err != nil {
		return refuse("colors", "%s", err)
	}
	return nil
}

// Level is how much of a code may be damaged and still be read.
type Level uint8

// Error correction levels, with the share of codewords that can be restored.
const (
	L Level = 1 + iota // 7 %
	M                  // 15 %
	Q                  // 25 %
	H                  // 30 %
)

const levelNames = " LMQH"

// recovery is the share of codewords that each level restores.
var recovery = [...]float64{L: 0.07, M: 0.15, Q: 0.25, H: 0.30}

func (l Level) String() string {
	if l < L || l > H {
		return ""
	}
	return levelNames[l : l+1]
}

// MarshalText returns the level's letter.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads L, M, Q or H; empty is the default.
func (l *Level) UnmarshalText(text []byte) error {
	name := strings.ToUpper(string(text))
	i := strings.Index(levelNames, name)
	if name != "" && (len(name) != 1 || i < int(L)) {
		return refuse("level", "%q is none; give L, M, Q or H", clip(string(text), 20))
	}
	*l = Level(i)
	return nil
}

// Style is the shape of modules.
type Style uint8

// Styles. Finder patterns stay whole in all of them.
const (
	Square  Style = 1 + iota // plain squares
	Rounded                  // outer corners are rounded, neighbours flow together
	Dots                     // a disc each
)

var styleNames = []string{"", "square", "rounded", "dots"}

func (s Style) String() string {
	if int(s) >= len(styleNames) {
		return ""
	}
	return styleNames[s]
}

// MarshalText returns the style's name.
func (s Style) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a style's name; empty is the default.
func (s *Style) UnmarshalText(text []byte) error {
	for i, name := range styleNames {
		if strings.EqualFold(string(text), name) {
			*s = Style(i)
			return nil
		}
	}
	return refuse("style", "%q is none; give %s", clip(string(text), 20), strings.Join(styleNames[Square:], ", "))
}

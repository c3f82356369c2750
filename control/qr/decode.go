package qr

import (
	"cmp"
	"context"
	"fmt"
	"image"
	"io"
	"math"
	"slices"
	"strings"
	"time"
)

// Kind is what a code says.
type Kind string

// Kinds.
const (
	URL  Kind = "url"  // an http or https address
	Text Kind = "text" // anything else
)

// Result is one code in a picture.
type Result struct {
	Text    string         // what it says, as it is: not checked in any way
	Kind    Kind           // what that is
	Address string         // the address of a URL, trimmed; else empty
	Level   Level          // its error correction
	Corners [4]image.Point // top left, top right, bottom right, bottom left, in pixels
}

// Decode reads every code in a picture, in the order of their places, top to
// bottom. It looks as long as limits and ctx let it. Errors wrap ErrNotPicture,
// ErrTooLarge or ErrNoCode, or are the reader's or the context's.
func Decode(ctx context.Context, r io.Reader, limits Limits) ([]Result, error) {
	picture, err := ReadPicture(r, limits)
	if err != nil {
		return nil, err
	}
	return DecodeImage(ctx, picture, limits)
}

// DecodeImage is Decode for a picture in memory.
func DecodeImage(ctx context.Context, picture image.Image, limits Limits) ([]Result, error) {
	limits = limits.withDefaults()
	end := time.Now().Add(limits.Time)
	s := &search{limit: limits.Codes, stop: func() bool { return ctx.Err() != nil || time.Now().After(end) }}
	const white, black = 255, 0
	full, transparent := toLuma(picture, white)
	s.run(full)
	if len(s.found) == 0 && transparent {
		full, _ = toLuma(picture, black)
		s.run(full)
	}
	if len(s.found) == 0 {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("look for codes: %w", err)
		}
		return nil, fmt.Errorf("%w; take the picture from nearer, straight on and sharp", ErrNoCode)
	}
	return s.results(picture.Bounds().Min), nil
}

// search is one picture being searched.
type search struct {
	limit int
	stop  func() bool
	found []sighting
	left  bool // finder patterns were seen that belong to no code yet
}

// sighting is a code that was read, its outline in pixels of the whole picture.
type sighting struct {
	text    string
	level   string
	outline quad
}

// Sides of the scaled pictures that are searched, in pixels.
const (
	firstSide  = 1000 // large enough for most, small enough to be quick
	coarseSide = 420
	fineSide   = 2600
	tinySide   = 700 // pictures below this are also tried at twice their size
)

// round is one way to look at a picture.
type round struct {
	side   int // of the picture, about; 0: twice the whole picture
	change change
	window int // of the cut: the side divided by it is the radius; 0: one cut for all
	invert bool
}

type change uint8

const (
	asIs change = iota
	smooth
	smoother
	sharpen
)

// rounds are tried in order, which was found on generated photographs: each is
// the one that reads most of what those before it do not. The first ones are
// always made; the others only while nothing is found or finder patterns are
// left over.
var rounds = []round{
	{firstSide, smooth, 40, false},
	{firstSide, asIs, 5, false},
	{firstSide, smooth, 5, false},
	{firstSide, asIs, 5, true},
	{0, smoother, 40, false},
	{fineSide, asIs, 80, false},
	{coarseSide, smooth, 40, false},
	{firstSide, asIs, 0, false},
	{firstSide, asIs, 40, false},
	{firstSide, smoother, 40, false},
	{fineSide, smooth, 20, false},
	{coarseSide, smooth, 5, false},
	{0, smooth, 12, false},
	{firstSide, smooth, 40, true},
	{fineSide, asIs, 80, true},
	{fineSide, smoother, 100, false},
	{coarseSide, asIs, 10, false},
	{coarseSide, asIs, 10, true},
	{firstSide, sharpen, 5, false},
	{0, asIs, 10, true},
	{coarseSide / 2, asIs, 6, false},
	{firstSide, asIs, 0, true},
	{fineSide, sharpen, 30, false},
}

// always is how many rounds are made also when every finder pattern belongs to
// a code that was read.
const always = 2

func (s *search) run(full *luma) {
	if full.flat() {
		return
	}
	type scaled struct {
		picture *luma
		by      float64
	}
	sizes := map[int]scaled{}
	made := map[string]bool{}
	for i, r := range rounds {
		if s.stop() || len(s.found) >= s.limit || i >= always && len(s.found) > 0 && !s.left {
			return
		}
		long := max(full.w, full.h)
		n := max(1, int(math.Round(float64(long)/float64(max(r.side, 1)))))
		if r.side == 0 {
			if long > tinySide {
				continue
			}
			n = 0
		}
		key := fmt.Sprint(n, r.change, r.window, r.invert)
		if made[key] {
			continue // the picture is small
		}
		made[key] = true
		at, ok := sizes[n]
		if !ok {
			if n == 0 {
				at = scaled{full.larger(), 2}
			} else {
				at = scaled{full.smaller(n), 1 / float64(n)}
			}
			sizes[n] = at
		}
		s.look(at.picture, at.by, r)
	}
}

// look makes one round at a picture that is by times as large as the whole.
func (s *search) look(picture *luma, by float64, r round) {
	if r.invert {
		picture = picture.inverted()
	}
	grey := picture
	switch r.change {
	case smooth:
		picture = picture.smoothed(1)
	case smoother:
		picture = picture.smoothed(2)
	case sharpen:
		picture = picture.sharpened(3)
	}
	var cut *bitmap
	if r.window == 0 {
		cut = picture.global()
	} else {
		cut = picture.adaptive(max(picture.w, picture.h)/r.window+2, 3)
	}
	least := minFit * grey.contrast()
	finders := cut.finders(s.stop)
	// Where codes are read their finders are out of the way of others.
	for found := -1; found < len(s.found); {
		found = len(s.found)
		for _, t := range triples(s.free(finders, by)) {
			if s.stop() || len(s.found) >= s.limit {
				return
			}
			if s.taken(t, by) {
				continue
			}
			if read, ok := s.read(t, grey, least); ok {
				read.outline = read.outline.scaled(1 / by)
				s.found = append(s.found, read)
			}
		}
	}
	s.left = len(triples(s.free(finders, by))) > 0
}

// free returns the finders that belong to no code yet.
func (s *search) free(finders []finder, by float64) []finder {
	return slices.DeleteFunc(slices.Clone(finders), func(f finder) bool { return s.known(f, by) })
}

func (s *search) known(f finder, by float64) bool {
	return slices.ContainsFunc(s.found, func(code sighting) bool {
		return code.outline.inside(point{f.x / by, f.y / by})
	})
}

func (s *search) taken(t triple, by float64) bool {
	return s.known(t.topLeft, by) || s.known(t.topRight, by) || s.known(t.bottomLeft, by)
}

// A grid is looked at when it fits by minFit of the contrast between the
// picture's dark and bright parts, and read when it fits by goodFit of that
// between its own modules. Of the sizes a triple suggests, maxSides are read.
const (
	minFit   = 0.12
	goodFit  = 0.35
	maxSides = 3
)

// read tries a triple as the corners of a code, of the sizes that fit best.
func (s *search) read(t triple, picture *luma, least float64) (sighting, bool) {
	type placed struct {
		grid *grid
		fit  float64
	}
	var grids []placed
	for _, side := range t.sides() {
		if s.stop() {
			return sighting{}, false
		}
		g := &grid{side: side, picture: picture, known: knownModules(side)}
		if fit := g.place(t.topLeft.at(), t.topRight.at(), t.bottomLeft.at()); fit >= least {
			grids = append(grids, placed{g, fit})
		}
	}
	slices.SortStableFunc(grids, func(a, b placed) int { return cmp.Compare(b.fit, a.fit) })
	for _, p := range grids[:min(len(grids), maxSides)] {
		if s.stop() {
			break
		}
		fit := p.grid.settle()
		modules := p.grid.sample()
		if fit < goodFit*2*deviation(modules) {
			continue
		}
		if read, ok := readModules(modules, p.grid); ok {
			return sighting{text: read.GetText(), level: read.GetECLevel(), outline: p.grid.outline()}, true
		}
	}
	return sighting{}, false
}

// deviation is the standard deviation: half the contrast of a code.
func deviation(values []float64) float64 {
	sum, squares := 0.0, 0.0
	for _, v := range values {
		sum += v
		squares += v * v
	}
	n := float64(len(values))
	return math.Sqrt(max(0, squares/n-sum/n*sum/n))
}

func (s *search) results(origin image.Point) []Result {
	slices.SortStableFunc(s.found, func(a, b sighting) int {
		return cmp.Or(cmp.Compare(a.outline[0].y, b.outline[0].y), cmp.Compare(a.outline[0].x, b.outline[0].x))
	})
	results := make([]Result, len(s.found))
	for i, f := range s.found {
		results[i] = Result{Text: f.text}
		results[i].Kind, results[i].Address = classify(f.text)
		_ = results[i].Level.UnmarshalText([]byte(f.level)) // gozxing has the same names
		for k, p := range f.outline {
			results[i].Corners[k] = image.Pt(int(math.Round(p.x)), int(math.Round(p.y))).Add(origin)
		}
	}
	return results
}

// classify tells addresses from other texts.
func classify(text string) (Kind, string) {
	address := strings.TrimSpace(text)
	for _, scheme := range []string{"http://", "https://"} {
		if len(address) > len(scheme) && strings.EqualFold(address[:len(scheme)], scheme) && !strings.ContainsAny(address, " \t\r\n") {
			return URL, address
		}
	}
	return Text, ""
}

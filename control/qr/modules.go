package qr

import (
	"strings"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/common"
	"github.com/makiuchi-d/gozxing/qrcode/decoder"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

// textHints make byte segments without a charset mark UTF-8.
var textHints = map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_CHARACTER_SET: unicode.UTF8}

// charsets are what unmarked bytes may be: UTF-8, then what old Chinese
// generators write, then what gozxing guesses.
var charsets = []map[gozxing.DecodeHintType]any{
	textHints,
	{gozxing.DecodeHintType_CHARACTER_SET: simplifiedchinese.GB18030},
	nil,
}

// decisions are the ways to tell dark from light modules, likeliest first: how
// far each is first raised against its neighbours, which undoes blur, and the
// radius in modules of what it is compared with.
var decisions = []struct {
	sharpen float64
	radius  int
}{{0.5, 4}, {0, 7}, {1, 4}, {2, 7}}

// readModules tells dark from light and decodes.
func readModules(modules []float64, g *grid) (read *common.DecoderResult, ok bool) {
	for _, d := range decisions {
		dark := decide(raise(modules, g.side, d.sharpen), g.side, d.radius)
		if read, ok := decodeBits(dark, g.side); ok {
			return read, true
		}
	}
	if dark, ok := g.unblur(modules); ok {
		return decodeBits(dark, g.side)
	}
	return nil, false
}

// raise moves each module away from the mean of its four neighbours.
func raise(modules []float64, side int, by float64) []float64 {
	if by == 0 {
		return modules
	}
	raised := make([]float64, len(modules))
	for y := range side {
		for x := range side {
			v := modules[y*side+x]
			around := modules[y*side+max(x-1, 0)] + modules[y*side+min(x+1, side-1)] +
				modules[max(y-1, 0)*side+x] + modules[min(y+1, side-1)*side+x]
			raised[y*side+x] = v + by*(v-around/4)
		}
	}
	return raised
}

// decide compares each module with the middle of those around it.
func decide(modules []float64, side, radius int) []bool {
	dark := make([]bool, len(modules))
	for i, v := range level(modules, side, radius) {
		dark[i] = v < 0
	}
	return dark
}

// level takes the light out of the modules: 0 is the middle between the mean of
// the darker and that of the brighter ones within radius, which are near -1 and
// 1.
func level(modules []float64, side, radius int) []float64 {
	levelled := make([]float64, len(modules))
	for y := range side {
		for x := range side {
			x0, x1, y0, y1 := max(x-radius, 0), min(x+radius, side-1), max(y-radius, 0), min(y+radius, side-1)
			mean, n := 0.0, 0.0
			for j := y0; j <= y1; j++ {
				for _, v := range modules[j*side+x0 : j*side+x1+1] {
					mean += v
					n++
				}
			}
			mean /= n
			dark, light, darks := 0.0, 0.0, 0.0
			for j := y0; j <= y1; j++ {
				for _, v := range modules[j*side+x0 : j*side+x1+1] {
					if v < mean {
						dark += v
						darks++
					} else {
						light += v
					}
				}
			}
			if darks == 0 || darks == n {
				continue // all are one
			}
			dark, light = dark/darks, light/(n-darks)
			levelled[y*side+x] = (modules[y*side+x] - (dark+light)/2) / ((light - dark) / 2)
		}
	}
	return levelled
}

// decodeBits corrects errors and reads the text.
func decodeBits(dark []bool, side int) (read *common.DecoderResult, ok bool) {
	// What is decoded comes from strangers, and gozxing indexes by it.
	defer func() {
		if recover() != nil {
			read, ok = nil, false
		}
	}()
	for _, hints := range charsets {
		bits, err := gozxing.NewSquareBitMatrix(side) // anew: decoding unmasks it
		if err != nil {
			return nil, false
		}
		for i, d := range dark {
			if d {
				bits.Set(i%side, i/side)
			}
		}
		if read, err = decoder.NewDecoder().Decode(bits, hints); err != nil {
			return nil, false
		}
		if !strings.ContainsRune(read.GetText(), '\ufffd') {
			return read, true
		}
	}
	return read, read.GetText() != ""
}

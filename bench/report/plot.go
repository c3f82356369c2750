package report

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strings"
)

// plot is a drawing of lines in a frame.
type plot struct {
	title, x, y string
	logY        bool
	// xTicks are where the horizontal axis is labelled; nil: at round numbers.
	xTicks []tick
	lines  []line
}

type tick struct {
	at    float64
	label string
}

// line is one of a plot's; its colour follows from its place.
type line struct {
	name   string
	points []point
}

type point struct {
	x, y float64
	says string // shown when pointed at; "" for none
}

// Sizes of the drawing in its own units.
const (
	plotWidth, plotHeight     = 860.0, 300.0
	plotLeft, plotRight       = 70.0, 16.0
	plotTop, plotBottom       = 14.0, 46.0
	plotInnerW                = plotWidth - plotLeft - plotRight
	plotInnerH                = plotHeight - plotTop - plotBottom
	plotColours               = 8
	plotTicksX, plotTicksY    = 8, 6
	plotSmallest, plotLargest = 1e-3, 1e12
)

// scale maps values to places.
type scale struct {
	low, high float64
	log       bool
}

func (s scale) at(v float64) float64 {
	if s.log {
		return (math.Log10(max(v, s.low)) - math.Log10(s.low)) / (math.Log10(s.high) - math.Log10(s.low))
	}
	return (v - s.low) / (s.high - s.low)
}

// ticks returns round numbers on the scale.
func (s scale) ticks(n int) (ticks []tick) {
	if s.log {
		for exponent := math.Floor(math.Log10(s.low)); exponent <= math.Ceil(math.Log10(s.high)); exponent++ {
			if v := math.Pow(10, exponent); v >= s.low*.999 && v <= s.high*1.001 {
				ticks = append(ticks, tick{v, label(v)})
			}
		}
		return ticks
	}
	step := math.Pow(10, math.Floor(math.Log10((s.high-s.low)/float64(n))))
	for _, factor := range []float64{1, 2, 5, 10} {
		if (s.high-s.low)/(step*factor) <= float64(n) {
			step *= factor
			break
		}
	}
	for v := math.Ceil(s.low/step) * step; v <= s.high*(1+1e-9); v += step {
		ticks = append(ticks, tick{v, label(v)})
	}
	return ticks
}

// label writes a round number.
func label(v float64) string {
	said := number(v)
	if strings.Contains(said, ".") {
		said = strings.TrimSuffix(strings.TrimRight(said, "0"), ".")
	}
	return said
}

// scales finds what the axes show.
func (p plot) scales() (x, y scale) {
	x, y = scale{low: math.Inf(1), high: math.Inf(-1)}, scale{low: math.Inf(1), high: math.Inf(-1), log: p.logY}
	for _, l := range p.lines {
		for _, pt := range l.points {
			x.low, x.high = min(x.low, pt.x), max(x.high, pt.x)
			if !p.logY || pt.y > 0 {
				y.low, y.high = min(y.low, pt.y), max(y.high, pt.y)
			}
		}
	}
	if x.low > x.high {
		x.low, x.high = 0, 1
	}
	if y.low > y.high {
		y.low, y.high = 0, 1
	}
	if x.low == x.high {
		x.high++
	}
	if p.logY {
		y.low, y.high = max(y.low, plotSmallest), min(max(y.high, 10*plotSmallest), plotLargest)
		y.low, y.high = math.Pow(10, math.Floor(math.Log10(y.low))), math.Pow(10, math.Ceil(math.Log10(y.high)))
		if y.low == y.high {
			y.high *= 10
		}
	} else {
		y.low = 0
		if y.high *= 1.05; y.high == 0 {
			y.high = 1
		}
	}
	return x, y
}

// SVG draws the plot.
func (p plot) SVG() template.HTML {
	x, y := p.scales()
	px := func(v float64) float64 { return plotLeft + plotInnerW*x.at(v) }
	py := func(v float64) float64 { return plotTop + plotInnerH*(1-y.at(v)) }
	b := &strings.Builder{}
	fmt.Fprintf(b, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s">`, plotWidth, plotHeight, html.EscapeString(p.title))
	for _, t := range y.ticks(plotTicksY) {
		fmt.Fprintf(b, `<line class="grid" x1="%g" x2="%g" y1="%.1f" y2="%.1f"/><text class="tick" x="%g" y="%.1f" text-anchor="end">%s</text>`,
			plotLeft, plotWidth-plotRight, py(t.at), py(t.at), plotLeft-6, py(t.at)+4, t.label)
	}
	xTicks := p.xTicks
	if xTicks == nil {
		xTicks = x.ticks(plotTicksX)
	}
	for _, t := range xTicks {
		if t.at < x.low-1e-9 || t.at > x.high+1e-9 {
			continue
		}
		fmt.Fprintf(b, `<line class="grid" x1="%.1f" x2="%.1f" y1="%g" y2="%g"/><text class="tick" x="%.1f" y="%g" text-anchor="middle">%s</text>`,
			px(t.at), px(t.at), plotTop, plotTop+plotInnerH, px(t.at), plotTop+plotInnerH+17, t.label)
	}
	fmt.Fprintf(b, `<text class="axis" x="%g" y="%g" text-anchor="middle">%s</text>`, plotLeft+plotInnerW/2, plotHeight-6, html.EscapeString(p.x))
	fmt.Fprintf(b, `<text class="axis" transform="translate(14 %g) rotate(-90)" text-anchor="middle">%s</text>`, plotTop+plotInnerH/2, html.EscapeString(p.y))
	for i, l := range p.lines {
		fmt.Fprintf(b, `<polyline class="line c%d" points="`, i%plotColours)
		for _, pt := range l.points {
			fmt.Fprintf(b, "%.1f,%.1f ", px(pt.x), py(pt.y))
		}
		b.WriteString(`"/>`)
		for _, pt := range l.points {
			if pt.says != "" {
				fmt.Fprintf(b, `<circle class="dot c%d" cx="%.1f" cy="%.1f" r="3"><title>%s</title></circle>`,
					i%plotColours, px(pt.x), py(pt.y), html.EscapeString(pt.says))
			}
		}
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

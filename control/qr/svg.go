package qr

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image/png"
	"io"
	"strconv"
)

// svgLogo is the side of the logo's picture inside an SVG, in pixels.
const svgLogo = 384

// SVG draws the code as one path on a coloured ground; a unit is a module.
func (c *Code) SVG(w io.Writer) error {
	o := c.options
	whole := c.side + 2*o.Margin
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d">`, o.Size, o.Size, whole, whole)
	fmt.Fprintf(&b, `<path fill="%s" d="M0 0h%dv%dH0z"/><path fill="%s"`, o.Light, whole, whole, o.Dark)
	if o.Style == Square {
		b.WriteString(` shape-rendering="crispEdges"`)
	}
	b.WriteString(` d="`)
	if o.Style == Square {
		c.svgRuns(&b)
	} else {
		c.svgShapes(&b)
	}
	b.WriteString(`"/>`)
	if err := c.svgLogo(&b); err != nil {
		return err
	}
	b.WriteString("</svg>\n")
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write svg: %w", err)
	}
	return nil
}

// svgRuns draws neighbours in a row as one rectangle.
func (c *Code) svgRuns(b *bytes.Buffer) {
	for y := range c.side {
		for x := 0; x < c.side; x++ {
			from := x
			for c.shown(x, y) {
				x++
			}
			if n := x - from; n > 0 {
				fmt.Fprintf(b, "M%d %dh%dv1h-%dz", from+c.options.Margin, y+c.options.Margin, n, n)
			}
		}
	}
}

// svgShapes draws each module by itself.
func (c *Code) svgShapes(b *bytes.Buffer) {
	for y := range c.side {
		for x := range c.side {
			if !c.shown(x, y) {
				continue
			}
			x, y, s := x+c.options.Margin, y+c.options.Margin, c.shape(x, y)
			if s == disc {
				r := strconv.FormatFloat(discRadius, 'f', -1, 64)
				d := strconv.FormatFloat(2*discRadius, 'f', -1, 64)
				fmt.Fprintf(b, "M%s %d.5a%s %s 0 1 1 %s 0a%s %s 0 1 1-%s 0z",
					strconv.FormatFloat(float64(x)+0.5-discRadius, 'f', -1, 64), y, r, r, d, r, r, d)
				continue
			}
			corner := func(round shape, arc, straight string) {
				if s&round != 0 {
					b.WriteString(arc)
				} else {
					b.WriteString(straight)
				}
			}
			// From the middle of the left side, clockwise.
			fmt.Fprintf(b, "M%d %d.5", x, y)
			corner(roundTopLeft, "a.5.5 0 0 1 .5-.5", "v-.5h.5")
			corner(roundTopRight, "a.5.5 0 0 1 .5.5", "h.5v.5")
			corner(roundBottomRight, "a.5.5 0 0 1-.5.5", "v.5h-.5")
			corner(roundBottomLeft, "a.5.5 0 0 1-.5-.5", "h-.5v-.5")
			b.WriteByte('z')
		}
	}
}

// svgLogo puts the logo in as a picture of its own.
func (c *Code) svgLogo(b *bytes.Buffer) error {
	if c.logo == 0 {
		return nil
	}
	at := float64(c.options.Margin) + float64(c.side-c.logo)/2 + 0.5
	fmt.Fprintf(b, `<image x="%g" y="%g" width="%d" height="%d" href="data:image/png;base64,`, at, at, c.logo-1, c.logo-1)
	out := base64.NewEncoder(base64.StdEncoding, b)
	if err := png.Encode(out, c.fitted(svgLogo)); err != nil {
		return fmt.Errorf("write logo: %w", err)
	}
	_ = out.Close() // into memory
	b.WriteString(`"/>`)
	return nil
}

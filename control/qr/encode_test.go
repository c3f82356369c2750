package qr_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"strings"
	"testing"

	"suodi/control/qr"
)

func TestEncodeReadsBack(t *testing.T) {
	navy := qr.Color{R: 0x10, G: 0x20, B: 0x60}
	cream := qr.Color{R: 0xff, G: 0xf4, B: 0xdc}
	for name, test := range map[string]struct {
		text    string
		options qr.Options
	}{
		"default":         {"https://go.example.com/a", qr.Options{}},
		"one character":   {"7", qr.Options{}},
		"digits":          {strings.Repeat("0123456789", 20), qr.Options{Level: qr.L}},
		"capitals":        {"HTTPS://GO.EXAMPLE.COM/A", qr.Options{Level: qr.Q}},
		"chinese":         {"缩地：一步千里", qr.Options{}},
		"emoji":           {"https://go.example.com/🚀?x=é", qr.Options{}},
		"small":           {"https://go.example.com/a", qr.Options{Size: 66}},
		"large":           {"https://go.example.com/a", qr.Options{Size: 2000}},
		"narrow margin":   {"https://go.example.com/a", qr.Options{Margin: 1}},
		"wide margin":     {"https://go.example.com/a", qr.Options{Margin: 32, Size: 800}},
		"rounded":         {"https://go.example.com/a", qr.Options{Style: qr.Rounded}},
		"dots":            {"https://go.example.com/a", qr.Options{Style: qr.Dots}},
		"coloured":        {"https://go.example.com/a", qr.Options{Dark: navy, Light: cream}},
		"coloured dots":   {"https://go.example.com/a", qr.Options{Dark: navy, Light: cream, Style: qr.Dots}},
		"logo":            {"https://go.example.com/a", qr.Options{Logo: disc()}},
		"logo on Q, dots": {"https://go.example.com/summer", qr.Options{Logo: disc(), Level: qr.Q, Style: qr.Dots}},
		"small logo":      {"https://go.example.com/summer", qr.Options{Logo: disc(), LogoShare: 15}},
		"long":            {"https://go.example.com/" + strings.Repeat("path/", 100), qr.Options{Size: 1000}},
		"longest":         {strings.Repeat("a", 2953), qr.Options{Level: qr.L, Size: 1400}},
		"longest at H":    {strings.Repeat("b", 1273), qr.Options{Level: qr.H, Size: 1400}},
	} {
		t.Run(name, func(t *testing.T) {
			code := encode(t, test.text, test.options)
			var first, second bytes.Buffer
			if err := errors.Join(code.PNG(&first), encode(t, test.text, test.options).PNG(&second)); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(first.Bytes(), second.Bytes()) {
				t.Error("two pictures of one code differ")
			}
			if got := texts(t, first.Bytes()); len(got) != 1 || got[0] != test.text {
				t.Errorf("read %q", got)
			}
			size := test.options.Size
			if size == 0 {
				size = qr.DefaultSize
			}
			config, err := png.DecodeConfig(&first)
			if err != nil || config.Width != size || config.Height != size {
				t.Errorf("picture is %d × %d, want %d: %v", config.Width, config.Height, size, err)
			}
			checkSVG(t, code)
		})
	}
}

func checkSVG(t *testing.T, code *qr.Code) {
	t.Helper()
	var b bytes.Buffer
	if err := code.SVG(&b); err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(&b); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("SVG is not well formed: %v", err)
		}
	}
}

// The SVG's runs, painted, are the code's modules.
func TestSVGSquares(t *testing.T) {
	code := encode(t, "https://go.example.com/a", qr.Options{Margin: 2})
	var b bytes.Buffer
	if err := code.SVG(&b); err != nil {
		t.Fatal(err)
	}
	_, path, _ := strings.Cut(b.String(), `crispEdges" d="`)
	path, _, _ = strings.Cut(path, `"`)
	painted := map[image.Point]bool{}
	for run := range strings.SplitSeq(strings.Trim(path, "Mz"), "zM") {
		var x, y, n int
		head, _, ok := strings.Cut(run, "v1")
		if _, err := fmt.Sscanf(head, "%d %dh%d", &x, &y, &n); err != nil || !ok {
			t.Fatalf("%q: %v", run, err)
		}
		for i := range n {
			painted[image.Pt(x+i-2, y-2)] = true
		}
	}
	for y := -2; y < code.Modules()+2; y++ {
		for x := -2; x < code.Modules()+2; x++ {
			if painted[image.Pt(x, y)] != code.Dark(x, y) {
				t.Fatalf("module %d, %d is painted %t", x, y, !code.Dark(x, y))
			}
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	grey := qr.Color{R: 0x99, G: 0x99, B: 0x99}
	yellow := qr.Color{R: 0xff, G: 0xee}
	for name, test := range map[string]struct {
		text    string
		options qr.Options
		option  string
		says    string
	}{
		"nothing":         {"", qr.Options{}, "text", "empty"},
		"not UTF-8":       {"\xff", qr.Options{}, "text", "UTF-8"},
		"too long":        {strings.Repeat("a", 2954), qr.Options{Level: qr.L, Size: 4000}, "text", "shorten"},
		"too long at H":   {strings.Repeat("a", 1274), qr.Options{Level: qr.H, Size: 4000}, "text", "lower the level"},
		"too small":       {"https://go.example.com/a", qr.Options{Size: 32}, "size", "at least 33"},
		"negative":        {"a", qr.Options{Size: -1}, "size", "1 to 4096"},
		"huge":            {"a", qr.Options{Size: 1 << 30}, "size", "1 to 4096"},
		"margin":          {"a", qr.Options{Margin: -1}, "margin", "quiet zone"},
		"level":           {"a", qr.Options{Level: 9}, "level", "L, M, Q or H"},
		"style":           {"a", qr.Options{Style: 9}, "style", "square"},
		"inverted":        {"a", qr.Options{Dark: qr.White, Light: grey}, "colors", "exchange"},
		"yellow on white": {"a", qr.Options{Dark: yellow}, "colors", "too alike"},
		"black on grey":   {"a", qr.Options{Light: qr.Color{R: 0x60, G: 0x60, B: 0x60}}, "colors", "too alike"},
		"white on white":  {"a", qr.Options{Dark: qr.White}, "colors", "too alike"},
		"logo too large":  {"https://go.example.com/a", qr.Options{Logo: disc(), LogoShare: 60}, "logo", "at most"},
		"logo too small":  {"https://go.example.com/a", qr.Options{Logo: disc(), LogoShare: 2}, "logo", "at least"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := qr.Encode(test.text, test.options)
			var refused *qr.OptionError
			if !errors.As(err, &refused) || refused.Option != test.option || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %s: … %s …", err, test.option, test.says)
			}
		})
	}
}

// A logo of any picture leaves the code readable: also one that is noise, or
// just the wrong modules.
func TestLogoIsBounded(t *testing.T) {
	for _, level := range []qr.Level{qr.M, qr.Q, qr.H} {
		for _, text := range []string{"https://go.example.com/a", "https://go.example.com/" + strings.Repeat("x", 120)} {
			black := image.NewGray(image.Rect(0, 0, 64, 64))
			code := encode(t, text, qr.Options{Logo: black, Level: level, Size: 900})
			if got := texts(t, drawn(t, code.Image())); len(got) != 1 || got[0] != text {
				t.Errorf("level %s: read %q", level, got)
			}
		}
	}
}

func TestParseColor(t *testing.T) {
	for text, want := range map[string]string{"#1a2b3c": "#1a2b3c", "1A2B3C": "#1a2b3c", "#fff": "#ffffff", "08f": "#0088ff"} {
		if c, err := qr.ParseColor(text); err != nil || c.String() != want {
			t.Errorf("%q: got %s, %v", text, c, err)
		}
	}
	for _, text := range []string{"", "#", "red", "#12345", "#1234567", "##fff", "#ggg", "é1"} {
		if c, err := qr.ParseColor(text); err == nil {
			t.Errorf("%q: got %s", text, c)
		}
	}
}

func TestTerminal(t *testing.T) {
	code := encode(t, "https://go.example.com/a", qr.Options{Margin: 2})
	for _, colour := range []bool{true, false} {
		var b strings.Builder
		if err := code.Terminal(&b, colour); err != nil {
			t.Fatal(err)
		}
		text := strings.NewReplacer("\x1b[38;5;16;48;5;231m", "", "\x1b[0m", "").Replace(b.String())
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		if want := (code.Modules() + 4 + 1) / 2; len(lines) != want {
			t.Fatalf("%d lines, want %d", len(lines), want)
		}
		for y := range code.Modules() {
			line := []rune(lines[(y+2)/2])
			for x := range code.Modules() {
				upper := "▀█"
				if (y+2)%2 == 1 {
					upper = "▄█"
				}
				if ink := strings.ContainsRune(upper, line[x+2]); ink != (code.Dark(x, y) == colour) {
					t.Fatalf("colour %t: module %d, %d has ink: %t", colour, x, y, ink)
				}
			}
		}
	}
}

func BenchmarkPNG(b *testing.B) {
	for name, options := range map[string]qr.Options{
		"square": {}, "rounded": {Style: qr.Rounded}, "dots": {Style: qr.Dots}, "logo": {Logo: disc()}, "1024": {Size: 1024},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := encode(b, "https://go.example.com/summer-sale?_s=poster-3", options).PNG(io.Discard); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

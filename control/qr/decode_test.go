package qr_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"suodi/control/qr"
)

// Undamaged codes read whatever their size, turn, format and colours.
func TestDecodeUndamaged(t *testing.T) {
	const text = "https://go.example.com/summer?_s=poster-3"
	for _, module := range []float64{2, 3, 7} {
		for degrees := 0; degrees < 360; degrees += 30 {
			p := photo{text: text, module: module, turn: float64(degrees) * math.Pi / 180, quality: 100, seed: uint64(degrees)}
			if got := texts(t, p.take(t)); !slices.Equal(got, []string{text}) {
				t.Errorf("%g pixels a module, %d°: read %q", module, degrees, got)
			}
		}
	}
}

// Every version from 1 to 40, each in the picture its modules just fill.
func TestDecodeSizes(t *testing.T) {
	for _, level := range []qr.Level{qr.L, qr.H} {
		for n := 1; n < 1270; n = n*5/4 + 1 {
			text := strings.Repeat("abc/", 1270)[:n]
			for _, module := range []int{2, 5} {
				size := 8 + encode(t, text, qr.Options{Level: level, Size: 2000}).Modules()
				code := encode(t, text, qr.Options{Level: level, Size: size * module})
				if got := texts(t, drawn(t, code.Image())); !slices.Equal(got, []string{text}) {
					t.Errorf("level %s, %d bytes, %d pixels a module: read %.80q", level, n, module, got)
				}
			}
		}
	}
}

func TestDecodeFormats(t *testing.T) {
	const text = "https://go.example.com/a"
	plain := encode(t, text, qr.Options{}).Image()
	inverted := image.NewGray(plain.Bounds())
	for i, v := range grey(plain).Pix {
		inverted.Pix[i] = 255 - v
	}
	mirrored := image.NewGray(plain.Bounds())
	for y := range 512 {
		for x := range 512 {
			mirrored.Set(511-x, y, plain.At(x, y))
		}
	}
	// Modules alone, the rest transparent: dark ones, and light ones.
	cut := func(c color.NRGBA) image.Image {
		m := image.NewNRGBA(plain.Bounds())
		for i, v := range grey(plain).Pix {
			if v < 128 {
				m.SetNRGBA(i%512, i/512, c)
			}
		}
		return m
	}
	offset := image.NewNRGBA(image.Rect(-300, 40, 212, 552))
	draw.Draw(offset, offset.Bounds(), plain, image.Point{}, draw.Src)
	deep := image.NewRGBA64(plain.Bounds())
	draw.Draw(deep, deep.Bounds(), plain, image.Point{}, draw.Src)
	for name, picture := range map[string][]byte{
		"PNG":                   drawn(t, plain),
		"PNG of 16 bits":        drawn(t, deep),
		"PNG with offset":       drawn(t, offset),
		"GIF":                   asGIF(t, plain),
		"JPEG":                  asJPEG(t, plain, 80),
		"poor JPEG":             asJPEG(t, plain, 5),
		"inverted":              drawn(t, inverted),
		"mirrored":              drawn(t, mirrored),
		"dark on transparency":  drawn(t, cut(color.NRGBA{0, 0, 0, 255})),
		"light on transparency": drawn(t, cut(color.NRGBA{255, 255, 255, 255})),
		"WebP":                  webp(t),
	} {
		t.Run(name, func(t *testing.T) {
			if got := texts(t, picture); !slices.Equal(got, []string{text}) {
				t.Errorf("read %q", got)
			}
		})
	}
}

// Several codes in one picture, two of them equal, are all found where they are.
func TestDecodeSeveral(t *testing.T) {
	sheet := image.NewGray(image.Rect(0, 0, 1400, 1100))
	draw.Draw(sheet, sheet.Bounds(), image.White, image.Point{}, draw.Src)
	var want []string
	for row := range 3 {
		for column := range 4 {
			text := fmt.Sprintf("https://go.example.com/%d", min(row*4+column, 10))
			size := 180 + 30*column
			m := encode(t, text, qr.Options{Size: size}).Image()
			draw.Draw(sheet, m.Bounds().Add(image.Pt(column*330+20, row*340+20)), m, image.Point{}, draw.Src)
			want = append(want, text)
		}
	}
	results, err := qr.Decode(t.Context(), bytes.NewReader(drawn(t, sheet)), qr.Limits{Time: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range results {
		got = append(got, r.Text)
		var n int
		if _, err := fmt.Sscanf(r.Text, "https://go.example.com/%d", &n); err != nil {
			t.Fatal(err)
		}
		cell := image.Rect(n%4*330, n/4*340, n%4*330+330, n/4*340+340)
		if n == 10 {
			cell.Max.X += 330 // and its twin
		}
		for _, corner := range r.Corners {
			if !corner.In(cell) {
				t.Errorf("%s has a corner at %v, outside of %v", r.Text, corner, cell)
			}
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("read %q\nwant %q", got, want)
	}
	few, err := qr.Decode(t.Context(), bytes.NewReader(drawn(t, sheet)), qr.Limits{Codes: 2, Time: time.Minute})
	if err != nil || len(few) != 2 {
		t.Errorf("with a limit of 2: %d codes, %v", len(few), err)
	}
}

// At least this share of the photographs reads; the benchmark says how many do.
func TestDecodePhotos(t *testing.T) {
	read := 0
	all := photos(8) // the benchmark has 200
	for _, p := range all {
		results, err := qr.Decode(t.Context(), bytes.NewReader(p.take(t)), qr.Limits{Time: time.Minute})
		if err == nil && len(results) == 1 && results[0].Text == p.text {
			read++
		}
	}
	if read < len(all)-1 {
		t.Errorf("%d of %d photographs were read", read, len(all))
	}
}

// Codes with a tenth of the modules painted over read at level H.
func TestDecodeDamaged(t *testing.T) {
	const text = "https://go.example.com/a"
	m := grey(encode(t, text, qr.Options{Level: qr.H, Margin: 4}).Image())
	draw.Draw(m, image.Rect(280, 250, 400, 340), image.Black, image.Point{}, draw.Src)
	if got := texts(t, drawn(t, m)); !slices.Equal(got, []string{text}) {
		t.Errorf("read %q", got)
	}
}

func TestDecodeKinds(t *testing.T) {
	for text, want := range map[string]qr.Kind{
		"https://go.example.com/a":       qr.URL,
		"HTTP://GO.EXAMPLE.COM/A":        qr.URL,
		" https://go.example.com/a\n":    qr.URL,
		"https://":                       qr.Text,
		"https://a b":                    qr.Text,
		"see https://go.example.com/a":   qr.Text,
		"WIFI:S:guest;T:WPA;P:secret;;":  qr.Text,
		"javascript:alert(1)":            qr.Text,
		"缩地":                             qr.Text,
		"https://例子.测试/路径":               qr.URL,
		"mailto:someone@example.org":     qr.Text,
		"weixin://dl/business/?t=abcdef": qr.Text,
	} {
		results, err := qr.Decode(t.Context(), bytes.NewReader(drawn(t, encode(t, text, qr.Options{}).Image())), qr.Limits{})
		if err != nil || len(results) != 1 || results[0].Text != text || results[0].Kind != want || results[0].Level != qr.M {
			t.Errorf("%q: got %+v, %v", text, results, err)
			continue
		}
		if address := results[0].Address; want == qr.URL && address != strings.TrimSpace(text) || want == qr.Text && address != "" {
			t.Errorf("%q: address %q", text, address)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := drawn(t, encode(t, "https://go.example.com/a", qr.Options{}).Image())
	photo := asJPEG(t, encode(t, "https://go.example.com/a", qr.Options{}).Image(), 90)
	for name, test := range map[string]struct {
		picture []byte
		want    error
		says    string
	}{
		"empty":           {nil, qr.ErrNotPicture, "empty"},
		"text":            {[]byte("https://go.example.com/a"), qr.ErrNotPicture, "neither"},
		"SVG":             {[]byte("<svg/>"), qr.ErrNotPicture, "neither"},
		"BMP":             {[]byte("BM\x00\x00"), qr.ErrNotPicture, "neither"},
		"PNG cut off":     {good[:len(good)/2], qr.ErrNotPicture, "broken PNG"},
		"PNG header":      {good[:8], qr.ErrNotPicture, "broken PNG"},
		"JPEG cut off":    {photo[:300], qr.ErrNotPicture, "broken JPEG"},
		"GIF cut off":     {[]byte("GIF89a\x01\x00"), qr.ErrNotPicture, "broken GIF"},
		"WebP cut off":    {[]byte("RIFF\x00\x00\x00\x00WEBPVP8X"), qr.ErrNotPicture, "broken WebP"},
		"PNG bomb":        {pngBomb(60_000, 60_000), qr.ErrTooLarge, "60000 × 60000"},
		"PNG bomb, 16bit": {pngBomb(5000, 5000), qr.ErrTooLarge, "MiB"},
		"GIF bomb":        {[]byte("GIF89a\xff\xff\xff\xff\x00\x00\x00"), qr.ErrTooLarge, "65535 × 65535"},
		"file too large":  {append(slices.Clone(good), make([]byte, 1<<20)...), qr.ErrTooLarge, "bytes"},
		"blank":           {drawn(t, image.NewGray(image.Rect(0, 0, 200, 200))), qr.ErrNoCode, "no QR code"},
		"one pixel":       {drawn(t, image.NewGray(image.Rect(0, 0, 1, 1))), qr.ErrNoCode, "no QR code"},
		"a line":          {drawn(t, image.NewGray(image.Rect(0, 0, 5000, 1))), qr.ErrNoCode, "no QR code"},
	} {
		t.Run(name, func(t *testing.T) {
			results, err := qr.Decode(t.Context(), bytes.NewReader(test.picture), qr.Limits{Bytes: 1 << 20})
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, %v; want %v: … %s …", results, err, test.want, test.says)
			}
		})
	}
}

// pngBomb is the head of a PNG of that size with 16 bits a channel.
func pngBomb(w, h uint32) []byte {
	b := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR")
	b = binary.BigEndian.AppendUint32(b, w)
	b = binary.BigEndian.AppendUint32(b, h)
	b = append(b, 16, 6, 0, 0, 0)
	return binary.BigEndian.AppendUint32(b, crc(b[12:]))
}

// Of an animation the first frame is read, and no memory is spent on the rest.
func TestDecodeAnimation(t *testing.T) {
	first := encode(t, "https://go.example.com/first", qr.Options{}).Image().(*image.Paletted)
	blank := image.NewPaletted(first.Bounds(), first.Palette)
	film := &gif.GIF{Image: []*image.Paletted{first}, Delay: []int{1}}
	for range 200 {
		film.Image, film.Delay = append(film.Image, blank), append(film.Delay, 1)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, film); err != nil {
		t.Fatal(err)
	}
	if got := texts(t, b.Bytes()); !slices.Equal(got, []string{"https://go.example.com/first"}) {
		t.Errorf("read %q", got)
	}
}

// A picture made of finder patterns, where every three could be a code, ends in
// time; so does one whose caller goes away.
func TestDecodeEnds(t *testing.T) {
	field := image.NewGray(image.Rect(0, 0, 1600, 1600))
	for i := range field.Pix {
		x, y := i%1600%27/3-4, i/1600%27/3-4
		if ring := max(x, -x, y, -y); ring == 2 || ring == 4 {
			field.Pix[i] = 255
		}
	}
	picture := drawn(t, field)
	const budget = 200 * time.Millisecond
	began := time.Now()
	_, err := qr.Decode(t.Context(), bytes.NewReader(picture), qr.Limits{Time: budget})
	if took := time.Since(began); !errors.Is(err, qr.ErrNoCode) || took > 10*budget {
		t.Errorf("%v after %v", err, took)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := qr.Decode(ctx, bytes.NewReader(picture), qr.Limits{Time: time.Hour}); !errors.Is(err, context.Canceled) {
		t.Errorf("with a caller gone: %v", err)
	}
}

type brokenReader struct{}

var errBroken = errors.New("broken")

func (brokenReader) Read([]byte) (int, error) { return 0, errBroken }

func TestDecodeReaderFails(t *testing.T) {
	if _, err := qr.Decode(t.Context(), brokenReader{}, qr.Limits{}); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}

// Whatever comes, decoding ends without a panic, and a code that is found says
// something.
func FuzzDecode(f *testing.F) {
	small := encode(f, "https://go.example.com/a", qr.Options{Size: 66})
	f.Add(drawn(f, small.Image()))
	f.Add(asGIF(f, small.Image()))
	f.Add(asJPEG(f, small.Image(), 50))
	f.Add(webp(f))
	f.Add(pngBomb(100, 100))
	limits := qr.Limits{Bytes: 1 << 16, Pixels: 1 << 18, Time: 100 * time.Millisecond}
	f.Fuzz(func(t *testing.T, picture []byte) {
		began := time.Now()
		results, err := qr.Decode(t.Context(), bytes.NewReader(picture), limits)
		if (err == nil) != (len(results) > 0) {
			t.Errorf("%d codes and %v", len(results), err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// FuzzModules reads what is drawn as modules: pictures that pass for codes and
// say anything.
func FuzzModules(f *testing.F) {
	f.Add([]byte("https://go.example.com/a"), uint8(1))
	f.Add([]byte{0xff, 0, 0x80, 0x7f}, uint8(2))
	f.Fuzz(func(t *testing.T, noise []byte, level uint8) {
		m := grey(encode(t, "https://go.example.com/abcdefgh", qr.Options{Size: 37 * 3, Level: qr.Level(level%4) + 1}).Image())
		for i, v := range noise {
			x, y := int(v)%29, (int(v)/29+3*i)%29
			draw.Draw(m, image.Rect(12+3*x, 12+3*y, 15+3*x, 15+3*y), image.NewUniform(color.Gray{v}), image.Point{}, draw.Src)
		}
		_, _ = qr.DecodeImage(t.Context(), m, qr.Limits{Time: 50 * time.Millisecond})
	})
}

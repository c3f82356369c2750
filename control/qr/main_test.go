package qr_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"testing"
	"time"

	"suodi/control/qr"
)

// encode makes a code or ends the test.
func encode(t testing.TB, text string, o qr.Options) *qr.Code {
	t.Helper()
	code, err := qr.Encode(text, o)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// drawn is a picture as PNG.
func drawn(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asJPEG(t testing.TB, m image.Image, quality int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asGIF(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := gif.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// texts reads a picture and returns what its codes say.
func texts(t testing.TB, picture []byte) []string {
	t.Helper()
	// Longer than the default, for machines that do other things too.
	results, err := qr.Decode(t.Context(), bytes.NewReader(picture), qr.Limits{Time: 30 * time.Second})
	if err != nil {
		t.Error(err)
	}
	var said []string
	for _, r := range results {
		said = append(said, r.Text)
	}
	return said
}

// disc is a logo: a red disc on transparent ground.
func disc() image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, 120, 120))
	for y := range 120 {
		for x := range 120 {
			if (x-60)*(x-60)+(y-60)*(y-60) < 58*58 {
				m.SetNRGBA(x, y, color.NRGBA{0xd0, 0x20, 0x20, 0xff})
			}
		}
	}
	return m
}

func crc(b []byte) uint32 { return crc32.ChecksumIEEE(b) }

// webp is a code as lossless WebP, written by the smallest of encoders: one
// pixel after the other, each as a prefix code of eight bits a channel.
func webp(t testing.TB) []byte {
	t.Helper()
	m := grey(encode(t, "https://go.example.com/a", qr.Options{Size: 132}).Image())
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	var bits []byte
	n := 0
	put := func(value uint32, count int) {
		for i := range count {
			if n%8 == 0 {
				bits = append(bits, 0)
			}
			bits[n/8] |= byte(value>>i&1) << (n % 8)
			n++
		}
	}
	put(0x2f, 8)
	put(uint32(w-1), 14)
	put(uint32(h-1), 14)
	put(0, 1+3) // no alpha, version 0
	put(0, 1)   // no transform
	put(0, 1)   // no colour cache
	put(0, 1)   // one group of prefix codes
	// Green has two symbols, 0 and 255; the others one, 0 (255 for alpha).
	put(1, 1)
	put(1, 1)
	put(1, 1)
	put(0, 8)
	put(255, 8)
	for _, symbol := range []uint32{0, 0, 255, 0} { // red, blue, alpha, distance
		put(1, 1)
		put(0, 1)
		put(1, 1)
		put(symbol, 8)
	}
	for _, v := range m.Pix {
		put(uint32(v>>7), 1)
	}
	body := append([]byte("WEBPVP8L"), binary.LittleEndian.AppendUint32(nil, uint32(len(bits)))...)
	body = append(body, bits...)
	if len(bits)%2 == 1 {
		body = append(body, 0)
	}
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

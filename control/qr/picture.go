package qr

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"time"

	"golang.org/x/image/webp"
)

// Limits bound what reading a picture may take; zero means the default.
type Limits struct {
	Bytes  int64         // of the file; 0: 16 MiB
	Pixels int64         // width × height; 0: 40 million
	Memory int64         // bytes the decoded picture may take; 0: 192 MiB
	Time   time.Duration // for looking for codes, beside the context; 0: 2 s
	Codes  int           // found at most; 0: 64
}

func (l Limits) withDefaults() Limits {
	if l.Bytes == 0 {
		l.Bytes = 16 << 20
	}
	if l.Pixels == 0 {
		l.Pixels = 40_000_000
	}
	if l.Memory == 0 {
		l.Memory = 192 << 20
	}
	if l.Time == 0 {
		l.Time = 2 * time.Second
	}
	if l.Codes == 0 {
		l.Codes = 64
	}
	return l
}

// What may be wrong with a picture. Errors say more and wrap one of these.
var (
	ErrNotPicture = errors.New("not a picture that can be read")
	ErrTooLarge   = errors.New("the picture is too large")
	ErrNoCode     = errors.New("no QR code found")
)

// format is a picture format we read. Only these: none that another package
// happens to register.
type format struct {
	name   string
	begins func(data []byte) bool
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

func formats() []format {
	magic := func(texts ...string) func([]byte) bool {
		return func(data []byte) bool {
			for _, text := range texts {
				if bytes.HasPrefix(data, []byte(text)) {
					return true
				}
			}
			return false
		}
	}
	return []format{
		{"PNG", magic("\x89PNG\r\n\x1a\n"), png.DecodeConfig, png.Decode},
		{"JPEG", magic("\xff\xd8\xff"), jpeg.DecodeConfig, jpeg.Decode},
		{"GIF", magic("GIF87a", "GIF89a"), gif.DecodeConfig, gif.Decode}, // the first frame alone
		{"WebP", func(data []byte) bool {
			return len(data) >= 12 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP"
		}, webp.DecodeConfig, webp.Decode},
	}
}

// ReadPicture reads a PNG, JPEG, GIF (its first frame) or WebP picture within
// limits; one too large is refused by its header. Errors wrap ErrNotPicture or
// ErrTooLarge, or are the reader's own.
func ReadPicture(r io.Reader, limits Limits) (image.Image, error) {
	limits = limits.withDefaults()
	data, err := io.ReadAll(io.LimitReader(r, limits.Bytes+1))
	if err != nil {
		return nil, fmt.Errorf("read picture: %w", err)
	}
	if int64(len(data)) > limits.Bytes {
		return nil, fmt.Errorf("%w: more than %d bytes; send a smaller one", ErrTooLarge, limits.Bytes)
	}
	for _, f := range formats() {
		if f.begins(data) {
			return f.read(data, limits)
		}
	}
	if len(data) == 0 {
		return nil, fmt.Errorf("%w: it is empty", ErrNotPicture)
	}
	return nil, fmt.Errorf("%w: it is neither PNG, JPEG, GIF nor WebP", ErrNotPicture)
}

func (f format) read(data []byte, limits Limits) (picture image.Image, err error) {
	// Decoders of pictures are where surprises live.
	defer func() {
		if r := recover(); r != nil {
			picture, err = nil, fmt.Errorf("%w: broken %s: %v", ErrNotPicture, f.name, r)
		}
	}()
	config, err := f.config(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%w: broken %s: %w", ErrNotPicture, f.name, err)
	}
	if config.Width < 1 || config.Height < 1 {
		return nil, fmt.Errorf("%w: %s of %d × %d pixels", ErrNotPicture, f.name, config.Width, config.Height)
	}
	pixels := int64(config.Width) * int64(config.Height)
	if pixels > limits.Pixels {
		return nil, fmt.Errorf("%w: %d × %d pixels, at most %d in all; send a smaller one", ErrTooLarge, config.Width, config.Height, limits.Pixels)
	}
	if need := pixels * f.cost(data, config.ColorModel); need > limits.Memory {
		return nil, fmt.Errorf("%w: %d × %d pixels of this %s take %d MiB; send a smaller or plainer one",
			ErrTooLarge, config.Width, config.Height, f.name, need>>20)
	}
	picture, err = f.decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%w: broken %s: %w", ErrNotPicture, f.name, err)
	}
	if b := picture.Bounds(); b.Empty() || int64(b.Dx())*int64(b.Dy()) > limits.Pixels {
		return nil, fmt.Errorf("%w: %s of %v", ErrNotPicture, f.name, b)
	}
	return picture, nil
}

// cost is how many bytes a pixel takes while the picture is decoded, at most.
func (f format) cost(data []byte, model color.Model) int64 {
	switch f.name {
	case "JPEG":
		if progressive(data) {
			return 4*4 + 4 // four components' coefficients of 32 bits, and the planes
		}
		return 4
	case "GIF":
		return 1
	case "WebP":
		return 9 // NRGBA, transforms, alpha
	}
	switch model {
	case color.GrayModel:
		return 2 // twice for interlaced ones
	case color.RGBA64Model, color.NRGBA64Model:
		return 16
	case color.Gray16Model:
		return 4
	}
	return 8
}

// progressive reports whether a JPEG keeps its coefficients in memory: its frame
// header is SOF2 (ISO/IEC 10918-1, table B.1).
func progressive(data []byte) bool {
	for i := 2; i+4 <= len(data); {
		if data[i] != 0xff {
			i++ // garbage, which decoders skip too
			continue
		}
		switch m := data[i+1]; {
		case m == 0xc2:
			return true
		case m == 0xda || m == 0xd9: // the scan, the end
			return false
		case m == 0xff:
			i++
		case m == 0x00 || m == 0x01 || m >= 0xd0 && m <= 0xd8:
			i += 2
		default:
			i += 2 + int(data[i+2])<<8 + int(data[i+3])
		}
	}
	return false
}

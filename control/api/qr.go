package api

import (
	"bytes"
	"context"
	"errors"
	"image"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"suodi/control/link"
	"suodi/control/qr"
)

const (
	// maxPicture bounds an uploaded picture, in bytes.
	maxPicture = 16 << 20
	// picturesAtOnce bounds how many uploaded pictures are worked on: each
	// may take qr's memory limit and a core.
	picturesAtOnce = 2
	// maxLogoPixels bounds a logo, which is drawn small.
	maxLogoPixels = 4_000_000
)

// QRInput says how a code looks.
type QRInput struct {
	Size   int    `query:"size" json:"size,omitempty" minimum:"1" maximum:"4096" doc:"Side of the picture in pixels; 512 when left out."`
	Margin int    `query:"margin" json:"margin,omitempty" minimum:"1" maximum:"32" doc:"Quiet zone in modules; 4 when left out."`
	Level  string `query:"level" json:"level,omitempty" enum:"L,M,Q,H" doc:"Error correction; M when left out, H with a logo."`
	Style  string `query:"style" json:"style,omitempty" enum:"square,rounded,dots" doc:"Shape of the modules; square when left out."`
	Dark   string `query:"dark" json:"dark,omitempty" doc:"Colour of the modules as rrggbb; black when left out."`
	Light  string `query:"light" json:"light,omitempty" doc:"Colour of the ground as rrggbb; white when left out."`
	Format string `query:"format" json:"format,omitempty" enum:"png,svg" doc:"png when left out."`
}

func (in *QRInput) options() (o qr.Options, f qr.Format, err error) {
	o.Size, o.Margin = in.Size, in.Margin
	err = errors.Join(o.Level.UnmarshalText([]byte(in.Level)), o.Style.UnmarshalText([]byte(in.Style)))
	for _, c := range []struct {
		name, text string
		to         *qr.Color
	}{{"dark", in.Dark, &o.Dark}, {"light", in.Light, &o.Light}} {
		if c.text == "" || err != nil {
			continue
		}
		color, wrong := qr.ParseColor(c.text)
		if wrong != nil {
			err = &qr.OptionError{Option: c.name, Reason: wrong.Error()}
		}
		*c.to = color
	}
	if in.Format == "svg" {
		f = qr.SVG
	}
	return o, f, err
}

type qrOutput struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

// LinkQRInput asks for a link's code.
type LinkQRInput struct {
	LinkPath
	QRInput
	Source string `query:"source" doc:"Placement the code hangs at, at most 32 characters: recorded with each click."`
}

type logoQRInput struct {
	LinkQRInput
	LogoShare int `query:"logo_share" minimum:"1" maximum:"100" doc:"Percent of the side that the logo takes; as much as the level bears when left out."`
	RawBody   []byte
}

type placementsInput struct {
	LinkPath
	Body struct {
		QRInput
		Sources []string `json:"sources" minItems:"1" maxItems:"1000" doc:"Names of the placements, at most 32 characters each."`
	}
}

type decodeQRInput struct {
	RawBody []byte
}

type decodeQROutput struct {
	Body struct {
		Codes []codeBody `json:"codes" doc:"Every code in the picture, top to bottom."`
	}
}

type codeBody struct {
	Text    string    `json:"text" doc:"What the code says, as it is."`
	Kind    qr.Kind   `json:"kind" enum:"url,text" doc:"What that is."`
	URL     string    `json:"url,omitempty" doc:"The address as a link would have it: give it to POST /v1/links to shorten it."`
	Problem string    `json:"problem,omitempty" doc:"Why the address cannot be shortened."`
	Level   string    `json:"level" doc:"The code's error correction."`
	Corners [4][2]int `json:"corners" doc:"Top left, top right, bottom right and bottom left, in pixels."`
}

func (s *service) qrCodes(api huma.API) {
	picture := map[string]*huma.MediaType{"image/png": {}, "image/svg+xml": {}}
	get := operation("link-qr", http.MethodGet, "/v1/links/{domain}/{slug}/qr", "Draw a link's QR code", "qr")
	get.Responses = map[string]*huma.Response{"200": {Description: "The code.", Content: picture}}
	huma.Register(api, get, func(ctx context.Context, in *LinkQRInput) (*qrOutput, error) { return s.linkQR(ctx, in, nil, 0) })

	logo := operation("link-qr-logo", http.MethodPost, "/v1/links/{domain}/{slug}/qr", "Draw a link's QR code with a logo", "qr")
	logo.RequestBody = pictureBody("The logo: a PNG, JPEG, GIF or WebP picture.")
	logo.Responses = get.Responses
	huma.Register(api, logo, s.logoQR)

	placements := operation("link-qr-placements", http.MethodPost, "/v1/links/{domain}/{slug}/qr/placements",
		"Draw a link's QR code for many placements, as a ZIP with a table", "qr")
	placements.Responses = map[string]*huma.Response{
		"200": {Description: "The archive.", Content: map[string]*huma.MediaType{"application/zip": {}}},
	}
	huma.Register(api, placements, s.placementsQR)

	decode := operation("decode-qr", http.MethodPost, "/v1/qr/decode", "Read the QR codes in a picture", "qr")
	decode.RequestBody = pictureBody("A PNG, JPEG, GIF or WebP picture.")
	decode.MaxBodyBytes = maxPicture
	huma.Register(api, decode, s.decodeQR)
}

func pictureBody(what string) *huma.RequestBody {
	content := map[string]*huma.MediaType{}
	for _, kind := range []string{"image/png", "image/jpeg", "image/gif", "image/webp"} {
		content[kind] = &huma.MediaType{Schema: &huma.Schema{Type: "string", Format: "binary"}}
	}
	return &huma.RequestBody{Required: true, Description: what, Content: content}
}

func (s *service) shortURL(ctx context.Context, path LinkPath) (string, error) {
	key, err := path.key()
	if err != nil {
		return "", err
	}
	l, d, err := s.readLink(ctx, key, false)
	if err != nil {
		return "", err
	}
	return d.show(l).ShortURL, nil
}

func (s *service) linkQR(ctx context.Context, in *LinkQRInput, logo image.Image, share int) (*qrOutput, error) {
	address, err := s.shortURL(ctx, in.LinkPath)
	if err != nil {
		return nil, err
	}
	options, format, err := in.options()
	if err != nil {
		return nil, qrProblem("query", err)
	}
	options.Logo, options.LogoShare = logo, share
	if in.Source != "" {
		if address, err = qr.WithPlacement(address, in.Source); err != nil {
			return nil, qrProblem("query", err)
		}
	}
	code, err := qr.Encode(address, options)
	if err != nil {
		return nil, qrProblem("query", err)
	}
	var b bytes.Buffer
	if err := code.Draw(&b, format); err != nil {
		return nil, fromError(err)
	}
	return &qrOutput{ContentType: format.MediaType(), Body: b.Bytes()}, nil
}

// takePicture waits for its turn to work on an uploaded picture; done ends it.
func (s *service) takePicture(ctx context.Context) (done func(), err error) {
	select {
	case s.pictures <- struct{}{}:
		return func() { <-s.pictures }, nil
	case <-ctx.Done():
		return nil, fromError(ctx.Err())
	}
}

func (s *service) logoQR(ctx context.Context, in *logoQRInput) (*qrOutput, error) {
	done, err := s.takePicture(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	logo, err := qr.ReadPicture(bytes.NewReader(in.RawBody), qr.Limits{Pixels: maxLogoPixels})
	if err != nil {
		return nil, qrProblem("body", err)
	}
	return s.linkQR(ctx, &in.LinkQRInput, logo, in.LogoShare)
}

func (s *service) placementsQR(ctx context.Context, in *placementsInput) (*huma.StreamResponse, error) {
	address, err := s.shortURL(ctx, in.LinkPath)
	if err != nil {
		return nil, err
	}
	p := qr.Placements{ShortURL: address, Names: in.Body.Sources}
	if p.Options, p.Format, err = in.Body.options(); err != nil {
		return nil, qrProblem("body", err)
	}
	if err := p.Check(); err != nil {
		return nil, qrProblem("body", err)
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		ctx.SetHeader("Content-Type", "application/zip")
		ctx.SetHeader("Content-Disposition", `attachment; filename="placements.zip"`)
		if err := p.WriteZIP(ctx.BodyWriter()); err != nil {
			// The client went away, or shall see that the archive is not whole.
			panic(http.ErrAbortHandler)
		}
	}}, nil
}

func (s *service) decodeQR(ctx context.Context, in *decodeQRInput) (*decodeQROutput, error) {
	done, err := s.takePicture(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	results, err := qr.Decode(ctx, bytes.NewReader(in.RawBody), qr.Limits{})
	if err != nil {
		return nil, qrProblem("body", err)
	}
	d, err := s.directory(ctx, true)
	if err != nil {
		return nil, err
	}
	out := &decodeQROutput{}
	for _, r := range results {
		body := codeBody{Text: r.Text, Kind: r.Kind, Level: r.Level.String()}
		for i, p := range r.Corners {
			body.Corners[i] = [2]int{p.X, p.Y}
		}
		if r.Kind == qr.URL {
			if to, err := link.ParseDestination(r.Address, d.policy()); err != nil {
				body.Problem = err.Error()
			} else {
				body.URL = to.URL
			}
		}
		out.Body.Codes = append(out.Body.Codes, body)
	}
	return out, nil
}

// qrProblem says what is wrong with a code's options, or with a picture.
func qrProblem(where string, err error) error {
	var option *qr.OptionError
	switch {
	case errors.As(err, &option):
		return problem(http.StatusUnprocessableEntity, err.Error(),
			&huma.ErrorDetail{Location: where + "." + option.Option, Message: option.Reason})
	case errors.Is(err, qr.ErrTooLarge):
		return problem(http.StatusRequestEntityTooLarge, err.Error())
	case errors.Is(err, qr.ErrNotPicture), errors.Is(err, qr.ErrNoCode):
		return problem(http.StatusUnprocessableEntity, err.Error(), &huma.ErrorDetail{Location: "body", Message: err.Error()})
	}
	return fromError(err)
}

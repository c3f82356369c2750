package api_test

import (
	"archive/zip"
	"bytes"
	"image"
	"image/png"
	"strings"
	"testing"

	"suodi/control/qr"
)

// read returns what the one code in a picture says.
func read(t *testing.T, picture []byte) string {
	t.Helper()
	results, err := qr.Decode(t.Context(), bytes.NewReader(picture), qr.Limits{})
	if err != nil || len(results) != 1 {
		t.Fatalf("%d codes, %v", len(results), err)
	}
	return results[0].Text
}

func TestLinkQR(t *testing.T) {
	n := open(t)
	n.do("POST", "/v1/links", `{"url":"https://example.org/","slug":"夏/天"}`).want(201)
	const path, short = "/v1/links/go.example.com/%E5%A4%8F%2F%E5%A4%A9/qr", "https://go.example.com/%E5%A4%8F/%E5%A4%A9"

	got := n.do("GET", path, "").want(200)
	if kind := got.header.Get("Content-Type"); kind != "image/png" || read(t, got.body) != short {
		t.Errorf("%s says %s", kind, read(t, got.body))
	}
	got = n.do("GET", path+"?size=300&margin=2&level=Q&style=dots&dark=102060&light=%23fff4dc&source=poster-3", "").want(200)
	if text := read(t, got.body); text != short+"?_s=poster-3" {
		t.Errorf("with a placement it says %s", text)
	}
	if config, err := png.DecodeConfig(bytes.NewReader(got.body)); err != nil || config.Width != 300 {
		t.Errorf("picture %+v, %v", config, err)
	}
	got = n.do("GET", path+"?format=svg", "").want(200)
	if kind := got.header.Get("Content-Type"); kind != "image/svg+xml" || !strings.HasPrefix(string(got.body), "<svg") {
		t.Errorf("%s: %.60s", kind, got.body)
	}
	var logo bytes.Buffer
	if err := png.Encode(&logo, image.NewGray(image.Rect(0, 0, 50, 50))); err != nil {
		t.Fatal(err)
	}
	with := n.do("POST", path+"?level=H", logo.String(), "Content-Type", "image/png").want(200)
	if plain := n.do("GET", path+"?level=H", "").want(200); read(t, with.body) != short || bytes.Equal(with.body, plain.body) {
		t.Error("the logo is not there, or hides the code")
	}

	for query, says := range map[string]string{
		"?size=5000": "4096", "?size=20": "at least", "?margin=99": "32", "?level=X": "level", "?style=x": "style", "?dark=red": "#rrggbb",
		"?dark=fff": "colors", "?format=pdf": "format", "?source=" + strings.Repeat("x", 33): "32", "?source=%00": "printed",
	} {
		n.do("GET", path+query, "").problem(422, says)
	}
	n.do("POST", path, "no picture", "Content-Type", "image/png").problem(422, "neither PNG")
	n.do("POST", path+"?logo_share=90", logo.String(), "Content-Type", "image/png").problem(422, "at most")
	n.do("GET", "/v1/links/go.example.com/none/qr", "").problem(404)
}

func TestQRPlacements(t *testing.T) {
	n := open(t)
	n.do("POST", "/v1/links", `{"url":"https://example.org/","slug":"a"}`).want(201)
	const path = "/v1/links/go.example.com/a/qr/placements"
	got := n.do("POST", path, `{"sources":["poster-3","=1+1"],"size":256}`).want(200)
	archive, err := zip.NewReader(bytes.NewReader(got.body), int64(len(got.body)))
	if err != nil || got.header.Get("Content-Type") != "application/zip" || len(archive.File) != 3 {
		t.Fatalf("%s: %v", got.header.Get("Content-Type"), err)
	}
	picture, err := archive.Open("poster-3.png")
	if err != nil {
		t.Fatal(err)
	}
	results, err := qr.Decode(t.Context(), picture, qr.Limits{})
	if err != nil || results[0].Text != "https://go.example.com/a?_s=poster-3" {
		t.Errorf("%+v, %v", results, err)
	}
	n.do("POST", path, `{"sources":[]}`).problem(422, "sources")
	n.do("POST", path, `{"sources":["a","a"]}`).problem(422, "twice")
	n.do("POST", path, `{"sources":["a"],"colour":"x"}`).problem(422, "colour")
}

func TestDecodeQR(t *testing.T) {
	n := open(t)
	picture := func(text string) string {
		code, err := qr.Encode(text, qr.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if err := code.PNG(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	send := func(body string) *answer {
		return n.do("POST", "/v1/qr/decode", body, "Content-Type", "image/png")
	}
	send(picture("HTTPS://Example.org")).want(200).is("HTTPS://Example.org", "codes", 0, "text").is("url", "codes", 0, "kind").
		is("https://example.org/", "codes", 0, "url").is("M", "codes", 0, "level")
	// What it offers to shorten can be.
	n.do("POST", "/v1/links", `{"url":"https://example.org/"}`).want(201)
	send(picture("缩地")).want(200).is("缩地", "codes", 0, "text").is("text", "codes", 0, "kind").is(nil, "codes", 0, "url")
	if own := send(picture("https://go.example.com/a")).want(200); !strings.Contains(own.unescaped(), "leads back") {
		t.Errorf("a code of our own: %s", own.body)
	}
	send("").problem(400)
	send("no picture").problem(422, "neither PNG")
	send(picture("a")[:200]).problem(422, "broken PNG")
	send("GIF89a\xff\xff\xff\xff\x00\x00\x00").problem(413, "65535")
	send(strings.Repeat("x", 16<<20+1)).problem(413)
	n.token = ""
	send(picture("a")).problem(401)
}

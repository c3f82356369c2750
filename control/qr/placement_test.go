package qr_test

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"suodi/control/qr"
)

func TestWithPlacement(t *testing.T) {
	const short = "https://go.example.com/a"
	for _, test := range []struct{ url, source, want string }{
		{short, "poster-3", short + "?_s=poster-3"},
		{short + "?x=1&x=2", "p", short + "?x=1&x=2&_s=p"},
		{short + "?_s=old&x=%2F", "new", short + "?x=%2F&_s=new"},
		{short + "?", "p", short + "?_s=p"},
		{short + "#part?", "p", short + "?_s=p#part?"},
		{short, "a b&c=d#e+f", short + "?_s=a%20b%26c%3Dd%23e%2Bf"},
		{short, "海报", short + "?_s=%E6%B5%B7%E6%8A%A5"},
		{short, strings.Repeat("海", 32), short + "?_s=" + strings.Repeat("%E6%B5%B7", 32)},
	} {
		if got, err := qr.WithPlacement(test.url, test.source); err != nil || got != test.want {
			t.Errorf("%s at %q: got %s, %v; want %s", test.url, test.source, got, err, test.want)
		}
	}
	for _, source := range []string{"", strings.Repeat("x", 33), "a\nb", "a\x00", "\xff", "a\u202eb"} {
		var refused *qr.OptionError
		if got, err := qr.WithPlacement(short, source); !errors.As(err, &refused) || refused.Option != "source" {
			t.Errorf("%q: got %s, %v", source, got, err)
		}
	}
}

func TestPlacements(t *testing.T) {
	p := qr.Placements{
		ShortURL: "https://go.example.com/a",
		Names:    []string{"poster-3", "../../etc/passwd", "=1+1", "-x", "@a", "＝1", "海报", "Poster-3", "poster 3", "poster.3", "CON", "...", "placement", `a"b,c`},
	}
	var first, second bytes.Buffer
	if err := errors.Join(p.WriteZIP(&first), p.WriteZIP(&second)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("two archives of the same differ")
	}
	files, table := unpack(t, first.Bytes())
	if len(table) != len(p.Names)+1 || !slices.Equal(table[0], []string{"placement", "url", "file"}) {
		t.Fatalf("table is %q", table)
	}
	lower := map[string]bool{}
	for i, name := range p.Names {
		row := table[i+1]
		if strings.TrimPrefix(row[0], "'") != name {
			t.Errorf("row %d names %q, want %q", i, row[0], name)
		}
		for _, cell := range row {
			if strings.ContainsAny(cell[:1], "=+-@") || strings.HasPrefix(cell, "＝") {
				t.Errorf("cell %q is a formula to a spreadsheet", cell)
			}
		}
		file := row[2]
		if file == "" || strings.ContainsAny(file, `/\ :"`) || strings.HasPrefix(file, "-") || lower[strings.ToLower(file)] {
			t.Errorf("placement %q has the file %q", name, file)
		}
		lower[strings.ToLower(file)] = true
		want, err := qr.WithPlacement(p.ShortURL, name)
		if err != nil {
			t.Fatal(err)
		}
		if got := texts(t, files[file]); !slices.Equal(got, []string{want}) || row[1] != want {
			t.Errorf("%q: table says %s, picture %q; want %s", name, row[1], got, want)
		}
	}
}

func unpack(t *testing.T, archive []byte) (files map[string][]byte, table [][]string) {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	files = map[string][]byte{}
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(in) // checks sizes and sums
		if err != nil {
			t.Fatal(f.Name, err)
		}
		files[f.Name] = data
	}
	text, marked := strings.CutPrefix(string(files["placements.csv"]), "\ufeff")
	if !marked {
		t.Error("the table has no byte order mark")
	}
	if table, err = csv.NewReader(strings.NewReader(text)).ReadAll(); err != nil {
		t.Fatal(err)
	}
	return files, table
}

func TestPlacementsRefuses(t *testing.T) {
	many := make([]string, qr.MaxPlacements+1)
	for name, p := range map[string]qr.Placements{
		"none":      {},
		"too many":  {Names: many},
		"twice":     {Names: []string{"a", "b", "a"}},
		"long":      {Names: []string{strings.Repeat("x", 33)}},
		"too small": {Names: []string{"a"}, Options: qr.Options{Size: 10}},
	} {
		p.ShortURL = "https://go.example.com/a"
		var out bytes.Buffer
		if err := p.WriteZIP(&out); err == nil || out.Len() > 0 {
			t.Errorf("%s: %v after %d bytes", name, err, out.Len())
		}
	}
}

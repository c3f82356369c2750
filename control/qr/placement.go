package qr

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"fmt"
	"hash/crc32"
	"io"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// PlacementKey is the reserved query key that names a placement. Changing it
// breaks codes that are printed.
const PlacementKey = "_s"

// Limits of placements.
const (
	MaxPlacement  = 32   // characters of a name
	MaxPlacements = 1000 // in one archive
)

// WithPlacement returns a short URL that names the placement its code is shown
// at. One that it names already is replaced; everything else stays as it is.
func WithPlacement(shortURL, placement string) (string, error) {
	if err := checkPlacement(placement); err != nil {
		return "", err
	}
	address, fragment, hasFragment := strings.Cut(shortURL, "#")
	address, query, _ := strings.Cut(address, "?")
	var kept []string
	for pair := range strings.SplitSeq(query, "&") {
		if key, _, _ := strings.Cut(pair, "="); pair != "" && key != PlacementKey {
			kept = append(kept, pair)
		}
	}
	// A space as %20: a + is a space to some and a plus to others.
	value := strings.ReplaceAll(url.QueryEscape(placement), "+", "%20")
	address += "?" + strings.Join(append(kept, PlacementKey+"="+value), "&")
	if hasFragment {
		address += "#" + fragment
	}
	return address, nil
}

func checkPlacement(name string) error {
	switch {
	case name == "":
		return refuse("source", "is empty; name the placement")
	case !utf8.ValidString(name):
		return refuse("source", "is not valid UTF-8")
	case utf8.RuneCountInString(name) > MaxPlacement:
		return refuse("source", "%q has %d characters; give at most %d", clip(name, MaxPlacement), utf8.RuneCountInString(name), MaxPlacement)
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return refuse("source", "%q has a character that cannot be printed; remove it", name)
	}
	return nil
}

// Format is how codes are drawn into files.
type Format uint8

// Formats.
const (
	PNG Format = iota
	SVG
)

// Extension is the end of a file's name, with the dot.
func (f Format) Extension() string {
	if f == SVG {
		return ".svg"
	}
	return ".png"
}

// MediaType is the format's media type.
func (f Format) MediaType() string {
	if f == SVG {
		return "image/svg+xml"
	}
	return "image/png"
}

// Draw writes the code in a format.
func (c *Code) Draw(w io.Writer, f Format) error {
	if f == SVG {
		return c.SVG(w)
	}
	return c.PNG(w)
}

// Placements is one short URL shown at many places.
type Placements struct {
	ShortURL string
	Names    []string // one for each place, all different
	Options  Options
	Format   Format
}

// Check says what is wrong with the placements before anything is written.
func (p Placements) Check() error {
	switch {
	case len(p.Names) == 0:
		return refuse("sources", "are missing; name at least one placement")
	case len(p.Names) > MaxPlacements:
		return refuse("sources", "%d placements; give at most %d at once", len(p.Names), MaxPlacements)
	}
	seen := make(map[string]bool, len(p.Names))
	longest := ""
	for _, name := range p.Names {
		if err := checkPlacement(name); err != nil {
			return err
		}
		if seen[name] {
			return refuse("sources", "%q is there twice; name each placement once", name)
		}
		seen[name] = true
		if address, _ := WithPlacement(p.ShortURL, name); len(address) > len(longest) {
			longest = address
		}
	}
	_, err := Encode(longest, p.Options)
	return err
}

// WriteZIP writes an archive with one picture for each placement, and
// placements.csv, which lists placement, url and file. Nothing but the picture
// being written is kept in memory, and equal placements give equal archives.
func (p Placements) WriteZIP(w io.Writer) error {
	if err := p.Check(); err != nil {
		return err
	}
	archive := zip.NewWriter(w)
	// UTF-8 with a byte order mark, without which spreadsheets guess.
	table := bytes.NewBufferString("\ufeff")
	rows := csv.NewWriter(table)
	rows.UseCRLF = true
	_ = rows.Write([]string{"placement", "url", "file"}) // into memory
	taken := map[string]bool{}
	var picture bytes.Buffer
	for _, name := range p.Names {
		address, err := WithPlacement(p.ShortURL, name)
		if err != nil {
			return err
		}
		code, err := Encode(address, p.Options)
		if err != nil {
			return err
		}
		picture.Reset()
		if err := code.Draw(&picture, p.Format); err != nil {
			return err
		}
		file := fileName(name, p.Format.Extension(), taken)
		if err := store(archive, file, picture.Bytes()); err != nil {
			return err
		}
		_ = rows.Write([]string{inert(name), inert(address), inert(file)})
	}
	rows.Flush()
	if err := store(archive, "placements.csv", table.Bytes()); err != nil {
		return err
	}
	if err := archive.Close(); err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	return nil
}

// store adds a file as it is, its size said ahead, so that also programs that
// read archives as they come can unpack it. Pictures do not compress.
func store(archive *zip.Writer, name string, data []byte) error {
	size := uint64(len(data))
	f, err := archive.CreateRaw(&zip.FileHeader{
		Name: name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(data), CompressedSize64: size, UncompressedSize64: size,
		Flags: 0x800, // the name is UTF-8
	})
	if err == nil {
		_, err = f.Write(data)
	}
	if err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	return nil
}

// inert keeps spreadsheets from running a cell as a formula
// (https://owasp.org/www-community/attacks/CSV_Injection).
func inert(cell string) string {
	if strings.ContainsAny(cell[:min(1, len(cell))], "=+-@\t\r") || strings.HasPrefix(cell, "＝") || strings.HasPrefix(cell, "＋") ||
		strings.HasPrefix(cell, "－") || strings.HasPrefix(cell, "＠") {
		return "'" + cell
	}
	return cell
}

// fileName makes a placement's name one that every system takes, and that none
// in the archive has, whatever the case.
func fileName(name, extension string, taken map[string]bool) string {
	base := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, name)
	switch lower := strings.ToLower(base); {
	case strings.Trim(base, "-") == "":
		base = "placement"
	case lower == "con" || lower == "prn" || lower == "aux" || lower == "nul" ||
		len(lower) == 4 && (lower[:3] == "com" || lower[:3] == "lpt"):
		base = "placement-" + base // names of devices on Windows
	case base[0] == '-':
		base = "_" + base[1:] // else it looks like a flag
	}
	file := base + extension
	for n := 2; taken[strings.ToLower(file)]; n++ {
		file = fmt.Sprintf("%s-%d%s", base, n, extension)
	}
	taken[strings.ToLower(file)] = true
	return file
}

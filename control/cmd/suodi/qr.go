package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"suodi/control/qr"
)

func (c *cli) qrCommand() *cobra.Command {
	cmd := group("qr", "Read QR codes", "Read the QR codes in pictures. `suodi link qr LINK` draws the code of a link.")
	cmd.AddCommand(c.qrDecode())
	return cmd
}

// codeReply is a code as `qr decode --json` prints it.
type codeReply struct {
	Text     string   `json:"text"`
	Kind     qr.Kind  `json:"kind"`
	Level    qr.Level `json:"level"`
	ShortURL string   `json:"short_url,omitempty"`
}

func (c *cli) qrDecode() *cobra.Command {
	shorten := false
	cmd := &cobra.Command{
		Use: "decode FILE", Short: "Print what the QR codes in a picture say", Args: wants("the file"),
		Long: "Print what the QR codes in a picture say, a line each, top to bottom. The picture is PNG, JPEG, GIF or WebP, turned, " +
			"tilted or a photograph; - is the standard input. It is read here: no control plane is needed, unless links are made.",
		Example: `  suodi qr decode poster.jpg
  suodi qr decode poster.jpg --shorten`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.decodePicture(cmd.Context(), args[0], shorten)
		},
	}
	cmd.Flags().BoolVar(&shorten, "shorten", false, "make a link to each address and print its short URL instead")
	return c.remote(cmd)
}

func (c *cli) decodePicture(ctx context.Context, name string, shorten bool) error {
	in := c.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }() // it is only read
		in = f
	}
	results, err := qr.Decode(ctx, in, qr.Limits{})
	if err != nil {
		return fmt.Errorf("%s: %w", printable(name), err)
	}
	codes := make([]codeReply, len(results))
	for i, r := range results {
		codes[i] = codeReply{Text: r.Text, Kind: r.Kind, Level: r.Level}
		if r.Kind != qr.URL || !shorten {
			continue
		}
		var made linkReply
		body := map[string]any{"url": r.Address, "find_or_create": true}
		if _, err := c.do(ctx, call{method: http.MethodPost, path: "/v1/links", body: body}, &made); err != nil {
			return err
		}
		codes[i].ShortURL = made.ShortURL
	}
	if c.json {
		return c.printJSON(map[string]any{"codes": codes})
	}
	addresses := false
	for _, code := range codes {
		addresses = addresses || code.Kind == qr.URL
		if _, err := fmt.Fprintln(c.stdout, printable(firstOf(code.ShortURL, code.Text))); err != nil {
			return err
		}
	}
	if addresses && !shorten {
		c.say("suodi: --shorten makes a link of an address")
	}
	return nil
}

// qrFlags say how a code is drawn.
type qrFlags struct {
	out, source, level, style, dark, light, logo string
	size, margin, logoShare                      int
}

func (c *cli) linkQR() *cobra.Command {
	f := &qrFlags{}
	cmd := &cobra.Command{
		Use: "qr LINK", Short: "Draw a link's QR code, into the terminal or a file", Args: wants("the link"),
		Example: `  suodi link qr hello
  suodi link qr hello -o hello.svg --style rounded --dark 1a2b6c
  suodi link qr hello -o poster-3.png --size 1200 --source poster-3 --logo logo.png`,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			options, err := f.options()
			if err != nil {
				return wrongUse(cmd, "%s", err)
			}
			return c.drawLink(cmd, args[0], f, options)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.out, "out", "o", "", "`file` to write, ending in .png or .svg; left out, the terminal")
	flags.StringVar(&f.source, "source", "", "`name` of the placement the code hangs at, recorded with each click")
	flags.IntVar(&f.size, "size", 0, "side of the picture in `pixels` (default 512)")
	flags.IntVar(&f.margin, "margin", 0, "quiet zone in `modules` (default 4)")
	flags.StringVar(&f.level, "level", "", "error correction: `one` of L, M, Q, H (default M, with a logo H)")
	flags.StringVar(&f.style, "style", "", "shape of the modules: `one` of square, rounded, dots (default square)")
	flags.StringVar(&f.dark, "dark", "", "`rrggbb` of the modules (default black)")
	flags.StringVar(&f.light, "light", "", "`rrggbb` of the ground (default white)")
	flags.StringVar(&f.logo, "logo", "", "picture `file` drawn in the middle")
	flags.IntVar(&f.logoShare, "logo-share", 0, "`percent` of the side that the logo takes (default as much as the level bears)")
	complete(cmd, "level", cobra.FixedCompletions([]string{"L", "M", "Q", "H"}, cobra.ShellCompDirectiveNoFileComp))
	complete(cmd, "style", cobra.FixedCompletions([]string{"square", "rounded", "dots"}, cobra.ShellCompDirectiveNoFileComp))
	for _, name := range []string{"source", "size", "margin", "dark", "light", "logo-share"} {
		complete(cmd, name, cobra.NoFileCompletions)
	}
	return cmd
}

func (f *qrFlags) options() (o qr.Options, err error) {
	o = qr.Options{Size: f.size, Margin: f.margin, LogoShare: f.logoShare}
	if err := errors.Join(o.Level.UnmarshalText([]byte(f.level)), o.Style.UnmarshalText([]byte(f.style))); err != nil {
		return o, err
	}
	for _, c := range []struct {
		flag, text string
		to         *qr.Color
	}{{"--dark", f.dark, &o.Dark}, {"--light", f.light, &o.Light}} {
		if c.text == "" {
			continue
		}
		if *c.to, err = qr.ParseColor(c.text); err != nil {
			return o, fmt.Errorf("%s: %w", c.flag, err)
		}
	}
	switch strings.ToLower(filepath.Ext(f.out)) {
	case ".png", ".svg":
	default:
		if f.out != "" {
			return o, fmt.Errorf("-o %s: want a name that ends in .png or .svg", f.out)
		}
	}
	return o, nil
}

// drawLink asks for the link's short URL and draws its code here.
func (c *cli) drawLink(cmd *cobra.Command, name string, f *qrFlags, options qr.Options) error {
	if f.logo != "" {
		picture, err := os.Open(f.logo)
		if err != nil {
			return err
		}
		options.Logo, err = qr.ReadPicture(picture, qr.Limits{})
		_ = picture.Close() // it is only read
		if err != nil {
			return fmt.Errorf("%s: %w", printable(f.logo), err)
		}
	}
	s, err := c.connect()
	if err != nil {
		return err
	}
	key, err := s.find(cmd.Context(), name)
	if err != nil {
		return err
	}
	var l linkReply
	if _, err := s.do(cmd.Context(), call{method: http.MethodGet, path: linkPath(key)}, &l); err != nil {
		return s.explain(err)
	}
	address := l.ShortURL
	if f.source != "" {
		if address, err = qr.WithPlacement(address, f.source); err != nil {
			return wrongUse(cmd, "--%s", err)
		}
	}
	code, err := qr.Encode(address, options)
	if err != nil {
		return wrongUse(cmd, "%s", err)
	}
	if f.out == "" {
		return code.Terminal(c.stdout, c.styleOf(c.stdout).on)
	}
	format := qr.PNG
	if strings.EqualFold(filepath.Ext(f.out), ".svg") {
		format = qr.SVG
	}
	var b bytes.Buffer
	if err := code.Draw(&b, format); err != nil {
		return err
	}
	if err := os.WriteFile(f.out, b.Bytes(), 0o644); err != nil {
		return err
	}
	c.say("%s says %s", f.out, address)
	return nil
}

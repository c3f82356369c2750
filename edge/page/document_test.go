package page_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"suodi/edge/page"
)

// checkNoRequests fails when anything in the page could fetch something.
func checkNoRequests(t *testing.T, root *html.Node) {
	t.Helper()
	for n := range root.Descendants() {
		switch n.Data {
		case "img", "link", "iframe", "object", "embed", "audio", "video", "source", "use", "image", "form", "base":
			t.Errorf("<%s> in a page", n.Data)
		}
		for _, a := range n.Attr {
			switch a.Key {
			case "src", "href", "srcset", "style", "action", "data", "ping", "http-equiv":
				t.Errorf("attribute %s on <%s>", a.Key, n.Data)
			}
			if strings.HasPrefix(a.Key, "on") {
				t.Errorf("event handler %s on <%s>", a.Key, n.Data)
			}
		}
	}
	for _, style := range all(root, "style") {
		if css := text(style); strings.Contains(css, "url(") || strings.Contains(css, "@import") {
			t.Error("the style fetches something")
		}
	}
}

// checkPolicy fails unless the policy admits what is inline, and no more.
func checkPolicy(t *testing.T, kind page.Kind, root *html.Node) {
	t.Helper()
	hash := func(n *html.Node) string {
		sum := sha256.Sum256([]byte(text(n)))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	want := "default-src 'none'; style-src " + hash(one(t, root, "style"))
	scripts := all(root, "script")
	if (len(scripts) == 1) != (kind == page.Guide) {
		t.Errorf("%d scripts", len(scripts))
	}
	for _, script := range scripts {
		want += "; script-src " + hash(script)
	}
	want += "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	if got := set.ContentSecurityPolicy(kind); got != want {
		t.Errorf("policy is\n%s\nwant\n%s", got, want)
	}
}

var void = map[string]bool{"meta": true, "circle": true, "path": true}

// parse parses a page and fails if its tags do not nest and close as written.
func parse(t *testing.T, out []byte) *html.Node {
	t.Helper()
	var open []string
	for z := html.NewTokenizer(bytes.NewReader(out)); ; {
		token := z.Next()
		name, _ := z.TagName()
		switch token {
		case html.StartTagToken:
			if !void[string(name)] {
				open = append(open, string(name))
			}
		case html.EndTagToken:
			if len(open) == 0 || open[len(open)-1] != string(name) {
				t.Fatalf("</%s> closes %v", name, open)
			}
			open = open[:len(open)-1]
		case html.ErrorToken:
			if len(open) != 0 {
				t.Fatalf("not closed: %v", open)
			}
			root, err := html.Parse(bytes.NewReader(out))
			if err != nil {
				t.Fatal(err)
			}
			return root
		}
	}
}

func all(root *html.Node, name string) (found []*html.Node) {
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && n.Data == name {
			found = append(found, n)
		}
	}
	return found
}

func one(t *testing.T, root *html.Node, name string) *html.Node {
	t.Helper()
	found := all(root, name)
	if len(found) != 1 {
		t.Fatalf("%d <%s>, want one", len(found), name)
	}
	return found[0]
}

func text(root *html.Node) string {
	var b strings.Builder
	for n := range root.Descendants() {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
		}
	}
	return b.String()
}

func has(n *html.Node, key string) bool {
	for _, a := range n.Attr {
		if a.Key == key {
			return true
		}
	}
	return false
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// skeleton is everything in a page but what stands where dynamic text may.
func skeleton(root *html.Node) string {
	var b strings.Builder
	for n := range root.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "bdi" && n.Parent.Data != "code" {
			b.WriteString(n.Data)
		}
		if n.Type != html.TextNode {
			fmt.Fprintf(&b, "%d<%s %v>", n.Type, n.Data, n.Attr)
		}
	}
	return b.String()
}

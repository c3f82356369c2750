package main

import (
	"testing"

	"suodi/control/link"
)

func TestParseName(t *testing.T) {
	domains := registry{names: []link.Domain{"127.0.0.1", "s.example", "xn--fiq228c.example"}, standard: "127.0.0.1"}
	for _, c := range []struct {
		name, text, domain, slug string
	}{
		{"slug", "hello", "127.0.0.1", "hello"},
		{"slash before", "/hello", "127.0.0.1", "hello"},
		{"slug with a slash", "spring/sale", "127.0.0.1", "spring/sale"},
		{"slug like a host", "t.example/sale", "127.0.0.1", "t.example/sale"},
		{"slug of one word like a domain", "s.example", "127.0.0.1", "s.example"},
		{"domain and slug", "s.example/hello", "s.example", "hello"},
		{"domain in capitals", "S.Example/hello", "s.example", "hello"},
		{"domain in Unicode", "中文.example/hello", "xn--fiq228c.example", "hello"},
		{"domain and port", "127.0.0.1:8080/hello", "127.0.0.1", "hello"},
		{"domain and slug with slashes", "s.example/a/b", "s.example", "a/b"},
		{"short URL", "http://127.0.0.1:8080/hello", "127.0.0.1", "hello"},
		{"short URL of another domain", "https://s.example/a/b", "s.example", "a/b"},
		{"short URL of the preview", "https://s.example/hello+", "s.example", "hello"},
		{"short URL with query and fragment", "https://s.example/hello?a=b#c", "s.example", "hello"},
		{"percent-encoded", "https://s.example/%E4%BD%A0%E5%A5%BD", "s.example", "你好"},
		{"percent-encoded slash", "https://s.example/a%2Fb", "s.example", "a/b"},
		{"Unicode", "你好", "127.0.0.1", "你好"},
		{"decomposed", "cafe\u0301", "127.0.0.1", "café"},
	} {
		t.Run(c.name, func(t *testing.T) {
			key, err := parseName(c.text, domains)
			if err != nil || string(key.Domain) != c.domain || string(key.Slug) != c.slug {
				t.Errorf("got %v %v, want %s/%s", key, err, c.domain, c.slug)
			}
		})
	}
	for _, text := range []string{
		"", "/", "s.example/", "https://s.example/", "https://t.example/hello", "ftp://s.example/hello", "https://",
		"a?b", "a//b", "a/../b", "..", "%zz", "hello\n",
	} {
		t.Run("not "+text, func(t *testing.T) {
			if key, err := parseName(text, domains); err == nil {
				t.Errorf("got %v", key)
			}
		})
	}
}

func TestParseAddr(t *testing.T) {
	for text, want := range map[string]string{
		"http://127.0.0.1:7070": "http://127.0.0.1:7070", "127.0.0.1:7070": "http://127.0.0.1:7070", "localhost:1": "http://localhost:1",
		"[::1]:7070": "http://[::1]:7070", "https://control.example/": "https://control.example",
	} {
		u, err := parseAddr(text)
		if err != nil || u.Scheme+"://"+u.Host != want {
			t.Errorf("%q: got %v %v, want %s", text, u, err, want)
		}
	}
	for _, text := range []string{
		"http://control.example", "control.example:7070", "ftp://127.0.0.1", "http://", "http://u:p@127.0.0.1", "http://127.0.0.1/v1", "http://127.0.0.1?a", "::",
	} {
		if u, err := parseAddr(text); err == nil {
			t.Errorf("%q: got %v", text, u)
		}
	}
}

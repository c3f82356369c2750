package main

import (
	"bytes"
	"testing"
)

// TestTable holds that columns are in line whatever they hold, also on a later
// page.
func TestTable(t *testing.T) {
	var out bytes.Buffer
	tab := &table{out: &out, header: []string{"ID", "中文", "LAST"}}
	for _, rows := range [][][]string{
		{{"wechat", "微信", "x"}, {"é", "", "e\u0301"}},
		{{"a\x1b[31mb\n", "QQ", ""}},
	} {
		if err := tab.write(rows); err != nil {
			t.Fatal(err)
		}
	}
	want := "ID      中文  LAST\n" +
		"wechat  微信  x\n" +
		"é             e\u0301\n" +
		"a\uFFFD[31mb\uFFFD  QQ    \n"
	want = want[:len(want)-len("    \n")] + "\n" // no blanks at the end
	if out.String() != want {
		t.Errorf("got:\n%q\nwant:\n%q", out.String(), want)
	}
}

func TestShorten(t *testing.T) {
	for _, c := range []struct {
		text    string
		columns int
		want    string
	}{
		{"hello", 5, "hello"}, {"hello!", 5, "hell…"}, {"你好吗", 6, "你好吗"}, {"你好吗", 5, "你好…"}, {"你好吗", 4, "你…"}, {"", 3, ""},
	} {
		if got := shorten(c.text, c.columns); got != c.want || cells(got) > c.columns {
			t.Errorf("%q to %d: got %q, want %q", c.text, c.columns, got, c.want)
		}
	}
}

func TestShellQuote(t *testing.T) {
	for word, want := range map[string]string{"": "''", "bin/suodi": "bin/suodi", "a b": "'a b'", "it's": `'it'\''s'`, "$x": "'$x'"} {
		if got := shellQuote(word); got != want {
			t.Errorf("%q: got %s, want %s", word, got, want)
		}
	}
}

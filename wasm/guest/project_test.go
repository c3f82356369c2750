package guest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"suodi/wasm/abi"
	"suodi/wasm/guest"
)

// TestNew: a new project builds as it is, and does what its source says. Where
// the language allows it, it writes nothing.
func TestNew(t *testing.T) {
	for _, language := range guest.Languages() {
		t.Run(string(language), func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "new", "my-filter")
			if err := guest.New(dir, "my-filter", language); err != nil {
				t.Fatal(err)
			}
			in := start(t, build(t, dir, language))
			class := abi.Pure
			if language == guest.Go {
				class = abi.Go
			}
			if in.m.Class != class || in.m.Manifest.Name != "my-filter" {
				t.Errorf("class %s of %q; want %s", in.m.Class, in.m.Manifest.Name, class)
			}
			for _, test := range []struct {
				country, param string
				want           abi.Verdict
			}{
				{"US", "US", abi.NewVerdict(abi.Deny, 1)},
				{"US", "SG", abi.NewVerdict(abi.Pass, 0)},
				{"US", "USA", abi.NewVerdict(abi.Pass, 0)},
				{"US", "", abi.NewVerdict(abi.Pass, 0)},
			} {
				v := &abi.Visit{Facts: abi.FactCountry, Country: [2]byte([]byte(test.country))}
				in.want(v, `{"country":"`+test.param+`"}`, test.want, "")
			}
			// A project must build where Suodi's own module is not to be had.
			tree(t, dir, func(name, content string) {
				if strings.Contains(content, "suodi/wasm") {
					t.Errorf("%s names a package of Suodi's own module", name)
				}
			})
		})
	}
}

func tree(t *testing.T, dir string, see func(name, content string)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) == ".wasm" {
			return err
		}
		content, err := os.ReadFile(path)
		if err == nil {
			see(path, string(content))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestNewRefuses(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "mine.c"), []byte("int x;"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, dir, filter string
		language          guest.Language
		message           string
	}{
		{"a folder with files", full, "x", guest.C, "not empty"},
		{"a name in capitals", t.TempDir(), "Bad", guest.C, `filter name "Bad"`},
		{"an unknown language", t.TempDir(), "x", "cobol", `language "cobol"`},
		{"no language", t.TempDir(), "x", "", `language ""`},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := guest.New(test.dir, test.filter, test.language)
			if err == nil || !strings.Contains(err.Error(), test.message) {
				t.Errorf("%v; want %q", err, test.message)
			}
			entries, _ := os.ReadDir(test.dir)
			if want := test.dir == full; (len(entries) == 1) != want {
				t.Errorf("left %v", entries)
			}
		})
	}
	if err := guest.NewExample(t.TempDir(), "none"); err == nil || !strings.Contains(err.Error(), `example "none"`) {
		t.Errorf("an unknown example: %v", err)
	}
}

// TestExamplesReplaceTheStarter: an example has every file that it needs, and
// its manifest has its name.
func TestExamplesReplaceTheStarter(t *testing.T) {
	for _, e := range guest.Examples() {
		dir := t.TempDir()
		if err := guest.NewExample(dir, e.Name); err != nil {
			t.Fatal(err)
		}
		manifest, err := os.ReadFile(filepath.Join(dir, guest.ManifestFile))
		if err != nil {
			t.Fatal(err)
		}
		m, err := abi.ParseManifest(manifest)
		if err != nil || m.Name != e.Name {
			t.Errorf("%s: manifest of %q, %v", e.Name, m.Name, err)
		}
		tree(t, dir, func(name, content string) {
			if strings.Contains(content, "Refuses visits from one country") || strings.Contains(content, "refuses visits from one country") {
				t.Errorf("%s: %s is the starter's", e.Name, name)
			}
		})
	}
}

package guest

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"suodi/wasm/abi"
)

// What a project's files are called.
const (
	ModuleFile   = "filter.wasm"   // what make writes
	ManifestFile = "manifest.json" // beside it
)

//go:embed starter.json
//go:embed c/Makefile c/*.c c/*.h c/signed-link
//go:embed rust/Makefile rust/Cargo.toml rust/src rust/device-models
//go:embed assemblyscript/Makefile assemblyscript/*.json assemblyscript/assembly assemblyscript/country-split
//go:embed go/Makefile go/go.mod.txt go/main.go go/suodi/*.go go/weekday/main.go go/weekday/manifest.json
var sources embed.FS

// ignored is a project's .gitignore: what building makes, in any language.
const ignored = "/" + ModuleFile + "\n/node_modules/\n/target/\n"

// New writes a project for a filter of that name into a folder, which must be
// empty or not exist: a small filter to change, its manifest, the language's
// library and a Makefile.
func New(dir, name string, language Language) error {
	if !abi.ValidName(name) {
		return fmt.Errorf("filter name %q: want lower case letters, digits, - and _, a letter first, at most 63", name)
	}
	files, err := starter(language)
	if err != nil {
		return err
	}
	files[ManifestFile] = bytes.Replace(files[ManifestFile], []byte("NAME"), []byte(name), 1)
	return write(dir, files)
}

// NewExample writes the project of an example, under the same conditions.
func NewExample(dir, name string) error {
	list := Examples()
	at := slices.IndexFunc(list, func(e Example) bool { return e.Name == name })
	if at < 0 {
		return fmt.Errorf("example %q: there is none of that name", name)
	}
	files, err := starter(list[at].Language)
	if err != nil {
		return err
	}
	if err := collect(files, path.Join(string(list[at].Language), name)); err != nil {
		return err
	}
	return write(dir, files)
}

// starter returns the files that a project in a language begins with.
func starter(language Language) (map[string][]byte, error) {
	if _, err := ParseLanguage(string(language)); err != nil {
		return nil, err
	}
	manifest, err := sources.ReadFile("starter.json")
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{".gitignore": []byte(ignored), ManifestFile: manifest}
	if err := collect(files, string(language)); err != nil {
		return nil, err
	}
	for _, e := range Examples() {
		for name := range files {
			if strings.HasPrefix(name, e.Name+"/") {
				delete(files, name)
			}
		}
	}
	return files, nil
}

// collect adds the sources in a folder to files.
func collect(files map[string][]byte, folder string) error {
	return fs.WalkDir(sources, folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := sources.ReadFile(name)
		if err != nil {
			return err
		}
		to := strings.TrimPrefix(name, folder+"/")
		if to == "go.mod.txt" { // a go.mod here would take the folder out of our module
			to = "go.mod"
		}
		if strings.HasSuffix(to, ".go") { // the project has the library in its own module
			content = bytes.ReplaceAll(content, []byte(`"suodi/wasm/guest/go/`), []byte(`"filter/`))
		}
		files[to] = content
		return nil
	})
}

func write(dir string, files map[string][]byte) error {
	if entries, err := os.ReadDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	} else if len(entries) > 0 {
		return fmt.Errorf("%s is not empty: name another folder", dir)
	}
	for name, content := range files {
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

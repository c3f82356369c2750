package guest_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"suodi/wasm/abi"
	"suodi/wasm/filters"
	"suodi/wasm/guest"
	"suodi/wasm/meter"
)

const magic = "\x00asm\x01\x00\x00\x00"

func TestAddManifest(t *testing.T) {
	manifest := []byte(`{ "name": "other", "abi": 1, "needs": ["country"] }`)
	// The module has one already.
	joined, err := guest.AddManifest(filters.Platform, manifest)
	if err != nil {
		t.Fatal(err)
	}
	m, err := meter.Admit(joined, meter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if m.Manifest.Name != "other" || m.Manifest.Facts() != abi.FactCountry {
		t.Errorf("%+v", m.Manifest)
	}
	again, err := guest.AddManifest(joined, manifest)
	if err != nil || !bytes.Equal(again, joined) {
		t.Errorf("joined again it is another module: %v", err)
	}
	if !bytes.HasSuffix(joined, []byte(`{"name":"other","abi":1,"needs":["country"]}`)) {
		t.Error("the manifest is not the last section, or has white space")
	}
}

func TestAddManifestRefuses(t *testing.T) {
	const good = `{"name":"x","abi":1,"needs":[]}`
	for _, test := range []struct{ name, module, manifest, message string }{
		{"no module", "#!/bin/sh", good, "not a WebAssembly module"},
		{"empty", "", good, "not a WebAssembly module"},
		{"a section without a size", magic + "\x01", good, "the section at 8"},
		{"a section that is cut off", magic + "\x01\x04\x01\x60", good, "the section at 8"},
		{"a size beyond everything", magic + "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", good, "the section at 8"},
		{"no name", magic, `{"abi":1}`, `name ""`},
		{"an unknown field", magic, `{"name":"x","abi":1,"need":[]}`, "need"},
		{"no JSON", magic, `name: x`, "manifest"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := guest.AddManifest([]byte(test.module), []byte(test.manifest))
			if err == nil || !strings.Contains(err.Error(), test.message) {
				t.Errorf("%v; want %q", err, test.message)
			}
		})
	}
}

func FuzzAddManifest(f *testing.F) {
	f.Add(filters.Platform)
	f.Add([]byte(magic + "\x00\x0f\x0esuodi.manifest"))
	f.Add([]byte(magic + "\x00\x01\xff"))
	manifest := []byte(`{"name":"x","abi":1,"needs":[]}`)
	f.Fuzz(func(t *testing.T, module []byte) {
		joined, err := guest.AddManifest(module, manifest)
		if err != nil {
			return
		}
		again, err := guest.AddManifest(joined, manifest)
		if err != nil || !bytes.Equal(again, joined) {
			t.Errorf("%x became %x and then %x, %v", module, joined, again, err)
		}
	})
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "filter.wasm")
	if _, err := guest.Load(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(path, filters.Platform, 0o644); err != nil {
		t.Fatal(err)
	}
	if module, err := guest.Load(path); err != nil || !bytes.Equal(module, filters.Platform) {
		t.Errorf("without a manifest beside it: %d bytes, %v", len(module), err)
	}
	beside := filepath.Join(dir, guest.ManifestFile)
	if err := os.WriteFile(beside, []byte(`{"name":"other","abi":1,"needs":[]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if module, err := guest.Load(path); err != nil || !bytes.Contains(module, []byte(`"other"`)) {
		t.Errorf("with a manifest beside it: %v", err)
	}
	if err := os.WriteFile(beside, []byte(`{"name":"other","abi":2,"needs":[]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := guest.Load(path); err == nil || !strings.Contains(err.Error(), beside) || !strings.Contains(err.Error(), "abi 2") {
		t.Errorf("with a bad manifest beside it: %v", err)
	}
}

package guest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"suodi/wasm/abi"
)

// preamble begins every module: magic and version of the binary format.
const preamble = "\x00asm\x01\x00\x00\x00"

// Load reads a module from a file. If there is a manifest.json beside it, the
// module gets that as its manifest.
func Load(path string) ([]byte, error) {
	module, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	beside := filepath.Join(filepath.Dir(path), ManifestFile)
	manifest, err := os.ReadFile(beside)
	if errors.Is(err, fs.ErrNotExist) {
		return module, nil
	}
	if err != nil {
		return nil, err
	}
	joined, err := AddManifest(module, manifest)
	if err != nil {
		return nil, fmt.Errorf("%s with %s: %w", path, beside, err)
	}
	return joined, nil
}

// AddManifest returns the module with the manifest, which it checks, in its
// custom section, in place of any that it has.
func AddManifest(module, manifest []byte) ([]byte, error) {
	if _, err := abi.ParseManifest(manifest); err != nil {
		return nil, err
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, manifest); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	out, err := dropManifest(module)
	if err != nil {
		return nil, err
	}
	content := binary.AppendUvarint(nil, uint64(len(abi.ManifestSection)))
	content = append(content, abi.ManifestSection...)
	content = append(content, compact.Bytes()...)
	out = append(out, 0) // a custom section
	out = binary.AppendUvarint(out, uint64(len(content)))
	return append(out, content...), nil
}

// dropManifest returns a copy of the module without manifests. It looks at
// nothing but where sections begin and end.
func dropManifest(module []byte) ([]byte, error) {
	rest, ok := bytes.CutPrefix(module, []byte(preamble))
	if !ok {
		return nil, errors.New("not a WebAssembly module")
	}
	out := []byte(preamble)
	for len(rest) > 0 {
		size, n := binary.Uvarint(rest[1:])
		if n <= 0 || size > uint64(len(rest)-1-n) {
			return nil, fmt.Errorf("not a WebAssembly module: the section at %d does not end", len(module)-len(rest))
		}
		section := rest[:1+n+int(size)]
		rest = rest[len(section):]
		if section[0] == 0 && customName(section[1+n:]) == abi.ManifestSection {
			continue
		}
		out = append(out, section...)
	}
	return out, nil
}

// customName returns the name that a custom section's content begins with.
func customName(content []byte) string {
	size, n := binary.Uvarint(content)
	if n <= 0 || size > uint64(len(content)-n) {
		return ""
	}
	return string(content[n : n+int(size)])
}

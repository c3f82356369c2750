// Command gen compiles the rule sets of the folder it runs in to the modules
// beside them.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"suodi/wasm/rules"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	sources, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return err
	}
	for _, path := range sources {
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		module, err := compile(source)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := os.WriteFile(strings.TrimSuffix(path, ".yaml")+".wasm", module, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// compile compiles a rule set for every catalog there may be. A cluster gives
// platforms their numbers, so a filter that we ship may hold none: whatever
// they are, its bytes must be the same.
func compile(source []byte) ([]byte, error) {
	rs, err := rules.Parse(source)
	if err != nil {
		return nil, err
	}
	first, err := rules.Compile(rs, &anyCatalog{next: 1, step: 1})
	if err != nil {
		return nil, err
	}
	second, err := rules.Compile(rs, &anyCatalog{next: 255, step: -1})
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(first.Wasm, second.Wasm) {
		return nil, fmt.Errorf("a condition names a platform; the filters we ship must work with any catalog")
	}
	return first.Wasm, nil
}

// anyCatalog numbers ids as they are asked for.
type anyCatalog struct {
	ids        []string
	next, step int
}

func (c *anyCatalog) Number(id string) (uint8, bool) {
	for i, known := range c.ids {
		if known == id {
			return uint8(c.next + (i-len(c.ids))*c.step), true
		}
	}
	c.ids = append(c.ids, id)
	c.next += c.step
	return uint8(c.next - c.step), true
}

func (c *anyCatalog) IsCrawler(string) bool { return false }

func (c *anyCatalog) IDs() []string { return c.ids }

package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Build makes the project in a folder and returns its module with the manifest.
// What the compiler says goes to output; env is added to its environment.
func Build(ctx context.Context, dir string, env []string, output io.Writer) ([]byte, error) {
	if _, err := exec.LookPath("make"); err != nil {
		return nil, errors.New("make is missing (Debian: apt-get install make)")
	}
	cmd := exec.CommandContext(ctx, "make")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, output, output
	cmd.Env = append(os.Environ(), env...)
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("make in %s: %w", dir, err)
	}
	return Load(filepath.Join(dir, ModuleFile))
}

// Toolchain looks for a language's compiler and returns what to add to the
// environment of Build so that it is found. The error names what to install.
func Toolchain(ctx context.Context, language Language) (env []string, err error) {
	switch language {
	case C:
		return nil, want("clang", "clang", "wasm-ld", "lld")
	case Go:
		return nil, want("go", "golang")
	case AssemblyScript:
		return nil, want("node", "nodejs", "npm", "npm")
	case Rust:
		// The first on the path may be another toolchain's, without the target.
		for _, rustc := range []string{os.Getenv("RUSTC"), "rustc", "/usr/bin/rustc"} {
			if rustc != "" && hasTarget(ctx, rustc) {
				return []string{"RUSTC=" + rustc}, nil
			}
		}
		return nil, fmt.Errorf("rustc with the target %s is missing (Debian: apt-get install rustc libstd-rust-dev-wasm32 lld; elsewhere: rustup target add %s)",
			rustTarget, rustTarget)
	}
	_, err = ParseLanguage(string(language))
	return nil, err
}

// want looks for programs, each with the Debian package that has it behind it.
func want(programs ...string) error {
	for i := 0; i < len(programs); i += 2 {
		if _, err := exec.LookPath(programs[i]); err != nil {
			return fmt.Errorf("%s is missing (Debian: apt-get install %s)", programs[i], programs[i+1])
		}
	}
	return nil
}

const rustTarget = "wasm32-unknown-unknown"

// hasTarget reports whether a compiler has the target's standard library.
func hasTarget(ctx context.Context, rustc string) bool {
	out, err := exec.CommandContext(ctx, rustc, "--print", "target-libdir", "--target", rustTarget).Output()
	if err != nil {
		return false
	}
	list, err := filepath.Glob(filepath.Join(string(bytes.TrimSpace(out)), "libcore-*.rlib"))
	return err == nil && len(list) > 0 && strings.Contains(list[0], rustTarget)
}

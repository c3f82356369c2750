// Command build builds the example filters into the folder that its argument
// names, one module each, with the manifest.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"

	"suodi/wasm/guest"
	"suodi/wasm/meter"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) != 1 {
		return errors.New("usage: build FOLDER")
	}
	if err := os.MkdirAll(args[0], 0o755); err != nil {
		return err
	}
	for _, e := range guest.Examples() {
		if err := build(ctx, e, args[0], stdout); err != nil {
			return fmt.Errorf("%s: %w", e.Name, err)
		}
	}
	return nil
}

func build(ctx context.Context, e guest.Example, folder string, stdout io.Writer) error {
	env, err := guest.Toolchain(ctx, e.Language)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "suodi-guest-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // the system clears it otherwise
	if err := guest.NewExample(dir, e.Name); err != nil {
		return err
	}
	module, err := guest.Build(ctx, dir, env, stdout)
	if err != nil {
		return err
	}
	admitted, err := meter.Admit(module, meter.Options{})
	if err != nil {
		return err
	}
	out := filepath.Join(folder, e.Name+".wasm")
	if err := os.WriteFile(out, module, 0o644); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s: %d bytes of %s, class %s\n", out, len(module), e.Language, admitted.Class)
	return err
}

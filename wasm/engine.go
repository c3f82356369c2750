package wasm

import (
	"context"
	"errors"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"suodi/wasm/meter"
)

// engine says which runtime a module lives in. Modules that trust each other
// less share no runtime: a flaw in one kind's code should find only its like.
type engine uint8

const (
	engineOwn      engine = iota // from our own rule compiler
	engineUploaded               // anybody's, without imports
	engineGo                     // class go, with WASI
	engineCount
)

// engines are the host's runtimes.
type engines [engineCount]wazero.Runtime

// openEngines makes the runtimes. It panics, as wazero does, where wazero has
// no compiler for the machine.
func openEngines(ctx context.Context, limits meter.Limits) (*engines, error) {
	e := &engines{}
	for i := range e {
		pages := limits.MemoryPages
		if engine(i) == engineGo {
			pages = limits.GoMemoryPages
		}
		e[i] = wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().
			WithCoreFeatures(api.CoreFeaturesV2).
			WithMemoryLimitPages(uint32(pages)))
	}
	if err := provideWASI(ctx, e[engineGo]); err != nil {
		return nil, errors.Join(fmt.Errorf("inert WASI: %w", err), e.close(ctx))
	}
	return e, nil
}

func (e *engines) close(ctx context.Context) error {
	var errs []error
	for _, r := range e {
		errs = append(errs, r.Close(ctx))
	}
	return errors.Join(errs...)
}

package meter

// Limits bounds what a module may contain, so that neither admitting, nor
// compiling, nor instantiating it costs more than is planned for. A zero field
// means its default.
type Limits struct {
	Module        int // bytes of the whole module; 4 MiB
	Types         int // function types; 4,096
	Params        int // parameters of one type; 128
	Results       int // results of one type; 16
	Imports       int // imports; 64
	Functions     int // functions of its own; 20,000
	Body          int // bytes of one function's code; 1 MiB
	Locals        int // locals of one function, parameters included; 4,096
	Nesting       int // control structures inside each other; 4,096
	LoopNesting   int // loops inside each other; 32
	Work          int // the compiler's work on all functions, in units of some 2 ns; 3,000,000,000 (our largest rule sets take half)
	Tables        int // tables; 8
	TableElements int // elements of all tables together, also after growing; 65,536
	Elements      int // elements in all element segments together; 65,536
	MemoryPages   int // pages of 64 KiB; 64
	GoMemoryPages int // the same for class go, also after growing; 1,024
	Globals       int // globals; 4,096
	Exports       int // exports; 1,024
	Name          int // bytes of an import's, export's or custom section's name; 256
	Segments      int // element segments; 4,096
	DataSegments  int // data segments; 100,000 (Go's linker makes tens of thousands)
	Data          int // bytes in all data segments together; 4 MiB
	Manifest      int // bytes of the manifest; 64 KiB
	Custom        int // bytes of all custom sections together; 3 MiB
}

// Options says how a module is admitted and metered. A zero field means its
// default.
type Options struct {
	Limits Limits
	// Fuel is what one call of the filter may spend; 300,000 units: under a
	// millisecond, also of loads that miss the cache (see wasm/DESIGN.md).
	Fuel int64
	// InitialFuel is what instantiating (the start function) and every call
	// other than the filter's may spend in all; 4,000,000 units.
	InitialFuel int64
	// GoFuel and GoInitialFuel are the same for class go; 15,000,000 (50 times
	// as much) and 200,000,000 units.
	GoFuel        int64
	GoInitialFuel int64
}

// WithDefaults returns the options with defaults in place of zeros.
func (o Options) WithDefaults() Options {
	o.Limits = o.Limits.withDefaults()
	o.Fuel = orDefault(o.Fuel, 300_000)
	o.InitialFuel = orDefault(o.InitialFuel, 4_000_000)
	o.GoFuel = orDefault(o.GoFuel, 15_000_000)
	o.GoInitialFuel = orDefault(o.GoInitialFuel, 200_000_000)
	return o
}

func (l Limits) withDefaults() Limits {
	l.Module = orDefault(l.Module, 4<<20)
	l.Types = orDefault(l.Types, 4_096)
	l.Params = orDefault(l.Params, 128)
	l.Results = orDefault(l.Results, 16)
	l.Imports = orDefault(l.Imports, 64)
	l.Functions = orDefault(l.Functions, 20_000)
	l.Body = orDefault(l.Body, 1<<20)
	l.Locals = orDefault(l.Locals, 4_096)
	l.Nesting = orDefault(l.Nesting, 4_096)
	l.LoopNesting = orDefault(l.LoopNesting, 32)
	l.Work = orDefault(l.Work, 3_000_000_000)
	l.Tables = orDefault(l.Tables, 8)
	l.TableElements = orDefault(l.TableElements, 65_536)
	l.Elements = orDefault(l.Elements, 65_536)
	l.MemoryPages = orDefault(l.MemoryPages, 64)
	l.GoMemoryPages = orDefault(l.GoMemoryPages, 1_024)
	l.Globals = orDefault(l.Globals, 4_096)
	l.Exports = orDefault(l.Exports, 1_024)
	l.Name = orDefault(l.Name, 256)
	l.Segments = orDefault(l.Segments, 4_096)
	l.DataSegments = orDefault(l.DataSegments, 100_000)
	l.Data = orDefault(l.Data, 4<<20)
	l.Manifest = orDefault(l.Manifest, 64<<10)
	l.Custom = orDefault(l.Custom, 3<<20)
	return l
}

func orDefault[N int | int64](n, standard N) N {
	if n == 0 {
		return standard
	}
	return n
}

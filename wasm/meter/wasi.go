package meter

import (
	"maps"
	"slices"
)

// WASIModule is the only module a filter may import from; importing it makes
// the filter class go. The host gives functions that do nothing but tell the
// time and make random numbers.
const WASIModule = "wasi_snapshot_preview1"

// checkImports demands that whatever is imported is a function of WASI.
func (m *module) checkImports() error {
	for _, e := range m.imports {
		section := sectionNames[secImport]
		if e.module != WASIModule {
			return refuseIn(section, e.offset, "imports %s.%s; a filter imports nothing, or in class go functions of %s",
				e.module, e.name, WASIModule)
		}
		if e.kind != kindFunction {
			return refuseIn(section, e.offset, "imports a %s from %s", kindNames[e.kind], WASIModule)
		}
		want, ok := wasiFunctions[e.name]
		if !ok {
			return refuseIn(section, e.offset, "there is no %s in %s", e.name, WASIModule)
		}
		if got := m.types[e.index]; got != want {
			return refuseIn(section, e.offset, "%s.%s is imported as %s; it is %s", WASIModule, e.name, got, want)
		}
	}
	return nil
}

// Import is a function that a filter of class go may import from WASIModule;
// each byte of Params and Results is a value type of the binary format.
type Import struct{ Name, Params, Results string }

// Imports returns all of them, in the order of their names: what a host of
// class go has to offer.
func Imports() []Import {
	var list []Import
	for _, name := range slices.Sorted(maps.Keys(wasiFunctions)) {
		list = append(list, Import{name, wasiFunctions[name].params, wasiFunctions[name].results})
	}
	return list
}

// wasiFunctions is the whole of WASI preview 1, from the interface's
// description at github.com/WebAssembly/WASI, legacy/preview1.
var wasiFunctions = map[string]signature{
	"args_get":                {i32 + i32, i32},
	"args_sizes_get":          {i32 + i32, i32},
	"clock_res_get":           {i32 + i32, i32},
	"clock_time_get":          {i32 + i64 + i32, i32},
	"environ_get":             {i32 + i32, i32},
	"environ_sizes_get":       {i32 + i32, i32},
	"fd_advise":               {i32 + i64 + i64 + i32, i32},
	"fd_allocate":             {i32 + i64 + i64, i32},
	"fd_close":                {i32, i32},
	"fd_datasync":             {i32, i32},
	"fd_fdstat_get":           {i32 + i32, i32},
	"fd_fdstat_set_flags":     {i32 + i32, i32},
	"fd_fdstat_set_rights":    {i32 + i64 + i64, i32},
	"fd_filestat_get":         {i32 + i32, i32},
	"fd_filestat_set_size":    {i32 + i64, i32},
	"fd_filestat_set_times":   {i32 + i64 + i64 + i32, i32},
	"fd_pread":                {i32 + i32 + i32 + i64 + i32, i32},
	"fd_prestat_dir_name":     {i32 + i32 + i32, i32},
	"fd_prestat_get":          {i32 + i32, i32},
	"fd_pwrite":               {i32 + i32 + i32 + i64 + i32, i32},
	"fd_read":                 {i32 + i32 + i32 + i32, i32},
	"fd_readdir":              {i32 + i32 + i32 + i64 + i32, i32},
	"fd_renumber":             {i32 + i32, i32},
	"fd_seek":                 {i32 + i64 + i32 + i32, i32},
	"fd_sync":                 {i32, i32},
	"fd_tell":                 {i32 + i32, i32},
	"fd_write":                {i32 + i32 + i32 + i32, i32},
	"path_create_directory":   {i32 + i32 + i32, i32},
	"path_filestat_get":       {i32 + i32 + i32 + i32 + i32, i32},
	"path_filestat_set_times": {i32 + i32 + i32 + i32 + i64 + i64 + i32, i32},
	"path_link":               {i32 + i32 + i32 + i32 + i32 + i32 + i32, i32},
	"path_open":               {i32 + i32 + i32 + i32 + i32 + i64 + i64 + i32 + i32, i32},
	"path_readlink":           {i32 + i32 + i32 + i32 + i32 + i32, i32},
	"path_remove_directory":   {i32 + i32 + i32, i32},
	"path_rename":             {i32 + i32 + i32 + i32 + i32 + i32, i32},
	"path_symlink":            {i32 + i32 + i32 + i32 + i32, i32},
	"path_unlink_file":        {i32 + i32 + i32, i32},
	"poll_oneoff":             {i32 + i32 + i32 + i32, i32},
	"proc_exit":               {i32, ""},
	"proc_raise":              {i32, i32},
	"random_get":              {i32 + i32, i32},
	"sched_yield":             {"", i32},
	"sock_accept":             {i32 + i32 + i32, i32},
	"sock_recv":               {i32 + i32 + i32 + i32 + i32 + i32, i32},
	"sock_send":               {i32 + i32 + i32 + i32 + i32, i32},
	"sock_shutdown":           {i32 + i32, i32},
}

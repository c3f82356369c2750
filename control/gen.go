package control

//go:generate go tool -modfile=../.tools/go.mod buf lint
//go:generate go tool -modfile=../.tools/go.mod buf generate

package rules

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"suodi/wasm/abi"
)

// Classifier fills the facts of v that follow from the user agent: platforms,
// platform, OS, device, bot and versions. The other facts are there already,
// among them RequestedWith.
type Classifier func(userAgent string, v *abi.Visit)

// Failure is a test of a rule set that came to something else.
type Failure struct {
	Name string // the test's
	Line int    // where it begins in the source
	Want string
	Got  string
}

// String says it in one line.
func (f Failure) String() string {
	return fmt.Sprintf("line %d: test %q: want %s, got %s", f.Line, f.Name, f.Want, f.Got)
}

// Test runs the tests of rs through its compiled module, in a WebAssembly
// runtime of its own, and returns those that fail. The error is for what kept
// the tests from running at all.
func (rs *RuleSet) Test(ctx context.Context, m *Module, platforms Platforms, classify Classifier) (failures []Failure, err error) {
	if len(rs.Tests) == 0 {
		return nil, nil
	}
	i, err := instantiate(ctx, m.Wasm)
	if err != nil {
		return nil, fmt.Errorf("test %s: %w", rs.Name, err)
	}
	defer func() { err = errors.Join(err, i.close(ctx)) }()
	for n := range rs.Tests {
		c := &rs.Tests[n]
		v, err := c.visit(rs.source, platforms, classify)
		if err != nil {
			return nil, err
		}
		failure := Failure{Name: c.Name, Line: c.Line, Want: c.Expect.String()}
		verdict, url, err := i.call(ctx, &v, m.Manifest.Facts(), c.params)
		if err != nil {
			failure.Got = err.Error()
			failures = append(failures, failure)
			continue
		}
		failure.Want, failure.Got = c.outcome(m, verdict, url)
		if failure.Want != failure.Got {
			failures = append(failures, failure)
		}
	}
	return failures, nil
}

// outcome puts what the test wants and what it got in words that differ
// exactly if it fails.
func (c *Case) outcome(m *Module, verdict abi.Verdict, url string) (want, got string) {
	want, got = c.Expect.String(), verdict.Action().String()
	code := verdict.Code()
	reason := m.Manifest.Codes[strconv.Itoa(int(code))]
	if c.code != nil {
		want += fmt.Sprintf(", code %d", *c.code)
		if verdict.Action() != abi.Route {
			got += fmt.Sprintf(", code %d", code)
		}
	}
	if c.reason != "" {
		want += fmt.Sprintf(", reason %q", c.reason)
		switch {
		case c.reason == reason.Zh || c.reason == reason.En:
			got += fmt.Sprintf(", reason %q", c.reason)
		case reason.En != "":
			got += fmt.Sprintf(", reason %q", reason.En)
		case reason.Zh != "":
			got += fmt.Sprintf(", reason %q", reason.Zh)
		}
	}
	if c.page != abi.PageStandard {
		want += ", page " + string(c.page)
		if reason.Page != abi.PageStandard {
			got += ", page " + string(reason.Page)
		}
	}
	if c.to != "" {
		want += " to " + c.to
		got += " to " + url
	}
	return want, got
}

// instance runs one module. One goroutine at a time.
type instance struct {
	runtime wazero.Runtime
	filter  api.Function
	buffer  []byte // the guest's visit buffer
	memory  api.Memory
	stack   [1]uint64
}

func instantiate(ctx context.Context, wasm []byte) (*instance, error) {
	i := &instance{runtime: wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig())}
	module, err := i.runtime.Instantiate(ctx, wasm)
	if err != nil {
		return nil, errors.Join(err, i.close(ctx))
	}
	i.memory = module.Memory()
	i.filter = module.ExportedFunction(abi.ExportFilter)
	if err := module.ExportedFunction(abi.ExportVisit).CallWithStack(ctx, i.stack[:]); err != nil {
		return nil, errors.Join(err, i.close(ctx))
	}
	var ok bool
	if i.buffer, ok = i.memory.Read(api.DecodeU32(i.stack[0]), abi.BufferSize); !ok {
		return nil, errors.Join(errors.New("the visit buffer is outside the memory"), i.close(ctx))
	}
	return i, nil
}

// call runs the filter on v and returns its verdict and a route's URL.
func (i *instance) call(ctx context.Context, v *abi.Visit, needs abi.Facts, params []byte) (abi.Verdict, string, error) {
	n, err := v.Encode(i.buffer, needs, params)
	if err != nil {
		return 0, "", err
	}
	i.stack[0] = uint64(n)
	if err := i.filter.CallWithStack(ctx, i.stack[:]); err != nil {
		return 0, "", err
	}
	verdict := abi.Verdict(i.stack[0])
	if verdict.Action() != abi.Route {
		return verdict, "", nil
	}
	url, ok := i.memory.Read(verdict.Address(), verdict.Length())
	if !ok {
		return verdict, "", errors.New("the route's URL is outside the memory")
	}
	if verdict.Template() {
		if url, err = abi.AppendURL(make([]byte, 0, abi.BufferSize), url, v, params); err != nil {
			return verdict, "", fmt.Errorf("the route's URL: %w", err)
		}
	}
	return verdict, string(url), nil
}

func (i *instance) close(ctx context.Context) error { return i.runtime.Close(ctx) }

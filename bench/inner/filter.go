package inner

import (
	"context"
	"errors"
	"fmt"

	"suodi/bench/load"
	"suodi/bench/report"
	"suodi/wasm"
	"suodi/wasm/abi"
	"suodi/wasm/filters"
	"suodi/wasm/visit"
)

// Filter times a filter's calls: the host's part, the visit's encoding and the
// call itself. A nil module is the shipped platform rule set.
func Filter(ctx context.Context, config Config, name string, module []byte) (subjects []report.Subject, err error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	if module == nil {
		name, module = "platform", filters.Platform
	}
	host, err := wasm.NewHost(wasm.Config{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	if err := install(ctx, host, name, module); err != nil {
		return nil, err
	}
	var parts []part
	for _, sets := range []struct {
		name         string
		allow, guard []string
	}{
		{"a link without sets", nil, nil},
		{"a link that guards an app, visitor passes", nil, []string{"dingtalk"}},
		{"a link that guards an app, visitor is in it", nil, []string{"wechat"}},
		{"a link that allows another system", []string{"windows"}, nil},
	} {
		v, err := sampleVisit(sets.allow, sets.guard)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part{name: sets.name, do: call(host, v)})
	}
	return config.time(ctx, fmt.Sprintf("filter %s", name), parts)
}

// install makes the module the only filter.
func install(ctx context.Context, host *wasm.Host, name string, module []byte) error {
	return host.Install(ctx, wasm.Plan{Chain: []wasm.Binding{{Name: name, Module: module}}})
}

// call takes a slot, runs the chain and gives the slot back, as a visit does.
func call(host *wasm.Host, v abi.Visit) func(uint64) bool {
	return func(n uint64) bool {
		slot := host.Acquire(n)
		defer slot.Release()
		slot.Visit = v
		return slot.Run(slot.Chain(), 0).Err == nil
	}
}

// sampleVisit returns a visit with every fact, by the first of the default user
// agents, WeChat on an iPhone.
func sampleVisit(allow, guard []string) (abi.Visit, error) {
	agent := []byte(load.DefaultAgents().Names()[0])
	classifier, err := visit.NewClassifier(visit.Config{})
	if err != nil {
		return abi.Visit{}, err
	}
	v := abi.Visit{
		Country: [2]byte{'C', 'N'}, Time: 1_780_000_000, Date: 2026_05_28, Weekday: 4, Hour: 12, Hash: 1, Region: []byte("31"),
		Language: []byte("zh-CN"), Host: []byte("go.example"), Slug: []byte("spring"), Path: []byte("/spring"), Query: []byte("from=wechat"),
		Referrer: []byte("https://weixin.qq.com/"), UserAgent: agent,
	}
	for _, set := range []struct {
		into *abi.Set
		ids  []string
	}{{&v.Allow, allow}, {&v.Guard, guard}} {
		for _, id := range set.ids {
			entry, known := visit.Shipped().ByID(id)
			if !known {
				return v, fmt.Errorf("platform %q: there is none", id)
			}
			set.into.Add(entry.Number)
		}
	}
	classifier.Classify(&visit.Evidence{UserAgent: agent}, abi.FactPlatforms|abi.FactVersions, &v)
	v.Facts = abi.AllFacts
	return v, classifier.Close()
}

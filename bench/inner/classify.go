package inner

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"suodi/bench/load"
	"suodi/bench/report"
	"suodi/wasm/abi"
	"suodi/wasm/visit"
)

// Classify times telling visitors' platforms, and browsers and versions, from
// user agents that are known and that are not.
func Classify(ctx context.Context, config Config, agents *load.Agents) (subjects []report.Subject, err error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	if agents == nil {
		agents = load.DefaultAgents()
	}
	classifier, err := visit.NewClassifier(visit.Config{})
	if err != nil {
		return nil, err
	}
	var worker sync.WaitGroup
	var worked error
	worker.Go(func() { worked = classifier.Run(ctx) })
	defer func() {
		err = errors.Join(err, classifier.Close())
		worker.Wait()
		err = errors.Join(err, worked)
	}()
	names := make([][]byte, 0, len(agents.Names()))
	for _, name := range agents.Names() {
		names = append(names, []byte(name))
	}
	scenario := fmt.Sprintf("classifying visitors, %d user agents", len(names))
	return config.time(ctx, scenario, []part{
		{name: "platforms, known", do: classify(classifier, names, abi.FactPlatforms, false)},
		{name: "platforms, never seen", do: classify(classifier, names, abi.FactPlatforms, true)},
		{name: "platforms and versions, known", do: classify(classifier, names, abi.FactPlatforms|abi.FactVersions, false)},
		{name: "platforms and versions, never seen", do: classify(classifier, names, abi.FactPlatforms|abi.FactVersions, true)},
	})
}

// classify classifies one user agent after the other; fresh ones have a number
// at the end that no other has.
func classify(classifier *visit.Classifier, names [][]byte, need abi.Facts, fresh bool) func(uint64) bool {
	var v abi.Visit
	var evidence visit.Evidence
	room := make([]byte, 0, visit.MaxParsed)
	return func(n uint64) bool {
		name := names[n%uint64(len(names))]
		if fresh {
			room = fmt.Appendf(append(room[:0], name...), " %x/%x", need, n)
			name = room
		}
		v.Facts = 0
		evidence.UserAgent = name
		classifier.Classify(&evidence, need, &v)
		return v.Facts&need == need && v.Platform != 0
	}
}

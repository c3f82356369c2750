package feed

import (
	"slices"
	"sync"

	"suodi/control/feed/feedpb"
)

// subscriber is one connected edge.
type subscriber struct {
	edge  Edge          // guarded by the server's mutex
	gone  chan struct{} // closed when the conversation ends
	asked asks
}

// asks are those that an edge has before it. They wait for its pusher, the only
// one that sends to it, and then for their answers.
type asks struct {
	come chan struct{} // of capacity 1: an ask waits for the pusher

	mu      sync.Mutex
	last    uint64
	unsent  []*feedpb.Ask
	waiting map[uint64]chan *feedpb.Answer
}

func newAsks() asks {
	return asks{come: make(chan struct{}, 1), waiting: map[uint64]chan *feedpb.Answer{}}
}

// begin takes an ask, whose id it sets, and returns where its answer comes.
func (a *asks) begin(ask *feedpb.Ask) (<-chan *feedpb.Answer, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.waiting) >= maxAsks {
		return nil, ErrBusy
	}
	a.last++
	ask.Id = a.last
	answered := make(chan *feedpb.Answer, 1)
	a.waiting[ask.Id] = answered
	a.unsent = append(a.unsent, ask)
	select {
	case a.come <- struct{}{}:
	default:
	}
	return answered, nil
}

// end gives an ask up.
func (a *asks) end(ask *feedpb.Ask) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.waiting, ask.GetId())
	a.unsent = slices.DeleteFunc(a.unsent, func(other *feedpb.Ask) bool { return other == ask })
}

// take returns what is to be sent.
func (a *asks) take() []*feedpb.Ask {
	a.mu.Lock()
	defer a.mu.Unlock()
	unsent := a.unsent
	a.unsent = nil
	return unsent
}

// answer hands an answer to who waits for it; nobody may any more.
func (a *asks) answer(answer *feedpb.Answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if waiting, ok := a.waiting[answer.GetId()]; ok {
		waiting <- answer
		delete(a.waiting, answer.GetId())
	}
}

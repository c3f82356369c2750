package feed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"suodi/control/feed/feedpb"
)

var (
	// ErrNoEdge says that no edge is connected that could be asked, or not the
	// one that was named.
	ErrNoEdge = errors.New("no edge is connected that answers")
	// ErrEdgeGone says that the edge hung up before it answered.
	ErrEdgeGone = errors.New("the edge hung up before it answered")
	// ErrRefused wraps why an edge has no answer.
	ErrRefused = errors.New("the edge has no answer")
	// ErrBusy says that an edge has been asked too much already.
	ErrBusy = errors.New("the edge is busy answering")
)

// maxAsks is how many asks one edge may have before it at a time.
const maxAsks = 16

// Ask asks one connected edge, any when edgeID is empty, and returns its
// answer. The ask's id is set here. Errors: ErrNoEdge, ErrEdgeGone, ErrBusy,
// ErrRefused with the edge's reason, and the context's.
func (s *Server) Ask(ctx context.Context, edgeID string, ask *feedpb.Ask) (*feedpb.Answer, error) {
	sub, err := s.answerer(edgeID)
	if err != nil {
		return nil, err
	}
	ask = proto.CloneOf(ask)
	answered, err := sub.asked.begin(ask)
	if err != nil {
		return nil, err
	}
	defer sub.asked.end(ask)
	select {
	case answer := <-answered:
		if reason := answer.GetError(); reason != "" {
			return nil, fmt.Errorf("%w: %s", ErrRefused, reason)
		}
		return answer, nil
	case <-sub.gone:
		return nil, ErrEdgeGone
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// answerer returns an edge that answers asks: the one named, else the one
// first by id, so that what is asked twice is asked of the same one.
func (s *Server) answerer(edgeID string) (*subscriber, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var able []*subscriber
	for sub := range s.edges {
		if sub.edge.Answers && (edgeID == "" || sub.edge.ID == edgeID) {
			able = append(able, sub)
		}
	}
	if len(able) == 0 {
		return nil, ErrNoEdge
	}
	return slices.MinFunc(able, func(a, b *subscriber) int {
		// Of two connections of one edge the newer one is alive.
		if c := strings.Compare(a.edge.ID, b.edge.ID); c != 0 {
			return c
		}
		return b.edge.ConnectedAt.Compare(a.edge.ConnectedAt)
	}), nil
}

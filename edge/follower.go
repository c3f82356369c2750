package edge

import (
	"context"
	"sync"

	"google.golang.org/grpc/credentials/insecure"

	"suodi/control/feed"
)

// follower is the feed's follower while it runs.
type follower struct {
	mu     sync.Mutex
	cancel context.CancelFunc // nil: it does not run
	done   chan struct{}
}

// startFollowing follows the feed until stopFollowing.
func (s *Server) startFollowing() {
	f := &s.follower
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cancel != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	f.cancel, f.done = cancel, done
	go func() {
		defer close(done)
		err := feed.Follow(ctx, feed.FollowConfig{
			Upstreams: s.config.Upstream, EdgeID: s.config.ID, Version: s.config.Version,
			Credentials: insecure.NewCredentials(), // loopback only, as validate sees to
			Logger:      s.config.Logger.With("part", "feed"),
		}, s.replica)
		if err != nil {
			s.failed <- err
		}
	}()
}

// stopFollowing returns when nothing comes from the feed any more.
func (s *Server) stopFollowing() {
	f := &s.follower
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cancel == nil {
		return
	}
	f.cancel()
	<-f.done
	f.cancel = nil
}

package feed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"suodi/control/feed/feedpb"
)

// sender lets several goroutines send on one stream, which takes one message at
// a time.
type sender struct {
	grpc.BidiStreamingClient[feedpb.EdgeMessage, feedpb.ControlMessage]
	mu *sync.Mutex
}

func (s sender) Send(message *feedpb.EdgeMessage) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.BidiStreamingClient.Send(message)
}

const (
	// maxAnswering is how many asks an edge looks into at a time.
	maxAnswering = 4
	// answerTimeout is how long it looks into one.
	answerTimeout = 5 * time.Second
	// maxSample bounds the visits of one answer, in bytes.
	maxSample = maxEdgeMessage - 64<<10
)

// aside is what an edge says beside its acknowledgements: reports and answers.
// It holds up none of what the edge is told. That something cannot be sent is
// no error of its own: the stream is broken then, which its receiver notices.
type aside struct {
	ctx       context.Context
	stream    sender
	replica   Replica
	answering chan struct{} // holds one a running answer
	running   sync.WaitGroup
}

func newAside(ctx context.Context, f *follower) *aside {
	a := &aside{ctx: ctx, stream: f.stream, replica: f.replica, answering: make(chan struct{}, maxAnswering)}
	if reporter, ok := f.replica.(Reporter); ok {
		a.running.Go(func() { a.report(reporter, f.config.ReportEvery) })
	}
	return a
}

// wait returns when nothing runs any more; the context has ended.
func (a *aside) wait() { a.running.Wait() }

// report sends the counts when they have changed.
func (a *aside) report(reporter Reporter, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var last *feedpb.Report
	for {
		report := &feedpb.Report{Filters: reporter.Tallies()}
		if !proto.Equal(report, last) {
			if a.stream.Send(&feedpb.EdgeMessage{Message: &feedpb.EdgeMessage_Report{Report: report}}) != nil {
				return
			}
			last = report
		}
		select {
		case <-ticker.C:
		case <-a.ctx.Done():
			return
		}
	}
}

var errAnswersNothing = errors.New("this edge answers no questions")

// answer looks into an ask, without waiting for it.
func (a *aside) answer(ask *feedpb.Ask) {
	select {
	case a.answering <- struct{}{}:
	default:
		a.say(&feedpb.Answer{Id: ask.GetId(), Error: ErrBusy.Error()})
		return
	}
	a.running.Go(func() {
		defer func() { <-a.answering }()
		ctx, cancel := context.WithTimeout(a.ctx, answerTimeout)
		defer cancel()
		answer := &feedpb.Answer{}
		if err := a.lookInto(ctx, ask, answer); err != nil {
			answer = &feedpb.Answer{Error: err.Error()}
		}
		answer.Id = ask.GetId()
		a.say(answer)
	})
}

func (a *aside) say(answer *feedpb.Answer) {
	_ = a.stream.Send(&feedpb.EdgeMessage{Message: &feedpb.EdgeMessage_Answer{Answer: answer}})
}

func (a *aside) lookInto(ctx context.Context, ask *feedpb.Ask, answer *feedpb.Answer) error {
	answerer, ok := a.replica.(Answerer)
	if !ok {
		return errAnswersNothing
	}
	switch ask := ask.GetAsk().(type) {
	case *feedpb.Ask_Explain:
		explanation, err := answerer.Explain(ctx, ask.Explain)
		if err != nil {
			return err
		}
		if answer.Explanation, err = json.Marshal(explanation); err != nil {
			return fmt.Errorf("encode explanation: %w", err)
		}
		return nil
	case *feedpb.Ask_Sample:
		visits, err := answerer.Sample(ctx, int(ask.Sample.GetCount()))
		if err != nil {
			return err
		}
		size := 0
		for _, v := range visits[:min(len(visits), int(ask.Sample.GetCount()))] {
			if size += len(v) + 8; size > maxSample {
				break
			}
			answer.Visits = append(answer.Visits, v)
		}
		return nil
	default:
		return errors.New("this edge is too old for the question")
	}
}

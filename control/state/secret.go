package state

import (
	"suodi/control/feed"
	"suodi/control/state/statepb"
	"suodi/raftstore"
)

// putSecret gives the fleet its secret. It has one for good.
func (a *applying) putSecret(op *statepb.PutSecret) (*statepb.Outcome, error) {
	if len(op.GetSecret()) != feed.SecretSize {
		return refuse(statepb.Refusal_REFUSAL_MALFORMED, "secret"), nil
	}
	old, err := Secret(a.batch)
	if err != nil || old != nil {
		return refuse(statepb.Refusal_REFUSAL_EXISTS, "secret"), err
	}
	a.tell(feed.BucketChain, []byte(feed.SecretKey), op.GetSecret())
	a.batch.Set([]byte{prefixSecret}, op.GetSecret())
	return a.done(), nil
}

// Secret returns the fleet's secret, nil when it has none yet.
func Secret(r raftstore.Reader) ([]byte, error) {
	secret, found, err := r.Get([]byte{prefixSecret})
	if !found {
		return nil, err
	}
	return secret, err
}

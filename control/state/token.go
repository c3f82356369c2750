package state

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"suodi/control/state/statepb"
	"suodi/raftstore"
)

// putToken stores a token under its hash.
func (a *applying) putToken(t *statepb.Token) (*statepb.Outcome, error) {
	k := key(prefixToken, t.GetHash())
	if _, found, err := a.batch.Get(k); err != nil || found {
		return refuse(statepb.Refusal_REFUSAL_EXISTS, t.GetName()), err
	}
	t.CreatedAt, t.CreatedBy = a.command.GetTime(), a.command.GetActor()
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(t)
	if err != nil {
		return nil, err
	}
	a.batch.Set(k, value)
	return a.done(), nil
}

// deleteToken revokes a token. The last one stays: nobody could make another.
func (a *applying) deleteToken(id string) (*statepb.Outcome, error) {
	tokens, err := Tokens(a.batch)
	if err != nil {
		return nil, err
	}
	for _, t := range tokens {
		if t.GetId() != id {
			continue
		}
		if len(tokens) == 1 {
			return refuse(statepb.Refusal_REFUSAL_KEPT, id), nil
		}
		a.batch.Delete(key(prefixToken, t.GetHash()))
		return a.done(), nil
	}
	return refuse(statepb.Refusal_REFUSAL_NOT_FOUND, "token "+id), nil
}

// GetToken returns the token with this hash, nil when there is none.
func GetToken(r raftstore.Reader, hash []byte) (*statepb.Token, error) {
	value, found, err := r.Get(key(prefixToken, hash))
	if err != nil || !found {
		return nil, err
	}
	return decodeToken(value)
}

func decodeToken(value []byte) (*statepb.Token, error) {
	t := &statepb.Token{}
	if err := proto.Unmarshal(value, t); err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	return t, nil
}

// Tokens returns all tokens, oldest first.
func Tokens(r raftstore.Reader) ([]*statepb.Token, error) {
	var tokens []*statepb.Token
	err := each(r, []byte{prefixToken}, func(_, value []byte) error {
		t, err := decodeToken(bytes.Clone(value))
		tokens = append(tokens, t)
		return err
	})
	slices.SortStableFunc(tokens, func(a, b *statepb.Token) int { return cmp.Compare(a.GetCreatedAt(), b.GetCreatedAt()) })
	return tokens, err
}

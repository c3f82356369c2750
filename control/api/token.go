package api

import (
	"context"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"suodi/control/auth"
	"suodi/control/state"
	"suodi/control/state/statepb"
	"suodi/raftstore"
)

// tokenBody is a token as the API gives it; its text is never shown again.
type tokenBody struct {
	ID        string    `json:"id"`
	Name      string    `json:"name" doc:"What it is for, for people."`
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by" doc:"Id of the token that made it."`
}

type listTokensOutput struct {
	Body struct {
		Tokens []tokenBody `json:"tokens" doc:"Oldest first."`
	}
}

type createTokenInput struct {
	WriteInput
	Body struct {
		Name string `json:"name" minLength:"1" maxLength:"100" doc:"What the token is for, for people."`
	}
	RawBody []byte
}

// newTokenBody is a token that was just made.
type newTokenBody struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Token string `json:"token" doc:"The token. It is shown this once."`
}

type deleteTokenInput struct {
	WriteInput
	ID string `path:"id" doc:"The token's id."`
}

func (s *service) tokens(api huma.API) {
	create := operation("create-token", http.MethodPost, "/v1/tokens", "Make a token", "tokens")
	create.DefaultStatus = http.StatusCreated
	huma.Register(api, create, s.createToken)
	huma.Register(api, operation("list-tokens", http.MethodGet, "/v1/tokens", "List the tokens", "tokens"), s.listTokens)
	revoke := operation("revoke-token", http.MethodDelete, "/v1/tokens/{id}", "Revoke a token", "tokens")
	revoke.DefaultStatus = http.StatusNoContent
	huma.Register(api, revoke, s.revokeToken)
}

func (s *service) createToken(ctx context.Context, in *createTokenInput) (*output[newTokenBody], error) {
	if in.IdempotencyKey != "" {
		return nil, problem(http.StatusBadRequest, "Idempotency-Key: a token is shown once, so its making cannot be repeated; leave the header out")
	}
	token := auth.NewToken()
	hash := auth.Hash(token)
	r := newRequest(in.WriteInput, http.StatusCreated)
	_, w, err := s.change(ctx, r, &statepb.Operation{Operation: &statepb.Operation_PutToken{PutToken: &statepb.PutToken{
		Token: &statepb.Token{Id: auth.ID(hash), Name: in.Body.Name, Hash: hash},
	}}})
	if err != nil {
		return nil, err
	}
	w.ETag = ""
	return answer(w, newTokenBody{ID: auth.ID(hash), Name: in.Body.Name, Token: token}), nil
}

func (s *service) listTokens(ctx context.Context, _ *struct{}) (*listTokensOutput, error) {
	out := &listTokensOutput{}
	out.Body.Tokens = []tokenBody{}
	err := s.backend.Read(ctx, false, func(r raftstore.Reader) error {
		tokens, err := state.Tokens(r)
		for _, t := range tokens {
			out.Body.Tokens = append(out.Body.Tokens, tokenBody{
				ID: t.GetId(), Name: t.GetName(), CreatedAt: time.Unix(0, t.GetCreatedAt()).UTC(), CreatedBy: t.GetCreatedBy(),
			})
		}
		return err
	})
	if err != nil {
		return nil, fromError(err)
	}
	return out, nil
}

func (s *service) revokeToken(ctx context.Context, in *deleteTokenInput) (*written, error) {
	if !utf8.ValidString(in.ID) {
		return nil, problem(http.StatusNotFound, "there is no such token")
	}
	r := newRequest(in.WriteInput, http.StatusNoContent, "DELETE /v1/tokens", in.ID)
	_, w, err := s.change(ctx, r, &statepb.Operation{Operation: &statepb.Operation_DeleteToken{
		DeleteToken: &statepb.DeleteToken{Id: in.ID},
	}})
	if err != nil {
		return nil, err
	}
	w.ETag = ""
	return &w, nil
}

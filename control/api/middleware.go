package api

import (
	"context"
	"encoding/json"
	"net/http"
	"runtime/debug"
	"strings"

	"suodi/control/auth"
	"suodi/control/state"
	"suodi/raftstore"
)

type actorKey struct{}

// actor returns the id of the token that a request came with.
func actor(ctx context.Context) string {
	id, _ := ctx.Value(actorKey{}).(string)
	return id
}

// isOpen reports whether a path is answered without a token: what tells
// nothing but health and how to use the API.
func isOpen(path string) bool {
	switch path {
	case "/", "/healthz", "/readyz", "/docs", "/openapi.json", "/openapi.yaml", "/openapi-3.0.json", "/openapi-3.0.yaml":
		return true
	}
	return false
}

// authenticate lets through who has a token.
func (s *service) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		if isOpen(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		header := r.Header.Get("Authorization")
		scheme, token, _ := strings.Cut(header, " ")
		token = strings.TrimSpace(token)
		switch {
		case header == "":
			unauthorized(w, "the request has no token; send it as \"Authorization: Bearer TOKEN\"")
			return
		case !strings.EqualFold(scheme, "Bearer") || token == "":
			unauthorized(w, "the Authorization header must read \"Bearer TOKEN\"")
			return
		}
		if err := auth.Check(token); err != nil {
			unauthorized(w, err.Error())
			return
		}
		var id string
		err := s.backend.Read(r.Context(), true, func(reader raftstore.Reader) error {
			found, err := state.GetToken(reader, auth.Hash(token))
			if found != nil {
				id = found.GetId()
			}
			return err
		})
		if err != nil {
			err := fromError(err)
			writeProblem(w, err.GetStatus(), err.Error())
			return
		}
		if id == "" {
			unauthorized(w, "the token is unknown or revoked")
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), actorKey{}, id)))
	})
}

func unauthorized(w http.ResponseWriter, why string) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="suodi"`)
	writeProblem(w, http.StatusUnauthorized, why)
}

// recover answers 500 to a request whose handler panics.
func (s *service) recover(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			reason := recover()
			if reason == http.ErrAbortHandler { //nolint:errorlint // panics carry the value itself
				panic(reason)
			}
			if reason != nil {
				s.logger.Error("request handler panicked", "path", r.URL.Path, "reason", reason, "stack", string(debug.Stack()))
				writeProblem(w, http.StatusInternalServerError, "the server failed on this request; its log says why")
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// methods turns the mux's plain answer to a wrong method into a problem.
func methods(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "/" && pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		var allowed []string
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			other := r.Clone(r.Context())
			other.Method = method
			if _, pattern := mux.Handler(other); pattern != "/" && pattern != "" {
				allowed = append(allowed, method)
			}
		}
		if len(allowed) == 0 {
			mux.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		writeProblem(w, http.StatusMethodNotAllowed, r.Method+" is not possible here; possible: "+strings.Join(allowed, ", "))
	})
}

// writeProblem answers with a problem outside the reach of the API framework.
func writeProblem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	// A client that went away is nobody's error.
	_ = json.NewEncoder(w).Encode(problem(status, detail))
}

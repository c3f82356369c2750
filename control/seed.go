package control

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"suodi/control/auth"
	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/control/rollout"
	"suodi/control/state"
	"suodi/control/state/statepb"
	"suodi/raftstore"
	"suodi/wasm/filters"
	"suodi/wasm/meter"
	"suodi/wasm/visit"
)

// tokenFile holds the admin token's text in the data directory, mode 0600.
const tokenFile = "admin-token"

// system is who did what nobody asked for.
const system = "system"

// seed gives the cluster what it begins with, as far as it lacks it: a domain,
// the shipped platforms, the platform filter, the fleet's secret and the admin
// token.
func (s *Server) seed(ctx context.Context) error {
	if err := s.store.ReadIndex(ctx); err != nil {
		return err
	}
	var ops []*statepb.Operation
	err := view(s.store, func(r *raftstore.View) error {
		for _, lacks := range []func(raftstore.Reader) ([]*statepb.Operation, error){
			s.missingDomain, s.missingPlatforms, missingFilter, missingSecret, s.missingToken,
		} {
			more, err := lacks(r)
			if err != nil {
				return err
			}
			ops = append(ops, more...)
		}
		return nil
	})
	if err != nil || len(ops) == 0 {
		return err
	}
	result, err := propose(ctx, s.store, &statepb.Command{Actor: system, Operations: ops})
	if err != nil {
		return err
	}
	for _, out := range result.GetOutcomes() {
		switch out.GetRefusal() {
		case statepb.Refusal_REFUSAL_UNSPECIFIED, statepb.Refusal_REFUSAL_EXISTS, statepb.Refusal_REFUSAL_CHANGED:
		default:
			return fmt.Errorf("%s: %s", out.GetRefusal(), out.GetDetail())
		}
	}
	return nil
}

func (s *Server) missingDomain(r raftstore.Reader) ([]*statepb.Operation, error) {
	domains, err := state.Domains(r)
	if err != nil || len(domains) > 0 {
		return nil, err
	}
	base, err := url.Parse(s.config.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("base URL: %w", err)
	}
	name, err := link.ParseDomain(base.Hostname())
	if err != nil {
		return nil, fmt.Errorf("base URL: %w", err)
	}
	return []*statepb.Operation{{Operation: &statepb.Operation_PutDomain{PutDomain: &statepb.PutDomain{
		Domain: &statepb.Domain{Name: string(name), BaseUrl: base.Scheme + "://" + base.Host, Default: true},
	}}}}, nil
}

// missingPlatforms adds what a newer program ships; entries that are there
// belong to the admins, and a shipped one that does not go with them is left
// out.
func (s *Server) missingPlatforms(r raftstore.Reader) ([]*statepb.Operation, error) {
	platforms, err := state.Platforms(r)
	if err != nil {
		return nil, err
	}
	there := map[string]bool{}
	var entries []visit.Entry
	for _, p := range platforms {
		there[p.GetId()] = true
		entries = append(entries, feed.ToEntry(p.Platform))
	}
	isNew := len(entries) == 0
	var ops []*statepb.Operation
	for _, e := range visit.Shipped().Entries() {
		if there[e.ID] {
			continue
		}
		if !isNew { // the shipped catalog goes with itself
			if _, err := visit.NewCatalog(append(slices.Clone(entries), e)); err != nil {
				s.config.Logger.Warn("shipped platform left out, it does not go with the catalog", "platform", e.ID, "error", err)
				continue
			}
			entries = append(entries, e)
		}
		ops = append(ops, &statepb.Operation{Operation: &statepb.Operation_PutPlatform{PutPlatform: &statepb.PutPlatform{
			Platform: feed.FromEntry(e), Expected: &feedpb.Revision{},
		}}})
	}
	return ops, nil
}

func missingFilter(r raftstore.Reader) ([]*statepb.Operation, error) {
	_, found, err := state.GetFilter(r, state.PlatformFilter)
	if err != nil || found {
		return nil, err
	}
	module, err := meter.Admit(filters.Platform, meter.Options{})
	if err != nil {
		return nil, fmt.Errorf("shipped platform filter: %w", err)
	}
	manifest, err := json.Marshal(module.Manifest)
	if err != nil {
		return nil, fmt.Errorf("shipped platform filter: %w", err)
	}
	return []*statepb.Operation{{Operation: &statepb.Operation_StageFilter{StageFilter: &statepb.StageFilter{
		Name: state.PlatformFilter, Module: filters.Platform, Source: []byte(filters.PlatformSource), Manifest: manifest,
		Memory: rollout.Memory(module), Promote: true,
	}}}}, nil
}

// missingSecret gives the fleet its secret. Whoever proposes first has made it.
func missingSecret(r raftstore.Reader) ([]*statepb.Operation, error) {
	secret, err := state.Secret(r)
	if err != nil || secret != nil {
		return nil, err
	}
	secret = make([]byte, feed.SecretSize)
	if _, err := rand.Read(secret); err != nil {
		return nil, fmt.Errorf("fleet secret: %w", err)
	}
	return []*statepb.Operation{{Operation: &statepb.Operation_PutSecret{PutSecret: &statepb.PutSecret{Secret: secret}}}}, nil
}

// missingToken sees to it that the admin token is the configured one, else the
// one in the data directory, else a fresh one, and that the directory has it.
// One in the directory that was revoked stays so.
func (s *Server) missingToken(r raftstore.Reader) ([]*statepb.Operation, error) {
	path := filepath.Join(s.config.Dir, tokenFile)
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("admin token: %w", err)
	}
	old := strings.TrimSpace(string(data))
	tokens, err := state.Tokens(r)
	if err != nil {
		return nil, err
	}
	known := func(hash []byte) bool {
		return slices.ContainsFunc(tokens, func(t *statepb.Token) bool { return bytes.Equal(t.GetHash(), hash) })
	}
	switch {
	case s.config.Token != "":
		s.token = s.config.Token
		if err := auth.CheckChosen(s.token); err != nil {
			return nil, fmt.Errorf("admin token: %w", err)
		}
	case old != "" && (known(auth.Hash(old)) || len(tokens) == 0):
		s.token = old
	default:
		s.token = auth.NewToken()
	}
	if s.token != old {
		// Written first: a token that nobody knows is worse than one that is
		// not in force yet.
		if err := writeFile(path, []byte(s.token+"\n")); err != nil {
			return nil, fmt.Errorf("admin token: %w", err)
		}
	}
	hash := auth.Hash(s.token)
	var ops []*statepb.Operation
	if !known(hash) {
		ops = append(ops, &statepb.Operation{Operation: &statepb.Operation_PutToken{PutToken: &statepb.PutToken{
			Token: &statepb.Token{Id: auth.ID(hash), Name: "admin", Hash: hash},
		}}})
	}
	// Every admin token that this one replaces, also one that a start cut short
	// left in force.
	for _, t := range tokens {
		if t.GetCreatedBy() == system && !bytes.Equal(t.GetHash(), hash) {
			ops = append(ops, &statepb.Operation{Operation: &statepb.Operation_DeleteToken{
				DeleteToken: &statepb.DeleteToken{Id: t.GetId()},
			}})
		}
	}
	return ops, nil
}

// writeFile replaces a file that only its owner may read, wholly or not at all.
func writeFile(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

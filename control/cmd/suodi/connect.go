package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

const (
	defaultAddr = "http://127.0.0.1:7070"
	defaultData = "data"
	// tokenFile is where a node keeps the admin token in its data folder.
	tokenFile = "admin-token"
)

// remote adds to a command the flags that say which control plane it and the
// commands below it speak to.
func (c *cli) remote(cmd *cobra.Command) *cobra.Command {
	flags := cmd.PersistentFlags()
	flags.StringVar(&c.addr, "addr", "", "the control plane's `URL` (default SUODI_ADDR, else "+defaultAddr+")")
	flags.StringVar(&c.token, "token", "", "`secret` for the API (default SUODI_TOKEN, else the one in ./data when the control plane is on this machine)")
	_ = cmd.RegisterFlagCompletionFunc("addr", cobra.NoFileCompletions) // fails only for a flag that is not there
	_ = cmd.RegisterFlagCompletionFunc("token", cobra.NoFileCompletions)
	return cmd
}

// session is a client and where its token came from.
type session struct {
	*client
	source string // of the token, for people; empty: there is none
}

// connect makes a client of flags, environment and data folder. It sends
// nothing.
func (c *cli) connect() (*session, error) {
	base, err := parseAddr(firstOf(c.addr, c.getenv("SUODI_ADDR"), defaultAddr))
	if err != nil {
		return nil, err
	}
	s := &session{}
	token := ""
	switch {
	case c.token != "":
		token, s.source = c.token, "--token"
	case c.getenv("SUODI_TOKEN") != "":
		token, s.source = c.getenv("SUODI_TOKEN"), "SUODI_TOKEN"
	case isLoopback(base.Hostname()):
		// The token of this machine's control plane is for no other.
		path := filepath.Join(defaultData, tokenFile)
		if data, err := os.ReadFile(path); err == nil {
			token, s.source = strings.TrimSpace(string(data)), path
		}
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return nil, &usageError{"the token of " + s.source + " has a space or line break in it; copy it again"}
	}
	s.client = newClient(base.Scheme+"://"+base.Host, token)
	return s, nil
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// parseAddr reads a control plane's address: a URL, or host:port.
func parseAddr(text string) (*url.URL, error) {
	full := text
	if !strings.Contains(full, "://") {
		full = "http://" + full
	}
	u, err := url.Parse(full)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" ||
		u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, &usageError{fmt.Sprintf("%q is no address of a control plane; give --addr or SUODI_ADDR like %s", text, defaultAddr)}
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return nil, &usageError{fmt.Sprintf("%q would send the token over the network in clear; use https:// there", text)}
	}
	return u, nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// do connects, makes one call and explains what went wrong.
func (c *cli) do(ctx context.Context, call call, result any) (*reply, error) {
	s, err := c.connect()
	if err != nil {
		return nil, err
	}
	got, err := s.do(ctx, call, result)
	return got, s.explain(err)
}

// explain adds to an error of a call where it was sent and the way out.
func (s *session) explain(err error) error {
	var p *problem
	switch {
	case err == nil:
		return nil
	case errors.As(err, &p) && p.Status == http.StatusUnauthorized:
		return &refusal{p, s.unauthorized(p)}
	case errors.As(err, &p):
		return &refusal{p, describe(p)}
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted")
	case errors.Is(err, errNotRunning):
		return fmt.Errorf("no control plane answers at %s; start one with `suodi dev` or `make run`, or name another with --addr or SUODI_ADDR", s.base)
	case errors.Is(err, errStranger):
		return fmt.Errorf("what answers at %s is no Suodi control plane (%w); name one with --addr or SUODI_ADDR", s.base, err)
	case errors.Is(err, errLost):
		return fmt.Errorf("the control plane at %s hung up, and it is not known whether it did what was asked; look, then try again", s.base)
	default:
		return fmt.Errorf("cannot reach the control plane at %s: %w", s.base, err)
	}
}

// unauthorized says what is wrong with the token and where one comes from.
func (s *session) unauthorized(p *problem) string {
	const where = "`suodi dev` prints the admin token and keeps it in " + tokenFile + " of its data folder (`suodi token show --data DIR`); give it as --token or SUODI_TOKEN"
	if s.source == "" {
		return fmt.Sprintf("the control plane at %s wants a token and there is none in --token, SUODI_TOKEN or %s; %s",
			s.base, filepath.Join(defaultData, tokenFile), where)
	}
	return fmt.Sprintf("the control plane at %s refused the token from %s: %s; %s", s.base, s.source, p.Error(), where)
}

package cert

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Config says what a Store serves; zero means the default.
type Config struct {
	Pairs     []Pair           // at least one; the first also answers names that are not ours
	PollEvery time.Duration    // how often the files are looked at; default 10 s
	Now       func() time.Time // the fleet's time, which rotates ticket keys; default time.Now
	Logger    *slog.Logger     // nil discards
}

func (c Config) withDefaults() Config {
	if c.PollEvery == 0 {
		c.PollEvery = 10 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func (c Config) validate() error {
	if len(c.Pairs) == 0 {
		return errors.New("certificates: none given")
	}
	for _, p := range c.Pairs {
		if err := p.validate(); err != nil {
			return err
		}
	}
	return nil
}

// Status is how one pair of files fares.
type Status struct {
	Pair     Pair
	Names    []string
	NotAfter time.Time // of the certificate in force
	Err      error     // why the files as they are now are not in force
}

// Store serves certificates. Its methods may be called from any goroutine.
type Store struct {
	config Config
	tls    *tls.Config
	index  atomic.Pointer[index]

	mu     sync.Mutex
	loaded []loaded
	secret []byte
	day    int64 // whose ticket keys are in force
}

// Open reads all pairs. It fails where one cannot be read: an edge that starts
// with less than it was told to serve would be found out by visitors.
func Open(config Config) (*Store, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	s := &Store{config: config, loaded: make([]loaded, len(config.Pairs)), secret: newSecret()}
	s.tls = &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return s.index.Load().choose(hello), nil
		},
	}
	for i, pair := range config.Pairs {
		s.loaded[i].pair = pair
	}
	if err := s.Reload(); err != nil {
		return nil, err
	}
	s.rotate(true)
	return s, nil
}

// TLS returns the configuration for a listener. It stays the same one, and must
// not be changed.
func (s *Store) TLS() *tls.Config { return s.tls }

// SetSecret gives the secret that the fleet's ticket keys follow from. Before,
// they follow from one that nobody else has.
func (s *Store) SetSecret(secret []byte) {
	s.mu.Lock()
	s.secret = slices.Clone(secret)
	s.mu.Unlock()
	s.rotate(true)
}

// Run looks at the files and rotates ticket keys until ctx is done.
func (s *Store) Run(ctx context.Context) {
	ticker := time.NewTicker(s.config.PollEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.rotate(false)
			_ = s.Reload() // reported by Status and logged there
		}
	}
}

// rotate puts the day's ticket keys in force.
func (s *Store) rotate(anyway bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.config.Now()
	day := now.Unix() / int64(ticketPeriod/time.Second)
	if day == s.day && !anyway {
		return
	}
	s.day = day
	s.tls.SetSessionTicketKeys(ticketKeys(s.secret, now))
}

// Reload reads the pairs whose files have changed and puts them in force. The
// error says which cannot be; the last good ones stay.
func (s *Store) Reload() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := false
	var errs []error
	for i := range s.loaded {
		changed = s.loaded[i].refresh(s.config.Logger) || changed
		errs = append(errs, s.loaded[i].err)
	}
	if changed {
		var certificates []*tls.Certificate
		for i := range s.loaded {
			if c := s.loaded[i].certificate; c != nil {
				certificates = append(certificates, c)
			}
		}
		s.index.Store(newIndex(certificates))
	}
	return errors.Join(errs...)
}

// refresh reads the pair when its files have changed, and reports whether
// another certificate is in force.
func (l *loaded) refresh(logger *slog.Logger) bool {
	stamp, err := stampOf(l.pair)
	if err != nil {
		return l.fail(logger, fmt.Errorf("certificate: %w", err))
	}
	if stamp == l.stamp && l.certificate != nil && l.err == nil {
		return false
	}
	certificate, err := l.pair.read()
	if err != nil {
		// The files may be half replaced: they are read again at every look.
		return l.fail(logger, err)
	}
	if l.certificate != nil {
		logger.Info("certificate taken over", "file", l.pair.Certificate, "names", namesOf(certificate), "not_after", certificate.Leaf.NotAfter)
	}
	l.stamp, l.certificate, l.err = stamp, certificate, nil
	return true
}

func (l *loaded) fail(logger *slog.Logger, err error) bool {
	if l.certificate != nil && l.err == nil { // once, not at every look
		logger.Error("certificate cannot be taken over, the last good one stays", "error", err)
	}
	l.err = err
	return false
}

// Status returns how the pairs fare, in their order.
func (s *Store) Status() []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Status
	for _, l := range s.loaded {
		status := Status{Pair: l.pair, Err: l.err}
		if l.certificate != nil {
			status.Names, status.NotAfter = namesOf(l.certificate), l.certificate.Leaf.NotAfter
		}
		all = append(all, status)
	}
	return all
}

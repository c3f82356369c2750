package edge

import (
	"bytes"

	"suodi/control/feed"
)

// keys follow from the fleet's secret. They are immutable.
type keys struct {
	secret    []byte
	visitHash [16]byte
	explain   []byte
}

// refreshSecret takes over the fleet's secret. Without one visits have no hash,
// nobody can ask for explanations, and sessions are resumed here alone.
func (r *replica) refreshSecret() {
	secret, found := r.server.table.Get(feed.BucketChain, []byte(feed.SecretKey))
	if old := r.server.keys.Load(); !found || old != nil && bytes.Equal(old.secret, secret) {
		return
	}
	k := &keys{secret: bytes.Clone(secret)}
	for _, derived := range []struct {
		purpose string
		use     func([]byte)
	}{
		{feed.PurposeVisitHash, func(key []byte) { copy(k.visitHash[:], key) }},
		{feed.PurposeExplain, func(key []byte) { k.explain = key }},
		{feed.PurposeTickets, func(key []byte) {
			if r.server.certs != nil {
				r.server.certs.SetSecret(key)
			}
		}},
	} {
		key, err := feed.DeriveKey(secret, derived.purpose)
		if err != nil {
			r.logger.Error("the fleet's secret cannot be used", "error", err)
			return
		}
		derived.use(key)
	}
	r.server.keys.Store(k)
}

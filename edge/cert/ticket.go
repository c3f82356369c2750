package cert

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// ticketPeriod is how long a ticket key seals. Changing this or the label makes
// edges of two versions open none of each other's tickets.
const ticketPeriod = 24 * time.Hour

const ticketLabel = "suodi tls ticket\x00"

// ticketKeys returns the keys of a moment: the one that seals, then those that
// only open.
func ticketKeys(secret []byte, now time.Time) [][32]byte {
	n := uint64(now.Unix() / int64(ticketPeriod/time.Second))
	return [][32]byte{ticketKey(secret, n), ticketKey(secret, n-1), ticketKey(secret, n+1)}
}

func ticketKey(secret []byte, n uint64) (key [32]byte) {
	mac := hmac.New(sha256.New, secret)
	mac.Write(binary.BigEndian.AppendUint64([]byte(ticketLabel), n))
	mac.Sum(key[:0])
	return key
}

// newSecret returns a secret that nobody else has.
func newSecret() []byte {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // documented never to fail
	return secret
}

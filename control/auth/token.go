package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
)

const (
	prefix       = "suodi_"
	randomLength = 26 // letters of five random bits each
	sumLength    = 6  // letters that hold a CRC-32
)

// Limits of a token that an operator chose, in bytes.
const (
	minChosen = 8
	maxChosen = 256
)

// alphabet is Crockford's: no i, l, o or u to mistake.
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

var encoding = base32.NewEncoding(alphabet).WithPadding(base32.NoPadding)

// ErrMistyped says that a token of ours fails its checksum.
var ErrMistyped = errors.New("the token is mistyped or cut off: its checksum does not fit")

// NewToken returns a fresh token.
func NewToken() string {
	var random [randomLength]byte
	_, _ = rand.Read(random[:]) // never fails: it ends the program instead
	for i, b := range random {
		random[i] = alphabet[b&31]
	}
	return prefix + string(random[:]) + sum(string(random[:]))
}

func sum(random string) string {
	c := crc32.ChecksumIEEE([]byte(random))
	return encoding.EncodeToString([]byte{byte(c >> 24), byte(c >> 16), byte(c >> 8), byte(c)})[:sumLength]
}

// Check tells whether a text can be a token: one with our prefix must fit its
// checksum.
func Check(token string) error {
	random, ours := strings.CutPrefix(token, prefix)
	if !ours {
		return nil
	}
	if len(random) != randomLength+sumLength || sum(random[:randomLength]) != random[randomLength:] {
		return ErrMistyped
	}
	return nil
}

// CheckChosen tells whether an operator may use a text as a token.
func CheckChosen(token string) error {
	if len(token) < minChosen || len(token) > maxChosen {
		return fmt.Errorf("token of %d bytes: want %d to %d", len(token), minChosen, maxChosen)
	}
	for _, c := range []byte(token) {
		if c <= ' ' || c >= 0x7f {
			return errors.New("token: want printable ASCII without spaces")
		}
	}
	return Check(token)
}

// Hash returns what is stored of a token.
func Hash(token string) []byte {
	h := sha256.Sum256([]byte(token))
	return h[:]
}

// ID returns a short public name for a token, taken from its hash.
func ID(hash []byte) string { return hex.EncodeToString(hash[:6]) }

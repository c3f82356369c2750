package feed

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// SecretSize is the length of the fleet's secret in bytes.
const SecretSize = 32

// What keys are derived for. Changing one breaks compatibility.
const (
	PurposeVisitHash = "visit-hash" // keys the hash of visits
	PurposeExplain   = "explain"    // signs the header that asks for an explanation
	PurposeTickets   = "tickets"    // what keys of TLS session tickets follow from
)

// DeriveKey returns the fleet's key of 32 bytes for a purpose: HKDF-SHA-256 of
// the secret with the purpose behind "suodi/v1/" as its info (RFC 5869). Nobody
// can tell the secret, or the key of another purpose, from it. The same secret
// and purpose give the same key everywhere; changing how breaks compatibility.
func DeriveKey(secret []byte, purpose string) ([]byte, error) {
	if len(secret) != SecretSize {
		return nil, fmt.Errorf("fleet secret: %d bytes; want %d", len(secret), SecretSize)
	}
	return hkdf.Key(sha256.New, secret, nil, "suodi/v1/"+purpose, sha256.Size)
}

// ExplainHeader is the request header that makes an edge explain instead of
// redirect.
const ExplainHeader = "Suodi-Explain"

// MaxExplain is how long a signed ExplainHeader may be good for.
const MaxExplain = time.Hour

const explainVersion = "v1"

// ErrExplain says that an ExplainHeader is not to be obeyed.
var ErrExplain = errors.New(ExplainHeader + " header is not valid")

// SignExplain returns an ExplainHeader's value that is good until expiry:
//
//	v1.<Unix seconds>.<HMAC-SHA-256 of all before the last point, base64url without padding>
//
// The key is the fleet's for PurposeExplain.
func SignExplain(key []byte, expiry time.Time) string {
	text := explainVersion + "." + strconv.FormatInt(expiry.Unix(), 10)
	return text + "." + base64.RawURLEncoding.EncodeToString(explainMAC(key, text))
}

// VerifyExplain refuses, with an error that is ErrExplain, a value that
// SignExplain did not make with this key, that is not good any more, or that
// is good for longer than MaxExplain from now. How long it takes tells nothing
// of the right signature.
func VerifyExplain(key []byte, value string, now time.Time) error {
	if len(value) > 128 {
		return fmt.Errorf("%w: too long", ErrExplain)
	}
	cut := strings.LastIndexByte(value, '.')
	if cut < 0 {
		return fmt.Errorf("%w: want v1.expiry.signature", ErrExplain)
	}
	text := value[:cut]
	version, expiry, _ := strings.Cut(text, ".")
	if version != explainVersion {
		return fmt.Errorf("%w: want v1.expiry.signature", ErrExplain)
	}
	// Strict: the last character of a base64 text has bits that mean nothing.
	mac, err := base64.RawURLEncoding.Strict().DecodeString(value[cut+1:])
	if err != nil || !hmac.Equal(mac, explainMAC(key, text)) {
		return fmt.Errorf("%w: its signature is not this fleet's", ErrExplain)
	}
	seconds, err := strconv.ParseInt(expiry, 10, 64)
	switch until := time.Unix(seconds, 0); {
	case err != nil:
		return fmt.Errorf("%w: its expiry is no number", ErrExplain)
	case !now.Before(until):
		return fmt.Errorf("%w: it expired at %s", ErrExplain, until.UTC().Format(time.RFC3339))
	case until.Sub(now) > MaxExplain:
		return fmt.Errorf("%w: it would be good for longer than %s", ErrExplain, MaxExplain)
	}
	return nil
}

func explainMAC(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

package feed_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"suodi/control/feed"
)

// The keys are part of the format: every edge and control node must agree.
func TestDeriveKey(t *testing.T) {
	secret := bytes.Repeat([]byte{7}, feed.SecretSize)
	for purpose, want := range map[string]string{
		feed.PurposeVisitHash: "4bea186edf0739a0404e60a65a07993f6e2aa4f0584b45514da34353d8e11656",
		feed.PurposeExplain:   "51189723aed17e09f31da6c3e69e2f671b89f18f73cbad6a349d31efe7da4d4a",
	} {
		key, err := feed.DeriveKey(secret, purpose)
		check(t, err)
		if got := hex.EncodeToString(key); got != want {
			t.Errorf("%s: %s; want %s", purpose, got, want)
		}
	}
	for _, size := range []int{0, feed.SecretSize - 1, feed.SecretSize + 1} {
		if key, err := feed.DeriveKey(make([]byte, size), feed.PurposeExplain); err == nil {
			t.Errorf("a secret of %d bytes gives %x", size, key)
		}
	}
}

func TestExplainHeader(t *testing.T) {
	key, now := []byte("key"), time.Unix(1_800_000_000, 0)
	value := feed.SignExplain(key, now.Add(time.Minute))
	if want := "v1.1800000060."; !strings.HasPrefix(value, want) || len(value) != len(want)+43 {
		t.Fatalf("value %q", value)
	}
	check(t, feed.VerifyExplain(key, value, now))
	check(t, feed.VerifyExplain(key, feed.SignExplain(key, now.Add(feed.MaxExplain)), now))

	head, mac := value[:len(value)-43], value[len(value)-43:]
	other := "A"
	if strings.HasSuffix(mac, "A") {
		other = "B"
	}
	for name, test := range map[string]struct {
		key   string
		value string
		at    time.Time
		want  string
	}{
		"another key":             {"yek", value, now, "signature"},
		"expired":                 {"key", value, now.Add(time.Minute), "expired"},
		"good for too long":       {"key", feed.SignExplain(key, now.Add(feed.MaxExplain+time.Second)), now, "longer"},
		"another expiry":          {"key", "v1.1800000061." + mac, now, "signature"},
		"another version":         {"key", "v2.1800000060." + mac, now, "v1"},
		"a character changed":     {"key", head + mac[:42] + other, now, "signature"},
		"a character more":        {"key", value + "A", now, "signature"},
		"no signature":            {"key", head, now, "signature"},
		"no points":               {"key", "v1", now, "v1.expiry"},
		"nothing":                 {"key", "", now, "v1.expiry"},
		"of great length":         {"key", value + strings.Repeat("A", 1<<20), now, "too long"},
		"not in the URL alphabet": {"key", head + "+/" + mac[2:], now, "signature"},
	} {
		t.Run(name, func(t *testing.T) {
			err := feed.VerifyExplain([]byte(test.key), test.value, test.at)
			if !errors.Is(err, feed.ErrExplain) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v; want one with %q", err, test.want)
			}
		})
	}
}

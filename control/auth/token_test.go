package auth_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"regexp"
	"strings"
	"testing"

	"suodi/control/auth"
)

func TestNewToken(t *testing.T) {
	form := regexp.MustCompile(`^suodi_[0-9a-hjkmnp-tv-z]{32}$`)
	seen := map[string]bool{}
	for range 1000 {
		token := auth.NewToken()
		if !form.MatchString(token) {
			t.Fatalf("token %q is not of the documented form", token)
		}
		if err := auth.Check(token); err != nil {
			t.Fatalf("%q: %v", token, err)
		}
		if err := auth.CheckChosen(token); err != nil {
			t.Fatalf("%q cannot be chosen: %v", token, err)
		}
		if seen[token] {
			t.Fatalf("%q came twice", token)
		}
		seen[token] = true
	}
}

// Whatever one character after the prefix is mistyped as, the checksum tells.
func TestCheckFindsEveryChangedCharacter(t *testing.T) {
	const prefix = "suodi_"
	for range 3 {
		token := auth.NewToken()
		for i := len(prefix); i < len(token); i++ {
			for c := range 256 {
				if byte(c) == token[i] {
					continue
				}
				wrong := token[:i] + string([]byte{byte(c)}) + token[i+1:]
				if err := auth.Check(wrong); !errors.Is(err, auth.ErrMistyped) {
					t.Fatalf("%q for %q: error %v", wrong, token, err)
				}
			}
		}
	}
}

func TestCheck(t *testing.T) {
	token := auth.NewToken()
	swapped := []byte(token)
	for i := 6; ; i++ { // two neighbours that differ
		if swapped[i] != swapped[i+1] {
			swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
			break
		}
	}
	for _, test := range []struct {
		name, token string
		mistyped    bool
	}{
		{"whole", token, false},
		{"cut off", token[:len(token)-1], true},
		{"a character more", token + "0", true},
		{"the prefix alone", "suodi_", true},
		{"neighbours swapped", string(swapped), true},
		{"in upper case", "suodi_" + strings.ToUpper(token[6:]), true},
		{"somebody's own choice", "correct-horse-battery", false},
		{"nothing", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := auth.Check(test.token); errors.Is(err, auth.ErrMistyped) != test.mistyped {
				t.Errorf("Check(%q) = %v", test.token, err)
			}
		})
	}
}

func TestCheckChosen(t *testing.T) {
	token := auth.NewToken()
	for _, test := range []struct {
		name, token string
		ok          bool
	}{
		{"shortest", "12345678", true},
		{"longest", strings.Repeat("x", 256), true},
		{"punctuation", `!"#$%&'()*+,-./:;<=>?@[\]^_{|}~`, true},
		{"one of ours", token, true},
		{"empty", "", false},
		{"too short", "1234567", false},
		{"too long", strings.Repeat("x", 257), false},
		{"a space inside", "two words", false},
		{"a space at the end", "token-token ", false},
		{"a line end", "token-token\n", false},
		{"NUL", "token\x00token", false},
		{"DEL", "token\x7ftoken", false},
		{"not ASCII", "密码密码密码", false},
		{"one of ours, mistyped", token[:len(token)-1] + "!", false},
		{"our prefix, somebody's own rest", "suodi_letmein", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := auth.CheckChosen(test.token); (err == nil) != test.ok {
				t.Errorf("CheckChosen(%q) = %v", test.token, err)
			}
		})
	}
}

func TestHash(t *testing.T) {
	want := sha256.Sum256([]byte("token-token"))
	got := auth.Hash("token-token")
	if !bytes.Equal(got, want[:]) {
		t.Errorf("hash %x", got)
	}
	if id := auth.ID(got); len(id) != 12 || strings.Contains("token-token", id) {
		t.Errorf("id %q", id)
	}
	if auth.ID(got) == auth.ID(auth.Hash("token-tokem")) {
		t.Error("two tokens have one id")
	}
}

package tokens_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"suodi/wasm/visit/tokens"
)

// TestFind compares with the plainest search, over tokens that overlap and
// contain each other as much as they can.
func TestFind(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	text := func(letters string, shortest, longest int) string {
		b := make([]byte, shortest+random.IntN(longest-shortest+1))
		for i := range b {
			b[i] = letters[random.IntN(len(letters))]
		}
		return string(b)
	}
	for range 300 {
		var list []tokens.Token
		for range 1 + random.IntN(40) {
			token := tokens.Token{Text: text("ab", 1, 6), Anchored: random.IntN(5) == 0}
			if !slices.Contains(list, token) {
				list = append(list, token)
			}
		}
		a, err := tokens.New(list)
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			in := text("aabbbc\xff", 0, 60)
			var found tokens.Set
			a.Find([]byte(in), &found)
			for i, token := range list {
				want := strings.Contains(in, token.Text)
				if token.Anchored {
					want = strings.HasPrefix(in, token.Text)
				}
				if got := found.Has(uint16(i)); got != want {
					t.Fatalf("%+v in %q: got %v", token, in, got)
				}
			}
		}
	}
}

func TestNewRefusesTooMany(t *testing.T) {
	list := make([]tokens.Token, tokens.MaxTokens+1)
	for i := range list {
		list[i].Text = "token " + strconv.Itoa(i)
	}
	if _, err := tokens.New(list); err == nil {
		t.Error("no error for one token too many")
	}
	a, err := tokens.New(list[1:])
	if err != nil {
		t.Fatal(err)
	}
	var found tokens.Set
	a.Find([]byte("token 2048"), &found)
	if !found.Has(tokens.MaxTokens - 1) {
		t.Error("the last token was not found")
	}
	for i := range list {
		list[i].Text += strings.Repeat("x", i%50)
	}
	if _, err := tokens.New(list[1:]); err == nil {
		t.Error("no error for too many states")
	}
}

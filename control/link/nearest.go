package link

import (
	"strings"
	"unicode/utf8"
)

// maxNearest bounds the words that Nearest compares, in characters.
const maxNearest = 64

// Nearest returns the word of known that word was probably meant to be, "" when
// none is near: at most one in three characters is wrong (one in a word shorter
// than six), counting a swap of neighbours as one mistake. Case does
// not matter; of equally near words the first is returned.
func Nearest(word string, known []string) string {
	given := []rune(strings.ToLower(word))
	if len(given) == 0 || len(given) > maxNearest {
		return ""
	}
	best, bestDistance := "", max(1, len(given)/3)+1
	for _, candidate := range known {
		if n := utf8.RuneCountInString(candidate); n > maxNearest || n <= 1 && len(given) > 1 {
			continue
		}
		if d := distance(given, []rune(strings.ToLower(candidate))); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// distance is the optimal string alignment distance: insertions, deletions,
// replacements and swaps of neighbours, no part edited twice.
func distance(a, b []rune) int {
	width := len(b) + 1
	before, above, row := make([]int, width), make([]int, width), make([]int, width)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}

// orList joins words as in "a, b or c".
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

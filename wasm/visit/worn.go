package visit

import "strings"

// Worn returns what a crawler's user agent is without what names the crawler:
// the agent that a person with the browser that it comes with would send. It is
// empty where nothing of a browser is left. Of an agent that the shipped catalog
// takes for no crawler it is the agent itself.
//
// Gone are the words outside comments, and the parts of comments, that the
// catalog knows a crawler by or that hold an address, and what stands behind
// "compatible" in a comment, unless that is MSIE.
func Worn(userAgent string) (worn string, crawler bool) {
	if !isCrawler(userAgent) {
		return userAgent, false
	}
	var b strings.Builder
	rest := strings.ReplaceAll(userAgent, "HeadlessChrome/", "Chrome/")
	for rest != "" {
		text, comment, found := strings.Cut(rest, "(")
		for word := range strings.FieldsSeq(text) {
			if word = strings.TrimRight(word, ";,"); word != "" && word != "compatible" && !names(word) {
				appendWord(&b, word)
			}
		}
		if !found {
			break
		}
		end := commentEnd(comment)
		if comment = withoutCrawler(comment[:end]); comment != "" {
			appendWord(&b, "("+comment+")")
		}
		rest = strings.TrimPrefix(rest[len(text)+1+end:], ")")
	}
	worn = b.String()
	if isCrawler(worn) || !hasEngine(worn) {
		return "", true
	}
	return worn, true
}

func isCrawler(userAgent string) bool { return Shipped().Match([]byte(userAgent)).Bot }

// names reports whether a word or a comment's part is a crawler's.
func names(part string) bool {
	return strings.Contains(part, "://") || isCrawler("("+part+")")
}

func appendWord(b *strings.Builder, word string) {
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
	b.WriteString(word)
}

// commentEnd returns where the comment ends that s begins in; comments nest.
func commentEnd(s string) int {
	depth := 1
	for i := range len(s) {
		switch s[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(s)
}

func withoutCrawler(comment string) string {
	var kept []string
	parts := strings.Split(comment, ";")
	for i, part := range parts {
		part = strings.TrimSpace(part)
		if part == "compatible" && (i+1 == len(parts) || !strings.HasPrefix(strings.TrimSpace(parts[i+1]), "MSIE ")) {
			break
		}
		if part != "" && !names(part) {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "; ")
}

// engines are what browsers are made on.
var engines = []string{"AppleWebKit/", "Gecko/", "Trident/", "MSIE ", "Presto/"}

func hasEngine(userAgent string) bool {
	for _, engine := range engines {
		if strings.Contains(userAgent, engine) {
			return true
		}
	}
	return false
}

package api_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// A retry gets what the request came to when it first came, whatever has
// become of the world since.
func TestRetryAfterTheWorldChanged(t *testing.T) {
	n := open(t)
	const late = `"https://late.example.net/x"`
	create := func() *answer {
		return n.do("POST", "/v1/links", `{"url":`+late+`}`, "Idempotency-Key", "create").want(201)
	}
	var rows []string
	for i := range 20 {
		rows = append(rows, fmt.Sprintf(`{"slug":"row-%d","url":%s}`, i, late))
	}
	batch := func() *answer {
		return n.do("POST", "/v1/links/batch", `{"links":[`+strings.Join(rows, ",")+`,{"url":5}]}`, "Idempotency-Key", "batch").
			want(200).is("20", "created").is("1", "failed")
	}
	patch := func() *answer {
		return n.do("PATCH", "/v1/links/go.example.com/row-0", `{"title":"new"}`, "Idempotency-Key", "patch").want(200)
	}
	slug := create().get("slug")
	batch()
	patch()
	n.do("PUT", "/v1/domains/late.example.net", `{}`).want(200) // now those links lead to ourselves
	if again := create().get("slug"); again != slug {
		t.Errorf("a retried create made %v after %v", again, slug)
	}
	batch()
	n.do("DELETE", "/v1/links/go.example.com/row-0", "").want(204)
	patch()

	// A link whose destination became ours can still be changed otherwise.
	n.do("PATCH", "/v1/links/go.example.com/row-1", `{"state":"paused"}`).want(200)
	n.do("PATCH", "/v1/links/go.example.com/row-1", `{"url":"https://late.example.net/y"}`).want(422)
}

// One key with another If-Match is another request.
func TestRetryWithAnotherIfMatch(t *testing.T) {
	n := open(t)
	good := n.do("POST", "/v1/links", `{"slug":"a","url":"https://example.org/"}`).want(201).header.Get("ETag")
	n.do("PATCH", "/v1/links/go.example.com/a", `{"title":"x"}`, "Idempotency-Key", "k", "If-Match", `"1.1"`).want(412)
	n.do("PATCH", "/v1/links/go.example.com/a", `{"title":"x"}`, "Idempotency-Key", "k", "If-Match", good).want(422)
	n.do("PATCH", "/v1/links/go.example.com/a", `{"title":"x"}`, "Idempotency-Key", "k2", "If-Match", good).want(200)
	n.do("PATCH", "/v1/links/go.example.com/a", `{"title":"y"}`, "If-Match", `"0.0"`).want(412)
}

// Entries that do not go together cannot both come in, however they race: an
// edge could not read the catalog.
func TestPlatformsThatCollide(t *testing.T) {
	n := open(t)
	for round := range 5 {
		statuses := make([]int, 4)
		var group sync.WaitGroup
		for i := range statuses {
			group.Go(func() {
				statuses[i] = n.do("PUT", fmt.Sprintf("/v1/platforms/app-%d-%d", round, i),
					fmt.Sprintf(`{"zh":"新","en":"New","kind":"app","order":1,"packages":["com.example.r%d"]}`, round)).status
			})
		}
		group.Wait()
		made := 0
		for _, status := range statuses {
			switch status {
			case 200:
				made++
			case 422:
			default:
				t.Errorf("round %d: %v", round, statuses)
			}
		}
		if made != 1 {
			t.Errorf("round %d: %d of one package were made: %v", round, made, statuses)
		}
	}
	n.do("POST", "/v1/filters/x", "name: x\nrules:\n  - { when: true, then: allow }\n", "Content-Type", "application/yaml").want(201)
}

func TestFilterIfMatch(t *testing.T) {
	n := open(t)
	const set = "name: x\nrules:\n  - { when: true, then: allow }\n"
	etag := n.do("POST", "/v1/filters/x", set, "Content-Type", "application/yaml").want(201).header.Get("ETag")
	n.do("POST", "/v1/filters/x/promote", "", "If-Match", `"9.9"`).want(412)
	n.do("POST", "/v1/filters/x", set+"  - { when: false, then: allow }\n", "Content-Type", "application/yaml", "If-Match", `"9.9"`).want(412)
	etag = n.do("POST", "/v1/filters/x/promote", "", "If-Match", etag).want(200).header.Get("ETag")
	n.do("POST", "/v1/filters/x/rollback", "", "If-Match", `"9.9"`).want(412)
	n.do("POST", "/v1/filters/x/rollback", "", "If-Match", etag).want(200)
}

// Names that are no text are not there.
func TestNamesThatAreNoText(t *testing.T) {
	n := open(t)
	n.do("DELETE", "/v1/tokens/%ff", "").want(404)
	n.do("POST", "/v1/filters/%ff/promote", "").want(404)
	n.do("PUT", "/v1/chain", `{"filters":["platform","platform"]}`).want(422)
}

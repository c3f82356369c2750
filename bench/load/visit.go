package load

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// resting is how long a connection waits after it could not be used.
const resting = 10 * time.Millisecond

// requests makes requests and judges answers; not for several goroutines.
type requests struct {
	config *Config
	random *rand.Rand
	picker *picker
	tails  [][]byte // what follows the path, by agent
	want   []byte   // scratch
}

func newRequests(config *Config, worker int) *requests {
	random := rand.New(rand.NewPCG(config.Seed, uint64(worker)))
	r := &requests{config: config, random: random, picker: newPicker(config.Links, random)}
	for _, agent := range config.Agents.Names() {
		r.tails = append(r.tails, fmt.Appendf(nil, " HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\n"+
			"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"+
			"Accept-Encoding: gzip, deflate\r\nAccept-Language: zh-CN,zh;q=0.9,en;q=0.8\r\n\r\n", config.Host, agent))
	}
	return r
}

// next draws a link and an agent and appends the request.
func (r *requests) next(dst []byte) (link uint64, request []byte) {
	link = r.picker.pick()
	dst = append(dst, "GET "...)
	dst = r.config.Links.appendPath(dst, link)
	return link, append(dst, r.tails[r.config.Agents.pick(r.random)]...)
}

// judge says what is wrong with the head of an answer; "" when nothing is.
func (r *requests) judge(a *answer, link uint64) (class string) {
	if !slices.Contains(r.config.Statuses, a.status) {
		return failStatus
	}
	if a.status < 300 || a.status > 399 {
		return ""
	}
	r.want = r.config.Links.appendLocation(r.want[:0], link)
	if len(a.location) == 0 || !bytes.HasPrefix(a.location, r.want) {
		return failLocation
	}
	return ""
}

// wrong describes an answer that judge found something wrong with.
func (r *requests) wrong(class string, a *answer, link uint64) string {
	path := r.config.Links.appendPath(nil, link)
	if class == failLocation {
		return fmt.Sprintf("%s leads to %q, want %q", path, a.location, r.config.Links.appendLocation(nil, link))
	}
	return fmt.Sprintf("%s is answered %d", path, a.status)
}

package load

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"sort"
	"strconv"
	"strings"
)

// Popularity says how visits spread over links.
type Popularity struct {
	// Zipf is the exponent of Zipf's law, over 1: the n-th link is visited in
	// proportion to n^-Zipf. 0 is uniform.
	Zipf float64
}

// ParsePopularity reads uniform, zipf or zipf:EXPONENT.
func ParsePopularity(s string) (Popularity, error) {
	name, exponent, given := strings.Cut(s, ":")
	switch {
	case s == "uniform":
		return Popularity{}, nil
	case name == "zipf" && !given:
		return Popularity{Zipf: 1.1}, nil
	case name == "zipf":
		if z, err := strconv.ParseFloat(exponent, 64); err == nil && z > 1 && z <= 10 {
			return Popularity{Zipf: z}, nil
		}
	}
	return Popularity{}, fmt.Errorf("popularity %q: want uniform, zipf or zipf:EXPONENT with an exponent over 1, up to 10", s)
}

// Links are the links that are visited.
type Links struct {
	made       uint64 // how many, when they are of Slug; else 0
	popularity Popularity
	paths      []string
	locations  []string  // where each must lead, as a prefix; "" is not checked
	weights    []float64 // running sums
	location   string    // what a made link's Location begins with, before its slug; "" is not checked
}

// slugs is how many slugs of six digits there are in base 36.
const slugs = 36 * 36 * 36 * 36 * 36 * 36

// MaxMade is how many links can be made.
const MaxMade = slugs

// AppendSlug appends the slug of the n-th made link: six characters that look
// random, different for every n below MaxMade.
func AppendSlug(dst []byte, n uint64) []byte {
	const characters = "0123456789abcdefghijklmnopqrstuvwxyz"
	v := (n*1_103_515_247 + 987_654_321) % slugs // the factor shares no divisor with 36
	for range 6 {
		dst = append(dst, characters[v%36])
		v /= 36
	}
	return dst
}

// MadeLinks returns count links whose slugs are AppendSlug's. Each must lead to
// location followed by its slug, unless location is empty.
func MadeLinks(count uint64, location string, popularity Popularity) (*Links, error) {
	if count == 0 || count > MaxMade {
		return nil, fmt.Errorf("links: want 1 to %d, not %d", uint64(MaxMade), count)
	}
	return &Links{made: count, location: location, popularity: popularity}, nil
}

// OneLink returns a single link.
func OneLink(path, location string) (*Links, error) {
	return newLinks([]string{path}, []string{location}, []float64{1}, Popularity{})
}

// ReadLinks reads a line for each link: its path, how often it is visited
// beside the others, and what its Location must begin with, separated by tabs;
// the last two may be left out. Empty lines and lines that begin with # do not
// count. Where no line says how often, popularity decides, the first line being
// the most popular.
func ReadLinks(from io.Reader, popularity Popularity) (*Links, error) {
	var paths, locations []string
	var weights []float64
	weighted := false
	lines := bufio.NewScanner(from)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parts := append(strings.Split(line, "\t"), "", "")
		weight := 1.0
		if parts[1] != "" {
			var err error
			if weight, err = strconv.ParseFloat(parts[1], 64); err != nil || !(weight > 0) || math.IsInf(weight, 0) {
				return nil, fmt.Errorf("line %d: weight %q: want a number over 0", n, parts[1])
			}
			weighted = true
		}
		paths, locations, weights = append(paths, parts[0]), append(locations, parts[2]), append(weights, weight)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if !weighted {
		weights = nil
	}
	return newLinks(paths, locations, weights, popularity)
}

func newLinks(paths, locations []string, weights []float64, popularity Popularity) (*Links, error) {
	if len(paths) == 0 {
		return nil, errors.New("there is no link to visit")
	}
	for _, path := range paths {
		if !strings.HasPrefix(path, "/") || strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			return nil, fmt.Errorf("path %q: want one that begins with / and is percent-encoded", path)
		}
	}
	sum := 0.0
	for i, w := range weights {
		sum += w
		weights[i] = sum
	}
	return &Links{paths: paths, locations: locations, weights: weights, popularity: popularity}, nil
}

// Len returns how many there are.
func (l *Links) Len() uint64 {
	if l.made > 0 {
		return l.made
	}
	return uint64(len(l.paths))
}

// appendPath appends the path of a link.
func (l *Links) appendPath(dst []byte, n uint64) []byte {
	if l.made > 0 {
		return AppendSlug(append(dst, '/'), n)
	}
	return append(dst, l.paths[n]...)
}

// appendLocation appends what a link's Location must begin with.
func (l *Links) appendLocation(dst []byte, n uint64) []byte {
	switch {
	case l.made == 0:
		return append(dst, l.locations[n]...)
	case l.location == "":
		return dst
	}
	return AppendSlug(append(dst, l.location...), n)
}

// picker draws links; not for several goroutines.
type picker struct {
	links *Links
	rand  *rand.Rand
	zipf  *rand.Zipf
}

func newPicker(links *Links, random *rand.Rand) *picker {
	p := &picker{links: links, rand: random}
	if links.popularity.Zipf > 0 && links.weights == nil {
		p.zipf = rand.NewZipf(random, links.popularity.Zipf, 1, links.Len()-1)
	}
	return p
}

func (p *picker) pick() uint64 {
	switch {
	case p.links.weights != nil:
		sums := p.links.weights
		at := p.rand.Float64() * sums[len(sums)-1]
		return uint64(min(sort.SearchFloat64s(sums, at), len(sums)-1))
	case p.zipf != nil:
		return p.zipf.Uint64()
	}
	return p.rand.Uint64N(p.links.Len())
}

package state

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"suodi/control/feed"
	"suodi/control/link"
	"suodi/control/state/statepb"
	"suodi/raftstore"
)

// A link's id is the revision that created it and the operation's place in its
// command, so that ids grow. Changing the widths breaks compatibility.
const (
	idEpochBits    = 12
	idIndexBits    = 40
	idSequenceBits = 12
)

func (a *applying) newID() uint64 {
	return uint64(a.revision.Epoch)<<(idIndexBits+idSequenceBits) |
		(a.revision.Index&(1<<idIndexBits-1))<<idSequenceBits | a.sequence
}

var idEncoding = base32.HexEncoding.WithPadding(base32.NoPadding)

// FormatID writes a link's id as people see it: 13 letters and digits, in the
// order of ids.
func FormatID(id uint64) string {
	return strings.ToLower(idEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, id)))
}

// ErrBadID is returned for text that is no link id.
var ErrBadID = errors.New("not a link id")

// ParseID is the inverse of FormatID.
func ParseID(s string) (uint64, error) {
	b, err := idEncoding.DecodeString(strings.ToUpper(s))
	if err != nil || len(b) != 8 {
		return 0, ErrBadID
	}
	return binary.BigEndian.Uint64(b), nil
}

// FromLink returns the stored form of a link.
func FromLink(l *link.Link) *statepb.Link {
	stored := &statepb.Link{
		Domain: string(l.Domain), Slug: string(l.Slug), Url: l.URL,
		Kind: uint32(l.Kind), Title: l.Title, Tags: l.Tags, Campaign: l.Campaign,
		Status: uint32(l.Status), State: uint32(l.State), FallbackUrl: l.FallbackURL,
		Allow: l.Allow, Guard: l.Guard, Filters: FromBindings(l.Filters),
	}
	if l.NotAfter != nil {
		stored.NotAfter = l.NotAfter.Unix()
	}
	return stored
}

// ToLink is the inverse of FromLink, with what the state adds to a link.
func ToLink(stored *statepb.Link, revision link.Revision) *link.Link {
	l := &link.Link{
		ID:     FormatID(stored.GetId()),
		Domain: link.Domain(stored.GetDomain()), Slug: link.Slug(stored.GetSlug()), URL: stored.GetUrl(),
		Kind: link.Kind(stored.GetKind()), Title: stored.GetTitle(), Tags: nonNil(stored.GetTags()), Campaign: stored.GetCampaign(),
		Status: int(stored.GetStatus()), State: link.State(stored.GetState()), FallbackURL: stored.GetFallbackUrl(),
		Allow: nonNil(stored.GetAllow()), Guard: nonNil(stored.GetGuard()),
		Filters:   ToBindings(stored.GetFilters()),
		CreatedAt: toTime(stored.GetCreatedAt()), UpdatedAt: toTime(stored.GetUpdatedAt()),
		CreatedBy: stored.GetCreatedBy(), Revision: revision,
	}
	if at := stored.GetNotAfter(); at != 0 {
		t := time.Unix(at, 0).UTC()
		l.NotAfter = &t
	}
	return l
}

func toTime(nanoseconds int64) time.Time { return time.Unix(0, nanoseconds).UTC() }

func nonNil(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// linkName names a link for people.
func linkName(domain, slug string) string { return "link " + domain + "/" + slug }

func flatKey(domain, slug string) []byte {
	return link.AppendKey(nil, []byte(domain), []byte(slug))
}

// fingerprint returns the prefix of keys that links have in common which are
// equal but for what the state adds and for their slugs. It hashes fields, not
// a message: how a message is encoded may change with a library, and nodes must
// agree.
func fingerprint(stored *statepb.Link) []byte {
	h := sha256.New()
	number := func(n uint64) { h.Write(binary.BigEndian.AppendUint64(nil, n)) }
	text := func(texts ...string) {
		number(uint64(len(texts)))
		for _, t := range texts {
			number(uint64(len(t)))
			h.Write([]byte(t))
		}
	}
	text(stored.GetDomain(), stored.GetUrl(), stored.GetTitle(), stored.GetCampaign(), stored.GetFallbackUrl())
	text(stored.GetTags()...)
	text(stored.GetAllow()...)
	text(stored.GetGuard()...)
	number(uint64(stored.GetKind()))
	number(uint64(stored.GetStatus()))
	number(uint64(stored.GetState()))
	number(uint64(stored.GetNotAfter()))
	for _, b := range stored.GetFilters() {
		text(b.GetName(), string(b.GetParams()))
	}
	return key(prefixFingerprint, h.Sum(nil))
}

func (a *applying) createLink(op *statepb.CreateLink) (*statepb.Outcome, error) {
	stored := op.GetLink()
	if _, found, err := a.batch.Get(key(prefixDomain, []byte(stored.GetDomain()))); err != nil || !found {
		return refuse(statepb.Refusal_REFUSAL_UNKNOWN_DOMAIN, stored.GetDomain()), err
	}
	if op.GetFindOrCreate() {
		if out, err := a.findEqual(stored); out != nil || err != nil {
			return out, err
		}
	}
	flat := flatKey(stored.GetDomain(), stored.GetSlug())
	k := linkKey(flat)
	old := &statepb.Link{}
	revision, found, err := get(a.batch, k, old)
	if err != nil {
		return nil, err
	}
	if found {
		why := statepb.Refusal_REFUSAL_EXISTS
		if old.GetDeletedAt() != 0 {
			why = statepb.Refusal_REFUSAL_RESERVED
		}
		out := refuse(why, stored.GetSlug())
		out.Revision, out.Link = feed.FromRevision(revision), old
		return out, nil
	}
	stored.Id = a.newID()
	stored.CreatedAt, stored.UpdatedAt = a.command.GetTime(), a.command.GetTime()
	stored.CreatedBy = a.command.GetActor()
	if out, err := a.writeLink(k, flat, stored, nil); out != nil || err != nil {
		return out, err
	}
	a.batch.Set(newestKey(stored.GetId()), flat)
	out := a.done()
	out.Link = stored
	return out, nil
}

// findEqual returns the outcome of a find-or-create that found one.
func (a *applying) findEqual(stored *statepb.Link) (*statepb.Outcome, error) {
	mark := fingerprint(stored)
	for item, err := range a.batch.Scan(mark, end(mark)) {
		if err != nil {
			return nil, err
		}
		equal := &statepb.Link{}
		revision, found, err := get(a.batch, linkKey(item.Key[len(mark):]), equal)
		if err != nil || !found {
			return nil, err
		}
		return &statepb.Outcome{Revision: feed.FromRevision(revision), Link: equal, Found: true}, nil
	}
	return nil, nil // none is no error
}

// writeLink stores a link in the place of old, nil for none, and tells edges of
// it; a non-nil outcome refuses it.
func (a *applying) writeLink(k, flat []byte, stored, old *statepb.Link) (*statepb.Outcome, error) {
	records := recorder{reader: a.batch}
	record, err := records.record(stored, a.revision)
	var unknown unknownPlatformError
	if errors.As(err, &unknown) {
		return refuse(statepb.Refusal_REFUSAL_UNKNOWN_PLATFORM, string(unknown)), nil
	}
	// The API lets no such link through; if it ever does, one command is
	// refused, not the node halted.
	var malformed malformedLinkError
	if errors.As(err, &malformed) {
		return refuse(statepb.Refusal_REFUSAL_MALFORMED, malformed.Error()), nil
	}
	if err != nil {
		return nil, err
	}
	if old != nil {
		a.batch.Delete(append(fingerprint(old), flat...))
	}
	a.batch.Set(append(fingerprint(stored), flat...), nil)
	a.noteBound(flat, old, stored)
	a.tell(link.Bucket(flat), flat, record)
	return nil, a.set(k, stored)
}

func (a *applying) updateLink(op *statepb.UpdateLink) (*statepb.Outcome, error) {
	stored := op.GetLink()
	flat := flatKey(stored.GetDomain(), stored.GetSlug())
	k := linkKey(flat)
	old := &statepb.Link{}
	revision, found, err := get(a.batch, k, old)
	if err != nil {
		return nil, err
	}
	if !found || old.GetDeletedAt() != 0 {
		return refuse(statepb.Refusal_REFUSAL_NOT_FOUND, linkName(stored.GetDomain(), stored.GetSlug())), nil
	}
	if out := unmet(op.GetExpected(), found, revision); out != nil {
		return out, nil
	}
	stored.Id, stored.CreatedAt, stored.CreatedBy = old.GetId(), old.GetCreatedAt(), old.GetCreatedBy()
	stored.UpdatedAt = a.command.GetTime()
	if out, err := a.writeLink(k, flat, stored, old); out != nil || err != nil {
		return out, err
	}
	out := a.done()
	out.Link = stored
	return out, nil
}

func (a *applying) deleteLink(op *statepb.DeleteLink) (*statepb.Outcome, error) {
	flat := flatKey(op.GetDomain(), op.GetSlug())
	k := linkKey(flat)
	old := &statepb.Link{}
	revision, found, err := get(a.batch, k, old)
	if err != nil {
		return nil, err
	}
	inTrash := old.GetDeletedAt() != 0
	if !found || inTrash && !op.GetRelease() {
		return refuse(statepb.Refusal_REFUSAL_NOT_FOUND, linkName(op.GetDomain(), op.GetSlug())), nil
	}
	if out := unmet(op.GetExpected(), found, revision); out != nil {
		return out, nil
	}
	if !inTrash {
		a.batch.Delete(append(fingerprint(old), flat...))
		a.batch.Delete(newestKey(old.GetId()))
		a.noteBound(flat, old, nil)
		a.tell(link.Bucket(flat), flat, nil)
	}
	if op.GetRelease() {
		a.batch.Delete(k)
		return a.done(), nil
	}
	old.DeletedAt = a.command.GetTime()
	return a.done(), a.set(k, old)
}

// unknownPlatformError names a platform id without a number.
type unknownPlatformError string

func (e unknownPlatformError) Error() string { return fmt.Sprintf("unknown platform %q", string(e)) }

// malformedLinkError says why a link has no record.
type malformedLinkError struct{ error }

// recorder makes the records that edges hold; it remembers platform numbers.
type recorder struct {
	reader  raftstore.Reader
	numbers map[string]uint8
}

func (c *recorder) record(stored *statepb.Link, revision link.Revision) ([]byte, error) {
	allow, err := c.set(stored.GetAllow())
	if err != nil {
		return nil, err
	}
	guard, err := c.set(stored.GetGuard())
	if err != nil {
		return nil, err
	}
	record, err := ToLink(stored, revision).AppendRecord(nil, allow, guard)
	if err != nil {
		return nil, malformedLinkError{err}
	}
	return record, nil
}

func (c *recorder) set(ids []string) (set link.Platforms, err error) {
	for _, id := range ids {
		n, ok := c.numbers[id]
		if !ok {
			value, found, err := c.reader.Get(key(prefixPlatformID, []byte(id)))
			if err != nil {
				return set, err
			}
			if !found || len(value) != 1 {
				return set, unknownPlatformError(id)
			}
			if c.numbers == nil {
				c.numbers = map[string]uint8{}
			}
			n = value[0]
			c.numbers[id] = n
		}
		set.Add(n)
	}
	return set, nil
}

// GetLink returns a link that is not in the trash, nil when there is none.
func GetLink(r raftstore.Reader, k link.Key) (*link.Link, error) {
	stored := &statepb.Link{}
	revision, found, err := get(r, linkKey(k.Bytes()), stored)
	if err != nil || !found || stored.GetDeletedAt() != 0 {
		return nil, err
	}
	return ToLink(stored, revision), nil
}

// LinkQuery says which links to list.
type LinkQuery struct {
	Domain link.Domain // empty: of all
	Tag    string      // empty: with any
	Text   string      // a part of slug, URL or title, in lower case; empty: any
	After  uint64      // list links older than this id; 0: from the newest
	Limit  int         // links at most
}

func (q LinkQuery) matches(l *statepb.Link) bool {
	if q.Domain != "" && l.GetDomain() != string(q.Domain) {
		return false
	}
	if q.Tag != "" {
		tagged := false
		for _, tag := range l.GetTags() {
			tagged = tagged || tag == q.Tag
		}
		if !tagged {
			return false
		}
	}
	return q.Text == "" ||
		strings.Contains(strings.ToLower(l.GetSlug()), q.Text) ||
		strings.Contains(strings.ToLower(l.GetUrl()), q.Text) ||
		strings.Contains(strings.ToLower(l.GetTitle()), q.Text)
}

// maxScan bounds how many links one call of ListLinks looks at.
const maxScan = 20_000

// ListLinks returns links, newest first, and the id to go on after; 0 when
// there are no more. A page may be short, or empty, and not the last.
func ListLinks(r raftstore.Reader, q LinkQuery) (links []*link.Link, next uint64, err error) {
	from := []byte{prefixNewest}
	if q.After != 0 {
		from = newestKey(q.After - 1)
	}
	scanned := 0
	var last uint64
	for item, err := range r.Scan(from, end([]byte{prefixNewest})) {
		if err != nil {
			return nil, 0, err
		}
		if len(links) == q.Limit || scanned == maxScan {
			return links, last, nil
		}
		last = ^binary.BigEndian.Uint64(item.Key[1:])
		scanned++
		stored := &statepb.Link{}
		revision, found, err := get(r, linkKey(item.Value), stored)
		if err != nil {
			return nil, 0, err
		}
		if found && q.matches(stored) {
			links = append(links, ToLink(stored, revision))
		}
	}
	return links, 0, nil
}

// Package cert holds the certificates that an edge serves and makes the TLS
// configuration that picks one by the name a client asks for. It must know
// nothing of visits, links or how connections are accepted.
//
// # Certificates
//
// They come from PEM files: a certificate with its chain, and its key. The
// files are looked at again every few seconds, and a change is taken over for
// the connections that come; what cannot be read leaves the last good
// certificate in force and is reported. A client that names a domain is given
// its certificate, an exact name before a wildcard, a key of an elliptic curve
// before an RSA one where the client knows both, the one that lasts longest
// before the others. A client that names none, or none of ours, is given the
// first pair's.
//
// # Sessions
//
// A client that comes again resumes its session and saves both sides the key
// exchange's signature: for a short link, whose visitors open one connection
// each, that is most of the cost. Tickets are sealed with keys that follow from
// a secret of the whole fleet and from the cluster's time, so that every edge
// opens what any other sealed, also after a restart, and nothing has to be told
// when they rotate:
//
//	key(n) = HMAC-SHA-256(secret, "suodi tls ticket" 00 n)
//	n      = Unix time / 86,400, big-endian u64
//
// The key of the day seals; it, yesterday's and tomorrow's open, the latter for
// the sake of clocks that differ. Changing any of this makes sessions of a fleet
// of two versions unknown to each other, which costs a full handshake, no more.
// In TLS 1.3 a resumed session has key exchange of its own, so that who learns
// the secret reads no recorded traffic; in TLS 1.2 such a one reads the resumed
// sessions of those days.
package cert

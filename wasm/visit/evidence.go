package visit

// Evidence is what a client says of itself, in the headers that browsers send
// unasked: a redirect has no second request in which to ask for more. Values
// are as they came; what is not understood counts as absent.
type Evidence struct {
	UserAgent     []byte // User-Agent
	RequestedWith []byte // X-Requested-With: an Android app's package name; scripts send other things
	HintPlatform  []byte // Sec-CH-UA-Platform, a name in quotation marks
	HintMobile    []byte // Sec-CH-UA-Mobile: ?1 or ?0
}

// hints are what the evidence beside the user agent says: ranks in the
// catalog. There are no more of them than there are packages, systems and
// forms, whatever clients send.
type hints struct {
	app    uint16 // whose package it is
	system uint16
	form   formHint
}

type formHint uint8

const (
	formUnsaid formHint = iota
	formMobile
	formLarge // no phone: a tablet where the system is one of phones
)

// noHints is a user agent by itself.
var noHints = hints{app: none, system: none}

// hintedSystems are the operating systems that hints can name.
var hintedSystems = [...]string{"android", "chromeos", "ios", "linux", "macos", "windows"}

// hintedSystem returns the index of the system that a Sec-CH-UA-Platform means,
// -1 for other values. Those that browsers send are in the draft "User-Agent
// Client Hints" (WICG, section 3.7); HarmonyOS says "Unknown".
func hintedSystem(hint []byte) int {
	switch string(hint) {
	case `"Android"`:
		return 0
	case `"Chrome OS"`, `"Chromium OS"`:
		return 1
	case `"iOS"`:
		return 2
	case `"Linux"`:
		return 3
	case `"macOS"`:
		return 4
	case `"Windows"`:
		return 5
	}
	return -1
}

// read returns the hints in evidence. It takes the same time for a value of
// any length.
func (m *matcher) read(e *Evidence) hints {
	h := noHints
	if n := len(e.RequestedWith); n > 0 && n <= MaxPackage {
		if rank, ok := m.packages[string(e.RequestedWith)]; ok {
			h.app = rank
		}
	}
	if i := hintedSystem(e.HintPlatform); i >= 0 {
		h.system = m.systems[i]
	}
	if len(e.HintMobile) == 2 && e.HintMobile[0] == '?' {
		switch e.HintMobile[1] {
		case '1':
			h.form = formMobile
		case '0':
			h.form = formLarge
		}
	}
	return h
}

// open reports whether a user agent leaves its operating system and form open.
func (m *matcher) open(s *seen) bool {
	return s.best[groupOS] == none || s.best[groupOS] == m.linux
}

// weigh adds hints to what a user agent shows. It never looks at crawlers, so
// hints say of one what they would say of anybody.
func (m *matcher) weigh(s seen, h hints) Platforms {
	// A package is one more token of its app: the first app in order wins.
	s.best[groupApp] = min(s.best[groupApp], h.app)

	if !m.open(&s) {
		return m.platforms(&s)
	}
	switch {
	case h.app != none && m.android != none:
		s.best[groupOS] = m.android // packages are Android's
	case h.system != none:
		s.best[groupOS] = h.system
	}
	if s.best[groupForm] == none {
		handheld := s.best[groupOS] != none && (s.best[groupOS] == m.android || s.best[groupOS] == m.ios)
		switch {
		case h.form == formMobile, h.form == formUnsaid && handheld:
			s.best[groupForm] = m.mobileRank
		case h.form == formLarge && handheld:
			s.best[groupForm] = m.tabletRank
		}
	}
	return m.platforms(&s)
}

// Weigh tells which platforms a visit stands for by all the evidence there is,
// as the package comment says. It does not allocate and keeps nothing of its
// argument.
func (c *Catalog) Weigh(e *Evidence) Platforms {
	s := c.matcher.see(e.UserAgent)
	return c.matcher.weigh(s, c.matcher.read(e))
}

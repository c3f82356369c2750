// Package visit establishes facts about a visit from what its client says of
// itself: which platforms it stands for, and the browser and operating system
// it names. It holds the platform catalog, the matcher built from it and the
// classifier that an edge asks. It must know nothing of links, of HTTP, of
// addresses or of the network: bytes go in, facts come out.
//
// # Platforms
//
// A visit stands for a set of platforms, numbers 1 to 255 that a Catalog gives
// names to. From a user agent the set is made like this:
//
//   - The first app, in order of precedence, that matches. Where none does,
//     webview stands in for the app if it matches (an in-app browser that names
//     no app); where that does not either, the set has browser.
//   - The first operating system that matches, else otheros.
//   - The first form that matches, else desktop.
//   - The first crawler that matches, and bot with it. Crawlers are told apart
//     from nobody else: their app, system and form stand in the set as they
//     would for a person with that user agent.
//   - Every other general entry that matches, such as miniprogram.
//
// The most specific platform is the crawler, else the app (or webview), else
// browser. An empty user agent gives browser, otheros and desktop.
//
// Precedence within a kind is Entry.Order, then Entry.Number. Numbers are
// given for ever and say nothing about precedence: shipped entries use 1 to
// 127, entries that a cluster adds use FirstAssigned and up, so that neither
// ever takes the other's. An entry that is no longer wanted is retired: it
// matches nothing, but its number and name stay.
//
// # Matching
//
// A user agent is compared byte for byte, letter case included, and only its
// first MaxScan bytes count. All tokens of a catalog are found in one pass of
// an Aho–Corasick automaton (Aho and Corasick, "Efficient string matching",
// 1975); then only alternatives of which a token occurred are looked at.
//
// # Versions
//
// Names and versions of browser and operating system are what uap-go finds with
// uap-core's rules, by way of package useragent. A Classifier remembers them,
// and leaves finding them to one worker behind the answer unless they are
// needed at once.
package visit

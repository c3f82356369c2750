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
// # Other evidence
//
// Beside the user agent, three headers count (Evidence):
//
//   - X-Requested-With, where it is a package name of the catalog, is one more
//     token of that app: of it and the app that the user agent shows, the first
//     in order of precedence stands in the set, before webview and browser. So
//     WeChat's package wins over an engine's MQQBrowser/ or UCBrowser/, and a
//     WeChat that says so in its user agent stays WeChat.
//   - The user agent's operating system stands, unless it names none or linux,
//     which phones and Chromebooks say when they ask for a desktop's page. Then
//     a package of the catalog means android; else Sec-CH-UA-Platform decides if
//     it is a name that browsers send.
//   - Likewise the form, if the user agent names none and its system was none or
//     linux: Sec-CH-UA-Mobile: ?1 is mobile; ?0 is a tablet if the system turned
//     out to be android or ios; without it these two are mobile.
//
// None of this depends on whether the visit is a crawler's. Sec-CH-UA itself is
// not looked at: it names engines, and browsers built on WebView share theirs
// with it. Hints that have to be asked for come too late for a redirect.
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
// uap-core's rules in the user agent, by way of package useragent. A Classifier
// remembers them, and leaves finding them to one worker behind the answer unless
// they are needed at once. What neither did by the time a visit is written down
// is marked there (Versions.Known) and found where visits are collected.
//
// A filter is shown something else of crawlers: the browser that a crawler comes
// with, "Other" where it comes with none, and the versions to it. They are what
// uap-go finds in the user agent without what names the crawler (Worn). So a
// filter that asks for browsers gives a crawler what it gives people; who it is
// the platforms say, to rules that may ask. What names a crawler is known from
// the shipped catalog, not from what a cluster adds to it.
//
// # What a flood cannot do
//
// The cache has a fixed size and its hash a secret key. User agents that come
// once replace each other; those that come often have credit. The worker is one
// goroutine with a bounded queue of which new user agents get half. Evidence
// beside the user agent is not remembered at all.
package visit

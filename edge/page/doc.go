// Package page makes the pages a visitor can meet at an edge instead of a
// redirect: the guide ("open in your browser"), refusals and the pages that
// say why a link does not open. It must know nothing of HTTP servers, links or
// filters: it is given words and returns bytes.
//
// # Promises
//
// A page is one small document (at most 6 KiB before its dynamic text) that
// requests nothing, from anyone. Its style and, on the guide, its script are
// inline and admitted by hash in the content security policy that Headers
// returns with it. It reads well on a phone 360 px wide, in light and dark,
// without JavaScript and with a screen reader. It depends on nothing but the
// kind and the Data given, so crawlers get exactly what people get. It shows
// no part of a request that no link answered to, so that nobody can put words
// on a domain's page by making up an address.
//
// # Language
//
// Pages are in Chinese (zh-CN) or English. Language chooses between the two as
// Accept-Language asks; English answers whoever states no preference between
// them, because in-app browsers of Chinese readers always send zh, and what
// sends nothing is mostly a tool.
//
// # Rendering
//
// New executes the templates once for every kind, language and combination of
// optional fields, with marks where dynamic text goes, and cuts the results at
// the marks. Render joins those pieces with the escaped values: no template
// runs for a visit, and nothing is allocated when dst has room. A page without
// dynamic text is one copy.
//
// Dynamic text stands only between tags, never in an attribute, title, style
// or script; escape.go says how it is made inert.
//
// # Adding a page
//
// Add a Kind, its name and status, and its words in both languages. If it is
// more than words, give it a template that defines "content", and name its
// extra style and script in its plan.
package page

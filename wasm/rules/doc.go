// Package rules turns rule sets, YAML with CEL conditions, into filters: pure
// WebAssembly modules that speak version 1 of package abi. It belongs to the
// control plane. An edge never imports it, nor cel-go, and it must know
// nothing of links, HTTP or how filters are run in production.
//
// # Source
//
//	name: office-hours          # abi.ValidName
//	fail: open                  # open (default) or closed
//	params:                     # what a binding gives: string, int or bool
//	  limit: {type: int, default: 8, doc: the first hour that is open}
//	rules:                      # the first whose condition holds decides
//	  - name: night             # optional
//	    when: visit.hour < params.limit && visit.platforms.intersects(["wechat", "qq"])
//	    then: deny              # allow, deny, guide or route
//	    reason: {zh: 夜间关闭, en: Closed at night}   # or one text for both
//	    page: not-found         # of a deny: as if there were no such link
//	  - when: visit.country == "CN"
//	    then: route
//	    to: https://cn.example.com/{slug}   # a template: see abi.AppendURL
//	tests:
//	  - name: WeChat at night
//	    visit: {user_agent: "… MicroMessenger/8.0.49 …", hour: 3}
//	    link: {allow: [], guard: []}
//	    params: {limit: 7}
//	    expect: deny            # pass, allow, deny, guide or route
//	    reason: Closed at night # or code: 1
//
// Unknown and repeated fields are errors. When no rule matches the verdict is
// pass. Rules that have a reason or page are numbered from 1 in their order; that
// number is the verdict's code and its key in the manifest's codes.
//
// # Conditions
//
// Conditions are type-checked by cel-go and mean what CEL says they mean.
//
//	visit.platforms, link.allow, link.guard      sets of platforms
//	    a.intersects(b), a.intersects(["wechat", …]), "wechat" in a, size(a), ==, !=
//	visit.platform, visit.os                     one platform: ==, !=, in [ids]
//	visit.device                                 "mobile", "tablet", "desktop", "unknown": same
//	visit.bot                                    bool
//	visit.hour, weekday, date, time, hash, os_major, browser_major
//	                                             int: == != < <= > >=, in [ints]
//	visit.country, region, browser, language, host, slug, path, query,
//	visit.referrer, user_agent, requested_with   string: == !=, in [strings],
//	    startsWith, endsWith, contains, size (in code points),
//	    lowerAscii, matches (a literal in RE2 syntax)
//	visit.ip                                     inCIDR(visit.ip, "10.0.0.0/8"), inCIDR(visit.ip, ["…", …])
//	hour(visit.time, "Asia/Shanghai"), weekday(…), date(…)
//	                                             int, in that zone; an error outside the years 2000 to 2099
//	params.name                                  as declared; zero, false or empty when it was not given
//	ints: + - * and the sign; / and % by a literal that is not 0
//	&& || ! ?: ( ) and literals of bool, int and string
//
// Evaluation is three-valued. An int that does not fit 64 bits is an error;
// && and || absorb one that the other side makes irrelevant. A condition that
// ends in an error does not match, and the verdict says that there was one.
//
// A fact that the visit does not hold reads as false, zero, "unknown" (device),
// the empty string or the empty set. Whatever else CEL knows is refused, with
// its place.
//
// visit.hash is the visit hash without its lowest bit, so that it is never
// negative and visit.hash % 100 < 5 holds for five visits of a hundred. An IPv4
// address is in no IPv6 network, a missing one in none at all.
//
// Strings are bytes as the client sent them. lowerAscii leaves what is no ASCII
// letter alone; to matches a byte that is not UTF-8 is a U+FFFD of its own, as
// to package regexp. A pattern becomes a table of at most 32 KiB; one that needs
// more is refused.
//
// Rules that allow, guide or route may not test for bots or crawlers, so that a
// crawler sees what a person on its platform sees: an allow rule would spare it
// what filters further on do to people. In them visit.platform is the most
// specific platform that is no crawler.
//
// # Code
//
// Each kind of expression becomes a value: a type and the code that leaves it
// on the stack. A bool is an i32, 2 for an error where one is possible, an int
// an i64. Errors of ints and strings are noted in a local that the predicate
// around them looks at. A string is one i32 as in the visit's head, offset in
// the low and length in the high 16 bits (the highest of which says, in values
// that may be folded, that upper case is lower); literals stand behind the
// visit's buffer, so that one offset reaches both:
//
//	visitAddress  the visit, abi.BufferSize bytes
//	dataAddress   literals and route URLs, each once
//	tableAddress  time zones: when an offset came into force, i64, and the
//	              offset, i32; patterns: deterministic automata over bytes
//
// The module writes nothing and has no imports, tables or globals. The same
// source and catalog give the same bytes.
package rules

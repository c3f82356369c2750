// Suodi platform filters in C, ABI version 1. This header is all there is: a
// filter includes it in one file and defines suodi_decide.
//
//	#include "suodi.h"
//
//	suodi_verdict suodi_decide(const suodi_visit *visit) {
//		if (suodi_has(&visit->platforms, SUODI_WECHAT)) return suodi_guide(1);
//		return suodi_pass();
//	}
//
// There is no C library. Numbers of the visit are fields; its texts are bytes
// as the client sent them, without a 0 at the end, read with the functions
// below. A fact that manifest.json does not ask for is 0 or empty.
#ifndef SUODI_H
#define SUODI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platforms.h"

// A text of the visit or of the program.
typedef struct {
	const char *at;
	uint32_t length;
} suodi_text;

// A set of platform numbers, 256 bits.
typedef struct {
	uint64_t words[4];
} suodi_set;

// Where a text of the visit is, from the visit's first byte.
typedef struct {
	uint16_t offset, length;
} suodi_span;

// Which facts are present: bits of suodi_visit.facts.
enum {
	SUODI_FACT_PLATFORMS = 1 << 0,
	SUODI_FACT_LINK = 1 << 1,
	SUODI_FACT_VERSIONS = 1 << 2,
	SUODI_FACT_COUNTRY = 1 << 3,
	SUODI_FACT_LANGUAGE = 1 << 4,
	SUODI_FACT_CLOCK = 1 << 5,
	SUODI_FACT_IP = 1 << 6,
	SUODI_FACT_HASH = 1 << 7,
	SUODI_FACT_HOST = 1 << 8,
	SUODI_FACT_SLUG = 1 << 9,
	SUODI_FACT_PATH = 1 << 10,
	SUODI_FACT_QUERY = 1 << 11,
	SUODI_FACT_REFERRER = 1 << 12,
	SUODI_FACT_USER_AGENT = 1 << 13,
	SUODI_FACT_REQUESTED_WITH = 1 << 14,
};

// What suodi_visit.device says.
enum { SUODI_DEVICE_UNKNOWN, SUODI_DEVICE_MOBILE, SUODI_DEVICE_TABLET, SUODI_DEVICE_DESKTOP };

// One visit, as the host writes it.
typedef struct {
	uint32_t version, length, facts;
	uint16_t platform;      // number of the most specific platform
	uint16_t os;            // platform number of the operating system
	uint16_t os_major;      // 0 = unknown
	uint16_t browser_major; // 0 = unknown
	uint8_t device;
	uint8_t bot;     // 0 or 1
	uint8_t weekday; // 1 Monday … 7 Sunday, in the domain's time zone
	uint8_t hour;    // 0 … 23, in the domain's time zone
	uint32_t date;   // year*10000 + month*100 + day, in the domain's time zone
	char country[2]; // "ZZ" = unknown
	uint16_t reserved0;
	int64_t time;   // seconds since 1970-01-01 UTC
	uint64_t hash;  // the same for the same visitor of the same link
	uint8_t ip[16]; // IPv6, or IPv4 as ::ffff:a.b.c.d
	suodi_set platforms, allow, guard;
	suodi_span browser, region, language, host, slug, path, query, referrer, user_agent, requested_with, params;
	uint8_t reserved1[52];
} suodi_visit;

_Static_assert(offsetof(suodi_visit, hash) == 40, "layout");
_Static_assert(offsetof(suodi_visit, platforms) == 64, "layout");
_Static_assert(offsetof(suodi_visit, params) == 200, "layout");
_Static_assert(sizeof(suodi_visit) == 256, "layout");

typedef uint64_t suodi_verdict;

// The filter: yours to define.
suodi_verdict suodi_decide(const suodi_visit *visit);

// No opinion: the next filter decides.
static inline suodi_verdict suodi_pass(void) { return 0; }

// Ends the chain: the visit goes on to its target.
static inline suodi_verdict suodi_allow(void) { return 1; }

// Refuses the visit; code is a reason of the manifest, 0 for none.
static inline suodi_verdict suodi_deny(uint32_t code) { return 2 | (uint64_t)(code & 0xffffff) << 8; }

// Shows the "open in your browser" page; code as for suodi_deny.
static inline suodi_verdict suodi_guide(uint32_t code) { return 3 | (uint64_t)(code & 0xffffff) << 8; }

// Sends the visit to a URL, which must outlast the call: a text of the visit or
// of the program, or a static buffer.
static inline suodi_verdict suodi_route(suodi_text url) {
	return 4 | (uint64_t)(url.length & 0xffffff) << 8 | (uint64_t)(uintptr_t)url.at << 32;
}

// SUODI_TEXT makes a text of a string literal.
#define SUODI_TEXT(literal) ((suodi_text){(literal), sizeof(literal) - 1})

// suodi_read returns a text of the visit: suodi_read(visit, visit->slug).
static inline suodi_text suodi_read(const suodi_visit *visit, suodi_span span) {
	return (suodi_text){(const char *)visit + span.offset, span.length};
}

static inline bool suodi_equal(suodi_text a, suodi_text b) {
	if (a.length != b.length) return false;
	for (uint32_t i = 0; i < a.length; i++)
		if (a.at[i] != b.at[i]) return false;
	return true;
}

static inline bool suodi_starts(suodi_text text, suodi_text start) {
	return text.length >= start.length && suodi_equal((suodi_text){text.at, start.length}, start);
}

// suodi_find returns where part first occurs in text, or text.length.
static inline uint32_t suodi_find(suodi_text text, suodi_text part) {
	for (uint32_t i = 0; i + part.length <= text.length; i++)
		if (suodi_equal((suodi_text){text.at + i, part.length}, part)) return i;
	return text.length;
}

// suodi_cut moves everything before the first separator out of rest, and the
// separator too; the last part is everything. To be called while rest->at.
static inline suodi_text suodi_cut(suodi_text *rest, char separator) {
	suodi_text part = {rest->at, 0};
	while (part.length < rest->length && rest->at[part.length] != separator) part.length++;
	if (part.length == rest->length) *rest = (suodi_text){0, 0};
	else *rest = (suodi_text){rest->at + part.length + 1, rest->length - part.length - 1};
	return part;
}

// suodi_number reads decimal digits, nothing else; false if it is no int64.
static inline bool suodi_number(suodi_text text, int64_t *number) {
	bool negative = text.length > 0 && text.at[0] == '-';
	uint64_t n = 0;
	if (text.length == negative || text.length - negative > 19) return false;
	for (uint32_t i = negative; i < text.length; i++) {
		uint32_t digit = (uint32_t)(uint8_t)text.at[i] - '0';
		if (digit > 9) return false;
		n = n * 10 + digit;
	}
	if (n > (uint64_t)INT64_MAX + negative) return false;
	*number = (int64_t)(negative ? -n : n);
	return true;
}

// suodi_query returns the first value of a name in the query, as it was sent
// (percent-encoded); .at is null without one.
static inline suodi_text suodi_query(const suodi_visit *visit, suodi_text name) {
	suodi_text rest = suodi_read(visit, visit->query);
	while (rest.at) {
		suodi_text value = suodi_cut(&rest, '&');
		if (suodi_equal(suodi_cut(&value, '='), name)) return value.at ? value : SUODI_TEXT("");
	}
	return (suodi_text){0, 0};
}

static inline bool suodi_has(const suodi_set *set, uint8_t platform) {
	return set->words[platform >> 6] >> (platform & 63) & 1;
}

static inline bool suodi_intersects(const suodi_set *a, const suodi_set *b) {
	return ((a->words[0] & b->words[0]) | (a->words[1] & b->words[1]) |
	        (a->words[2] & b->words[2]) | (a->words[3] & b->words[3])) != 0;
}

// suodi_param finds a parameter's value as JSON. The params are an object in
// canonical form: no white space and nothing escaped.
static inline suodi_text suodi_param(const suodi_visit *visit, suodi_text name) {
	suodi_text params = suodi_read(visit, visit->params);
	uint32_t i = 1; // behind the brace, or the last comma
	while (i < params.length) {
		suodi_text key = {params.at + i + 1, 0};
		while (key.at[key.length] != '"') key.length++;
		i += key.length + 3; // its quotation marks and the colon
		suodi_text value = {params.at + i, 1};
		bool quoted = value.at[0] == '"';
		while (quoted ? value.at[value.length] != '"' : value.at[value.length] != ',' && value.at[value.length] != '}') value.length++;
		value.length += quoted;
		if (suodi_equal(key, name)) return value;
		i += value.length + 1;
	}
	return (suodi_text){0, 0};
}

// suodi_param_text returns a parameter of type string; .at is null without one.
static inline suodi_text suodi_param_text(const suodi_visit *visit, suodi_text name) {
	suodi_text value = suodi_param(visit, name);
	if (value.length < 2 || value.at[0] != '"') return (suodi_text){0, 0};
	return (suodi_text){value.at + 1, value.length - 2};
}

// suodi_param_int returns a parameter of type int, or what otherwise holds.
static inline int64_t suodi_param_int(const suodi_visit *visit, suodi_text name, int64_t otherwise) {
	int64_t number;
	return suodi_number(suodi_param(visit, name), &number) ? number : otherwise;
}

// suodi_param_bool returns a parameter of type bool, or what otherwise holds.
static inline bool suodi_param_bool(const suodi_visit *visit, suodi_text name, bool otherwise) {
	suodi_text value = suodi_param(visit, name);
	return value.at ? value.at[0] == 't' : otherwise;
}

// The compiler may call these wherever it likes; they are not for you.
__attribute__((weak)) void *memcpy(void *restrict to, const void *restrict from, size_t n) {
	for (size_t i = 0; i < n; i++) ((uint8_t *)to)[i] = ((const uint8_t *)from)[i];
	return to;
}

__attribute__((weak)) void *memset(void *to, int c, size_t n) {
	for (size_t i = 0; i < n; i++) ((uint8_t *)to)[i] = (uint8_t)c;
	return to;
}

// What the host calls.
static union {
	suodi_visit visit;
	uint8_t bytes[8192];
} suodi_buffer;

__attribute__((export_name("suodi_abi"))) int32_t suodi_export_abi(void) { return 1; }

__attribute__((export_name("suodi_visit"))) void *suodi_export_visit(void) { return &suodi_buffer; }

__attribute__((export_name("suodi_filter"))) uint64_t suodi_export_filter(uint32_t length) {
	(void)length; // the same as visit.length
	return suodi_decide(&suodi_buffer.visit);
}

#endif

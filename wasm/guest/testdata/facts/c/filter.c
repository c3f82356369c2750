// Answers with what it reads: facts_test.go says which number is what.
#include "suodi.h"

static suodi_verdict number(uint64_t n) { return suodi_deny((uint32_t)(n ^ n >> 24 ^ n >> 48)); }

static suodi_verdict text(suodi_text t) {
	uint32_t h = 2166136261u;
	for (uint32_t i = 0; i < t.length; i++) h = (h ^ (uint8_t)t.at[i]) * 16777619u;
	return suodi_deny(h);
}

static suodi_verdict maybe(suodi_text t) { return t.at ? text(t) : suodi_deny(0xabcdef); }

suodi_verdict suodi_decide(const suodi_visit *v) {
	switch (suodi_param_int(v, SUODI_TEXT("read"), -1)) {
	case 0: return number(v->facts);
	case 1: return number(v->platform);
	case 2: return number(v->os);
	case 3: return number(v->os_major);
	case 4: return number(v->browser_major);
	case 5: return number(v->device);
	case 6: return number(v->bot);
	case 7: return number(v->weekday);
	case 8: return number(v->hour);
	case 9: return number(v->date);
	case 10: return text((suodi_text){v->country, 2});
	case 11: return number((uint64_t)v->time);
	case 12: return number(v->hash);
	case 13: return text((suodi_text){(const char *)v->ip, 16});
	case 14: return number(suodi_has(&v->platforms, (uint8_t)suodi_param_int(v, SUODI_TEXT("at"), 0)));
	case 15: return number(suodi_intersects(&v->platforms, &v->allow));
	case 16: return number(suodi_intersects(&v->platforms, &v->guard));
	case 17: return text(suodi_read(v, v->browser));
	case 18: return text(suodi_read(v, v->region));
	case 19: return text(suodi_read(v, v->language));
	case 20: return text(suodi_read(v, v->host));
	case 21: return text(suodi_read(v, v->slug));
	case 22: return text(suodi_read(v, v->path));
	case 23: return text(suodi_read(v, v->query));
	case 24: return text(suodi_read(v, v->referrer));
	case 25: return text(suodi_read(v, v->user_agent));
	case 26: return text(suodi_read(v, v->requested_with));
	case 27: return maybe(suodi_query(v, SUODI_TEXT("q")));
	case 28: return maybe(suodi_query(v, SUODI_TEXT("absent")));
	case 29: return maybe(suodi_param_text(v, SUODI_TEXT("text")));
	case 30: return number(suodi_param_bool(v, SUODI_TEXT("yes"), false));
	case 31: return text(suodi_read(v, v->params));
	case 32: return suodi_pass();
	case 33: return suodi_allow();
	case 34: return suodi_guide(7);
	case 35: return suodi_route(suodi_param_text(v, SUODI_TEXT("text")));
	case 36: return number((uint64_t)suodi_param_int(v, SUODI_TEXT("at"), 0));
	case 37: return number((uint64_t)suodi_param_int(v, SUODI_TEXT("text"), 99));
	case 38: return maybe(suodi_param_text(v, SUODI_TEXT("absent")));
	default: __builtin_trap();
	}
}

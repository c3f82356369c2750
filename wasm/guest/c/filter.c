// Refuses visits from one country.
#include "suodi.h"

enum { WRONG_COUNTRY = 1 }; // a code of manifest.json

suodi_verdict suodi_decide(const suodi_visit *visit) {
	suodi_text country = {visit->country, 2};
	if (suodi_equal(country, suodi_param_text(visit, SUODI_TEXT("country")))) return suodi_deny(WRONG_COUNTRY);
	return suodi_pass();
}

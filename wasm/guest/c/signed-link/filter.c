// Signed links: a visit passes only with a signature that has not expired.
//
// Who hands out the link appends ?e=EXPIRY&s=SIGNATURE, where EXPIRY is in Unix
// seconds and SIGNATURE is HMAC-SHA-256(key, SLUG "\n" EXPIRY) in hexadecimal:
//
//	printf 'winter\n1900000000' | openssl dgst -sha256 -hmac "$KEY"
#include "suodi.h"

#include "sha256.h"

enum { NOT_SIGNED = 1, EXPIRED = 2, WRONG = 3 }; // codes of manifest.json

// hexadecimal returns a digit's value, or 16 or more for anything else.
static uint32_t hexadecimal(char c) {
	uint32_t digit = (uint32_t)(uint8_t)c - '0', letter = (uint32_t)(uint8_t)(c | 32) - 'a';
	return digit < 10 ? digit : letter < 6 ? letter + 10 : 16;
}

// matches compares without telling by its time where the difference is.
static bool matches(const uint8_t sum[32], suodi_text signature) {
	if (signature.length != 64) return false;
	uint32_t difference = 0;
	for (uint32_t i = 0; i < 32; i++) {
		uint32_t high = hexadecimal(signature.at[2 * i]), low = hexadecimal(signature.at[2 * i + 1]);
		difference |= (high << 4 | low) ^ sum[i];
		difference |= (high | low) >> 4;
	}
	return difference == 0;
}

suodi_verdict suodi_decide(const suodi_visit *visit) {
	suodi_text expiry = suodi_query(visit, SUODI_TEXT("e"));
	suodi_text signature = suodi_query(visit, SUODI_TEXT("s"));
	int64_t until;
	if (!signature.at || !suodi_number(expiry, &until)) return suodi_deny(NOT_SIGNED);

	suodi_text key = suodi_param_text(visit, SUODI_TEXT("key"));
	suodi_text slug = suodi_read(visit, visit->slug);
	uint8_t sum[32];
	hmac h;
	hmac_begin(&h, key.at, key.length);
	hmac_write(&h, slug.at, slug.length);
	hmac_write(&h, "\n", 1);
	hmac_write(&h, expiry.at, expiry.length);
	hmac_end(&h, sum);
	if (!matches(sum, signature)) return suodi_deny(WRONG);

	// Only now: whoever cannot sign learns nothing of the clock.
	if (visit->time >= until) return suodi_deny(EXPIRED);
	return suodi_pass();
}

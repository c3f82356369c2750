// HMAC-SHA-256: FIPS 180-4 and RFC 2104.
#ifndef SHA256_H
#define SHA256_H

#include <stdint.h>

typedef struct {
	uint32_t state[8];
	uint8_t block[64];
	uint32_t length; // bytes so far
} sha256;

// The first 32 bits of the fractional parts of the cube roots of the first 64
// primes.
static const uint32_t sha256_constants[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t sha256_rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

// sha256_compress is kept out of line: entering a function costs fuel by the size
// of its frame, and sha256_byte is entered for every byte.
static __attribute__((noinline)) void sha256_compress(sha256 *block) {
	uint32_t w[64];
	for (int i = 0; i < 16; i++) {
		const uint8_t *word = &block->block[4 * i];
		w[i] = (uint32_t)word[0] << 24 | (uint32_t)word[1] << 16 | (uint32_t)word[2] << 8 | word[3];
	}
	for (int i = 16; i < 64; i++) {
		uint32_t early = sha256_rotate(w[i - 15], 7) ^ sha256_rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
		uint32_t late = sha256_rotate(w[i - 2], 17) ^ sha256_rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
		w[i] = w[i - 16] + early + w[i - 7] + late;
	}
	uint32_t *state = block->state;
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
	uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
	for (int i = 0; i < 64; i++) {
		uint32_t sum1 = sha256_rotate(e, 6) ^ sha256_rotate(e, 11) ^ sha256_rotate(e, 25);
		uint32_t one = h + sum1 + ((e & f) ^ (~e & g)) + sha256_constants[i] + w[i];
		uint32_t sum0 = sha256_rotate(a, 2) ^ sha256_rotate(a, 13) ^ sha256_rotate(a, 22);
		uint32_t two = sum0 + ((a & b) ^ (a & c) ^ (b & c));
		h = g, g = f, f = e, e = d + one;
		d = c, c = b, b = a, a = one + two;
	}
	state[0] += a, state[1] += b, state[2] += c, state[3] += d;
	state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

// sha256_begin starts a hash; its state is the first 32 bits of the fractional
// parts of the square roots of the first 8 primes.
static void sha256_begin(sha256 *h) {
	static const uint32_t start[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
	};
	for (int i = 0; i < 8; i++) h->state[i] = start[i];
	h->length = 0;
}

static void sha256_byte(sha256 *h, uint8_t c) {
	h->block[h->length++ % 64] = c;
	if (h->length % 64 == 0) sha256_compress(h);
}

static void sha256_write(sha256 *h, const void *bytes, uint32_t n) {
	for (uint32_t i = 0; i < n; i++) sha256_byte(h, ((const uint8_t *)bytes)[i]);
}

static void sha256_end(sha256 *h, uint8_t sum[32]) {
	uint64_t bits = (uint64_t)h->length * 8;
	sha256_byte(h, 0x80);
	while (h->length % 64 != 56) sha256_byte(h, 0);
	for (int shift = 56; shift >= 0; shift -= 8) sha256_byte(h, (uint8_t)(bits >> shift));
	for (int i = 0; i < 32; i++) sum[i] = (uint8_t)(h->state[i / 4] >> (24 - i % 4 * 8));
}

typedef struct {
	sha256 inner, outer;
} hmac;

static void hmac_begin(hmac *h, const void *key, uint32_t n) {
	uint8_t pad[64] = {0};
	if (n > sizeof pad) {
		sha256_begin(&h->inner);
		sha256_write(&h->inner, key, n);
		sha256_end(&h->inner, pad);
	} else {
		for (uint32_t i = 0; i < n; i++) pad[i] = ((const uint8_t *)key)[i];
	}
	for (int i = 0; i < 64; i++) pad[i] ^= 0x36;
	sha256_begin(&h->inner);
	sha256_write(&h->inner, pad, 64);
	for (int i = 0; i < 64; i++) pad[i] ^= 0x36 ^ 0x5c;
	sha256_begin(&h->outer);
	sha256_write(&h->outer, pad, 64);
}

static void hmac_write(hmac *h, const void *bytes, uint32_t n) { sha256_write(&h->inner, bytes, n); }

static void hmac_end(hmac *h, uint8_t sum[32]) {
	sha256_end(&h->inner, sum);
	sha256_write(&h->outer, sum, 32);
	sha256_end(&h->outer, sum);
}

#endif

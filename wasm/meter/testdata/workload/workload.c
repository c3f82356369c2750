// Workloads for BenchmarkMetered: one filter for each value of WORK. All read
// the visit's first 171 bytes.
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int i32;

#define N 171
static u8 visit[8192];
static u8 scratch[4096];
static u32 words[1024];

__attribute__((export_name("suodi_abi"))) i32 suodi_abi(void) { return 1; }
__attribute__((export_name("suodi_visit"))) i32 suodi_visit(void) { return (i32)visit; }

#if WORK == 0 // hash
static u32 work(u32 n) { u32 h = 2166136261u; for (u32 i = 0; i < n; i++) { h ^= visit[i]; h *= 16777619u; } return h; }
#elif WORK == 1 // insertion sort
static u32 work(u32 n) {
  for (u32 i = 0; i < n; i++) { u8 v = visit[i]; u32 j = i; while (j > 0 && scratch[j - 1] > v) { scratch[j] = scratch[j - 1]; j--; } scratch[j] = v; }
  return scratch[n / 2];
}
#elif WORK == 2 // sieve
static u32 work(u32 n) {
  u32 count = 0; for (u32 i = 0; i < 1024; i++) scratch[i] = 1;
  for (u32 i = 2; i < 1024; i++) if (scratch[i]) { count++; for (u32 j = i * 2; j < 1024; j += i) scratch[j] = 0; }
  return count + n;
}
#elif WORK == 3 // matrices
static double a[12][12], b[12][12], c[12][12];
static u32 work(u32 n) {
  for (u32 i = 0; i < 12; i++) for (u32 j = 0; j < 12; j++) { a[i][j] = visit[(i * 12 + j) % N]; b[i][j] = i - j; }
  for (u32 i = 0; i < 12; i++) for (u32 j = 0; j < 12; j++) { double s = 0; for (u32 k = 0; k < 12; k++) s += a[i][k] * b[k][j]; c[i][j] = s; }
  return (u32)(long long)c[3][n % 12];
}
#elif WORK == 4 // search
static u32 work(u32 n) {
  static const char needle[] = "MicroMessenger"; u32 found = 0;
  for (u32 i = 0; i + 14 <= n; i++) { u32 j = 0; while (j < 14 && visit[i + j] == (u8)needle[j]) j++; found += j == 14; }
  return found;
}
#elif WORK == 5 // crc
static u32 work(u32 n) { u32 c = ~0u; for (u32 i = 0; i < n; i++) { c ^= visit[i]; for (int k = 0; k < 8; k++) c = c >> 1 ^ (0xEDB88320u & -(c & 1)); } return ~c; }
#elif WORK == 6 // tokens
static u32 work(u32 n) {
  u32 words = 0, digits = 0, other = 0;
  for (u32 i = 0; i < n; i++) {
    u8 c = visit[i];
    if (c >= '0' && c <= '9') digits++;
    else if ((c | 32) >= 'a' && (c | 32) <= 'z') { words++; while (i + 1 < n && (visit[i + 1] | 32) >= 'a' && (visit[i + 1] | 32) <= 'z') i++; }
    else if (c == ' ' || c == '/' || c == ';') other++;
    else other += 3;
  }
  return words << 16 | digits << 8 | other;
}
#elif WORK == 7 // interpreter
static u32 work(u32 n) {
  u32 acc = 0, x = 1;
  for (u32 i = 0; i < n; i++) switch (visit[i] & 15) {
    case 0: acc += x; break; case 1: acc -= x; break; case 2: acc ^= x << 3; break; case 3: x = acc * 5; break;
    case 4: acc = acc << 7 | acc >> 25; break; case 5: x++; break; case 6: if (acc & 1) i++; break; case 7: acc += visit[x % n]; break;
    case 8: x ^= acc; break; case 9: acc *= 3; break; case 10: acc += i; break; case 11: x = x >> 1 | 1; break;
    default: acc ^= 0x55; }
  return acc;
}
#elif WORK == 8 // recursion
static __attribute__((noinline)) u32 fib(u32 n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
static u32 work(u32 n) { return fib(10 + n % 3); }
#elif WORK == 9 // base64
static u32 work(u32 n) {
  static const char t[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"; u32 o = 0;
  for (u32 i = 0; i + 2 < n; i += 3) { u32 v = visit[i] << 16 | visit[i + 1] << 8 | visit[i + 2];
    scratch[o++] = t[v >> 18]; scratch[o++] = t[v >> 12 & 63]; scratch[o++] = t[v >> 6 & 63]; scratch[o++] = t[v & 63]; }
  return o + scratch[o / 2];
}
#elif WORK == 10 // distance
static u32 work(u32 n) {
  static const char with[] = "Mozilla/5.0 (iPhone; CPU"; u32 len = sizeof with - 1;
  for (u32 j = 0; j <= len; j++) words[j] = j;
  for (u32 i = 1; i <= n / 4; i++) { u32 prev = words[0]; words[0] = i;
    for (u32 j = 1; j <= len; j++) { u32 cost = prev + (visit[i - 1] != (u8)with[j - 1]); prev = words[j];
      u32 best = words[j - 1] + 1; if (prev + 1 < best) best = prev + 1; words[j] = cost < best ? cost : best; } }
  return words[len];
}
#elif WORK == 11 // code points
static u32 work(u32 n) {
  u32 sum = 0, i = 0;
  while (i < n) { u32 c = visit[i];
    if (c < 0x80) { sum += c; i++; } else if (c < 0xe0 && i + 1 < n) { sum += (c & 31) << 6 | (visit[i + 1] & 63); i += 2; }
    else if (i + 2 < n) { sum += (c & 15) << 12 | (visit[i + 1] & 63) << 6 | (visit[i + 2] & 63); i += 3; } else i++; }
  return sum;
}
#elif WORK == 12 // copies
static u32 work(u32 n) { for (u32 k = 0; k < 8; k++) { for (u32 i = 0; i < n; i++) scratch[k * 200 + i] = visit[i]; } return scratch[n]; }
#elif WORK == 13 // table of function pointers
static __attribute__((noinline)) u32 f0(u32 x) { return x + 1; }
static __attribute__((noinline)) u32 f1(u32 x) { return x * 3; }
static __attribute__((noinline)) u32 f2(u32 x) { return x ^ 0x1234; }
static __attribute__((noinline)) u32 f3(u32 x) { return x >> 1; }
static u32 (*const volatile table[4])(u32) = {f0, f1, f2, f3};
static u32 work(u32 n) { u32 x = n; for (u32 i = 0; i < n; i++) x = table[visit[i] & 3](x); return x; }
#endif

__attribute__((export_name("suodi_filter"))) u64 suodi_filter(u32 n) { return (u64)work(n < N ? n : N) << 8 & 0xffffff00u; }

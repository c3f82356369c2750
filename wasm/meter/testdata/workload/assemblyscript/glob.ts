// Matches the user agent against patterns with stars, by stepping back to the
// last star.
import * as suodi from "./suodi";
export { suodi_abi, suodi_visit } from "./suodi";

function matches(text: suodi.Text, pattern: string): bool {
  const length = suodi.textLength(text), last = pattern.length;
  let i: u32 = 0, from: u32 = 0, j = 0, star = -1;
  while (i < length) {
    const c: u32 = j < last ? load<u16>(changetype<usize>(pattern) + (j << 1)) : 0;
    if (c == 0x2a) {
      star = j++;
      from = i;
    } else if (c == suodi.at(text, i)) {
      i++;
      j++;
    } else if (star >= 0) {
      j = star + 1;
      i = ++from;
    } else {
      return false;
    }
  }
  while (j < last && load<u16>(changetype<usize>(pattern) + (j << 1)) == 0x2a) j++;
  return j == last;
}

export function suodi_filter(_length: i32): i64 {
  const text = suodi.visit.userAgent;
  let found: u32 = 0;
  if (matches(text, "Mozilla/*(iPhone;*Mac OS X)*MicroMessenger/8.*")) found |= 1;
  if (matches(text, "*Mobile*Mobile*Mobile*")) found |= 2;
  if (matches(text, "Mozilla/5.0 (*; *; *) *Language/zh_*")) found |= 4;
  if (matches(text, "*O*S*X*L*N*_CN")) found |= 8;
  return suodi.deny(found);
}

// Hashes the user agent with xxHash32.
import * as suodi from "./suodi";
export { suodi_abi, suodi_visit } from "./suodi";

const P1: u32 = 2654435761, P2: u32 = 2246822519, P3: u32 = 3266489917, P4: u32 = 668265263, P5: u32 = 374761393;

export function suodi_filter(_length: i32): i64 {
  const text = suodi.visit.userAgent;
  let at = suodi.textAddress(text);
  const length = suodi.textLength(text), end = at + length;
  let h: u32;
  if (length >= 16) {
    let a = P1 + P2, b = P2, c: u32 = 0, d: u32 = 0 - P1;
    while (at + 16 <= end) {
      a = rotl<u32>(a + load<u32>(at) * P2, 13) * P1;
      b = rotl<u32>(b + load<u32>(at, 4) * P2, 13) * P1;
      c = rotl<u32>(c + load<u32>(at, 8) * P2, 13) * P1;
      d = rotl<u32>(d + load<u32>(at, 12) * P2, 13) * P1;
      at += 16;
    }
    h = rotl<u32>(a, 1) + rotl<u32>(b, 7) + rotl<u32>(c, 12) + rotl<u32>(d, 18);
  } else {
    h = P5;
  }
  h += length;
  for (; at + 4 <= end; at += 4) h = rotl<u32>(h + load<u32>(at) * P3, 17) * P4;
  for (; at < end; at++) h = rotl<u32>(h + <u32>load<u8>(at) * P5, 11) * P1;
  h = (h ^ (h >> 15)) * P2;
  h = (h ^ (h >> 13)) * P3;
  return suodi.deny(h ^ (h >> 16));
}

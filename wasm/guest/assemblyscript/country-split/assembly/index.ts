// Sends a share of each country's visits elsewhere: a new landing page that
// one country sees whole and another in part. The visit hash decides, so that
// somebody who comes back sees the same page again.
//
// shares is "CN=30,SG=12.5,*=0": percent, with up to two places; * is every
// country that is not named. The first entry that fits counts.
import * as suodi from "./suodi";
export { suodi_abi, suodi_visit } from "./suodi";

export function suodi_filter(_length: i32): i64 {
  const visit = suodi.visit;
  const share = shareOf(visit.paramText("shares"), visit.country);
  // The hash's low half: its high half chooses canaries, and the two choices
  // should not depend on each other.
  if ((visit.hash as u32) % 10000 < share) return suodi.route(visit.paramText("url"));
  return suodi.pass();
}

/** A country's share, of 10,000 visits. */
function shareOf(shares: suodi.Text, country: suodi.Text): u32 {
  let rest = shares;
  while (suodi.textLength(rest) > 0) {
    const end = suodi.indexOf(rest, 0x2c); // comma
    const entry = suodi.slice(rest, 0, end);
    const equals = suodi.indexOf(entry, 0x3d);
    const name = suodi.slice(entry, 0, equals);
    if (suodi.equal(name, country) || suodi.is(name, "*")) return hundredths(suodi.slice(entry, equals + 1));
    rest = suodi.slice(rest, end + 1);
  }
  return 0;
}

/** Reads "12.5" as 1250; 0 if it is no number or over 100. */
function hundredths(text: suodi.Text): u32 {
  const dot = suodi.indexOf(text, 0x2e);
  const whole = suodi.number(suodi.slice(text, 0, dot), -1);
  let places: i64 = 0;
  const length = suodi.textLength(text);
  if (dot < length) {
    const digits = length - dot - 1;
    places = digits > 2 ? -1 : suodi.number(suodi.slice(text, dot + 1), -1);
    if (digits == 1) places *= 10;
  }
  if (whole < 0 || places < 0 || whole > 100) return 0;
  const share = whole * 100 + places;
  return share > 10000 ? 0 : share as u32;
}

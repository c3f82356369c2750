// Refuses visits from one country.
import * as suodi from "./suodi";
export { suodi_abi, suodi_visit } from "./suodi";

const WRONG_COUNTRY: u32 = 1; // a code of manifest.json

export function suodi_filter(_length: i32): i64 {
  const visit = suodi.visit;
  if (suodi.equal(visit.country, visit.paramText("country"))) return suodi.deny(WRONG_COUNTRY);
  return suodi.pass();
}

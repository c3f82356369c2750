// Looks for words in the user agent.
import * as suodi from "./suodi";
export { suodi_abi, suodi_visit } from "./suodi";

export function suodi_filter(_length: i32): i64 {
  const text = suodi.visit.userAgent;
  let found: u32 = 0;
  if (suodi.find(text, "MicroMessenger/") >= 0) found |= 1;
  if (suodi.find(text, "DingTalk/") >= 0) found |= 2;
  if (suodi.find(text, "AlipayClient/") >= 0) found |= 4;
  if (suodi.find(text, "NetType/WIFI") >= 0) found |= 8;
  if (suodi.find(text, "Macintosh") >= 0) found |= 16;
  return suodi.deny(found);
}

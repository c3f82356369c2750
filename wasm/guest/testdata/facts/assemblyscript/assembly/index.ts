// Answers with what it reads: facts_test.go says which number is what.
import * as suodi from "./suodi";
export { suodi_abi, suodi_visit } from "./suodi";

function number(n: u64): i64 {
  return suodi.deny((n ^ (n >> 24) ^ (n >> 48)) as u32);
}

function text(t: suodi.Text): i64 {
  let h: u32 = 2166136261;
  for (let i: u32 = 0; i < suodi.textLength(t); i++) h = (h ^ suodi.at(t, i)) * 16777619;
  return suodi.deny(h);
}

function maybe(t: suodi.Text): i64 {
  return t == suodi.NONE ? suodi.deny(0xabcdef) : text(t);
}

export function suodi_filter(_length: i32): i64 {
  const v = suodi.visit;
  switch (v.paramInt("read", -1) as i32) {
    case 0: return number(v.facts);
    case 1: return number(v.platform);
    case 2: return number(v.os);
    case 3: return number(v.osMajor);
    case 4: return number(v.browserMajor);
    case 5: return number(v.device);
    case 6: return number(v.bot ? 1 : 0);
    case 7: return number(v.weekday);
    case 8: return number(v.hour);
    case 9: return number(v.date);
    case 10: return text(v.country);
    case 11: return number(v.time);
    case 12: return number(v.hash);
    case 13: return text(v.ip);
    case 14: return number(v.platforms.has(v.paramInt("at", 0) as u8) ? 1 : 0);
    case 15: return number(v.platforms.intersects(v.allow) ? 1 : 0);
    case 16: return number(v.platforms.intersects(v.guard) ? 1 : 0);
    case 17: return text(v.browser);
    case 18: return text(v.region);
    case 19: return text(v.language);
    case 20: return text(v.host);
    case 21: return text(v.slug);
    case 22: return text(v.path);
    case 23: return text(v.query);
    case 24: return text(v.referrer);
    case 25: return text(v.userAgent);
    case 26: return text(v.requestedWith);
    case 27: return maybe(v.queryValue("q"));
    case 28: return maybe(v.queryValue("absent"));
    case 29: return maybe(v.paramText("text"));
    case 30: return number(v.paramBool("yes", false) ? 1 : 0);
    case 31: return text(v.params);
    case 32: return suodi.pass();
    case 33: return suodi.allow();
    case 34: return suodi.guide(7);
    case 35: return suodi.route(v.paramText("text"));
    case 36: return number(v.paramInt("at", 0));
    case 37: return number(v.paramInt("text", 99));
    case 38: return maybe(v.paramText("absent"));
    default: throw new Error("nothing to read");
  }
}

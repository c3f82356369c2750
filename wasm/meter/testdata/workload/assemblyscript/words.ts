// Uses the language's strings, arrays and maps, which take memory.
import * as suodi from "./suodi";
export { suodi_abi, suodi_visit } from "./suodi";

export function suodi_filter(_length: i32): i64 {
  __reset(); // the unmetered module must begin with as much memory as the metered one
  const words = suodi.toString(suodi.visit.userAgent).toLowerCase().split(" ");
  const counts = new Map<string, i32>();
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    counts.set(word, (counts.has(word) ? counts.get(word) : 0) + 1);
  }
  const keys = counts.keys().sort();
  let sum = 0;
  for (let i = 0; i < keys.length; i++) sum = sum * 31 + keys[i].length * counts.get(keys[i]) + keys[i].charCodeAt(0);
  return suodi.deny(sum);
}

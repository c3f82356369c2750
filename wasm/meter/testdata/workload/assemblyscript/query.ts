// Parses the query: unescapes every name and value, adds up what is a number.
import * as suodi from "./suodi";
export { suodi_abi, suodi_visit } from "./suodi";

function hexadecimal(c: u32): u32 {
  const digit = c - 0x30, letter = (c | 32) - 0x61;
  return digit < 10 ? digit : letter < 6 ? letter + 10 : 16;
}

function unescaped(text: suodi.Text): u32 {
  let sum: u32 = 0;
  for (let i: u32 = 0; i < suodi.textLength(text); i++) {
    let c = suodi.at(text, i);
    if (c == 0x25) {
      const high = hexadecimal(suodi.at(text, i + 1)), low = hexadecimal(suodi.at(text, i + 2));
      if ((high | low) > 15) unreachable(); // no escape: give up
      c = (high << 4) | low;
      i += 2;
    } else if (c == 0x2b) {
      c = 0x20;
    }
    sum = sum * 31 + c;
  }
  return sum;
}

export function suodi_filter(_length: i32): i64 {
  let rest = suodi.visit.query, sum: u32 = 0, numbers: i64 = 0;
  while (suodi.textLength(rest) > 0) {
    const end = suodi.indexOf(rest, 0x26);
    const pair = suodi.slice(rest, 0, end);
    const equals = suodi.indexOf(pair, 0x3d);
    sum = sum * 17 + unescaped(suodi.slice(pair, 0, equals)) * 3 + unescaped(suodi.slice(pair, equals + 1));
    numbers += suodi.number(suodi.slice(pair, equals + 1), 0);
    rest = suodi.slice(rest, end + 1);
  }
  return suodi.deny(sum ^ (numbers as u32));
}

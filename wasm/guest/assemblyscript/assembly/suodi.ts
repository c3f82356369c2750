// Suodi platform filters in AssemblyScript, ABI version 1.
//
//   import * as suodi from "./suodi";
//   import * as platform from "./platform";
//   export { suodi_abi, suodi_visit } from "./suodi";
//
//   export function suodi_filter(length: i32): i64 {
//     if (suodi.visit.platforms.has(platform.WECHAT)) return suodi.guide(1);
//     return suodi.pass();
//   }
//
// A Text is bytes as the client sent them; it may be invalid UTF-8. Reading it
// as such costs no memory, and a filter that makes no strings or arrays writes
// nothing. A fact that manifest.json does not ask for is 0 or empty.

// @ts-ignore: decorator
@lazy const buffer: usize = memory.data(8192, 16);

export function suodi_abi(): i32 {
  return 1;
}

export function suodi_visit(): usize {
  return buffer;
}

/** What the language does on an error: the visit is answered by the fail mode. */
export function abort(_message: string | null, _file: string | null, _line: u32, _column: u32): void {
  unreachable();
}

/** No opinion: the next filter decides. */
export function pass(): i64 {
  return 0;
}

/** Ends the chain: the visit goes on to its target. */
export function allow(): i64 {
  return 1;
}

/** Refuses the visit; code is a reason of the manifest, 0 for none. */
export function deny(code: u32): i64 {
  return 2 | ((code & 0xffffff) as i64 << 8);
}

/** Shows the "open in your browser" page; code as for deny. */
export function guide(code: u32): i64 {
  return 3 | ((code & 0xffffff) as i64 << 8);
}

/** Sends the visit to a URL. */
export function route(url: Text): i64 {
  return 4 | ((textLength(url) & 0xffffff) as i64 << 8) | (textAddress(url) as i64 << 32);
}

/** A text in memory: the address in the high half, the length in the low one. */
export type Text = u64;

/** What a text that is not there is; an empty one has an address. */
export const NONE: Text = 0;

// @ts-ignore: decorator
@inline export function textOf(address: usize, length: u32): Text {
  return (address as u64 << 32) | length;
}

// @ts-ignore: decorator
@inline export function textAddress(text: Text): usize {
  return (text >> 32) as usize;
}

// @ts-ignore: decorator
@inline export function textLength(text: Text): u32 {
  return text as u32;
}

/** The byte at a place of a text, 0 outside. */
export function at(text: Text, index: u32): u32 {
  return index < textLength(text) ? load<u8>(textAddress(text) + index) : 0;
}

/** What stands from a place on and before another. */
export function slice(text: Text, from: u32, to: u32 = u32.MAX_VALUE): Text {
  to = min(to, textLength(text));
  from = min(from, to);
  return textOf(textAddress(text) + from, to - from);
}

export function equal(a: Text, b: Text): bool {
  const length = textLength(a);
  if (length != textLength(b)) return false;
  for (let i: u32 = 0; i < length; i++) {
    if (at(a, i) != at(b, i)) return false;
  }
  return true;
}

/** Whether a text is the ASCII string. */
export function is(text: Text, word: string): bool {
  if (textLength(text) != <u32>word.length) return false;
  return starts(text, word);
}

/** Whether a text begins with the ASCII string. */
export function starts(text: Text, word: string): bool {
  if (textLength(text) < <u32>word.length) return false;
  for (let i: u32 = 0; i < <u32>word.length; i++) {
    if (at(text, i) != load<u16>(changetype<usize>(word) + (i << 1))) return false;
  }
  return true;
}

/** Where the ASCII string first occurs, or -1. */
export function find(text: Text, word: string): i32 {
  for (let i: u32 = 0; i + word.length <= textLength(text); i++) {
    if (starts(slice(text, i), word)) return i as i32;
  }
  return -1;
}

/** Where a byte first occurs, or the text's length. */
export function indexOf(text: Text, byte: u32): u32 {
  let i: u32 = 0;
  while (i < textLength(text) && at(text, i) != byte) i++;
  return i;
}

/** The text as a string of the language; takes memory. */
export function toString(text: Text): string {
  return String.UTF8.decodeUnsafe(textAddress(text), textLength(text));
}

/** Reads decimal digits with a minus sign or none; otherwise if it is anything else. */
export function number(text: Text, otherwise: i64): i64 {
  const negative = at(text, 0) == 0x2d;
  const first: u32 = negative ? 1 : 0;
  const length = textLength(text);
  if (length == first || length - first > 19) return otherwise;
  let n: u64 = 0;
  for (let i = first; i < length; i++) {
    const digit = at(text, i) - 0x30;
    if (digit > 9) return otherwise;
    n = n * 10 + digit;
  }
  if (n > (i64.MAX_VALUE as u64) + first) return otherwise;
  return negative ? -(n as i64) : n as i64;
}

/** A set of platform numbers, where it stands in the visit. */
@unmanaged
export class Set256 {
  private w0: u64;
  private w1: u64;
  private w2: u64;
  private w3: u64;

  has(platform: u8): bool {
    return ((load<u8>(changetype<usize>(this) + (platform >> 3)) >> (platform & 7)) & 1) != 0;
  }

  intersects(other: Set256): bool {
    return ((this.w0 & other.w0) | (this.w1 & other.w1) | (this.w2 & other.w2) | (this.w3 & other.w3)) != 0;
  }

  isEmpty(): bool {
    return (this.w0 | this.w1 | this.w2 | this.w3) == 0;
  }
}

/** The facts, as bits of visit.facts. */
export namespace fact {
  export const PLATFORMS: u32 = 1 << 0;
  export const LINK: u32 = 1 << 1;
  export const VERSIONS: u32 = 1 << 2;
  export const COUNTRY: u32 = 1 << 3;
  export const LANGUAGE: u32 = 1 << 4;
  export const CLOCK: u32 = 1 << 5;
  export const IP: u32 = 1 << 6;
  export const HASH: u32 = 1 << 7;
  export const HOST: u32 = 1 << 8;
  export const SLUG: u32 = 1 << 9;
  export const PATH: u32 = 1 << 10;
  export const QUERY: u32 = 1 << 11;
  export const REFERRER: u32 = 1 << 12;
  export const USER_AGENT: u32 = 1 << 13;
  export const REQUESTED_WITH: u32 = 1 << 14;
}

/** What visit.device says. */
export namespace device {
  export const UNKNOWN: u8 = 0;
  export const MOBILE: u8 = 1;
  export const TABLET: u8 = 2;
  export const DESKTOP: u8 = 3;
}

/** One visit, as the host writes it. */
@unmanaged
export class Visit {
  private version: u32;
  private length: u32;
  /** Which facts are present: bits of fact. */
  facts: u32;
  /** The number of the most specific platform. */
  platform: u16;
  /** The platform number of the operating system. */
  os: u16;
  /** 0 = unknown. */
  osMajor: u16;
  /** 0 = unknown. */
  browserMajor: u16;
  device: u8;
  bot: bool;
  /** 1 Monday … 7 Sunday, in the domain's time zone. */
  weekday: u8;
  /** 0 … 23, in the domain's time zone. */
  hour: u8;
  /** year*10000 + month*100 + day, in the domain's time zone. */
  date: u32;
  private country0: u32;
  /** Seconds since 1970-01-01 UTC. */
  time: i64;
  /** The same for the same visitor of the same link. */
  hash: u64;

  /** Two letters; "ZZ" = unknown. */
  get country(): Text { return textOf(changetype<usize>(this) + 28, 2); }
  /** 16 bytes: IPv6, or IPv4 as ::ffff:a.b.c.d. */
  get ip(): Text { return textOf(changetype<usize>(this) + 48, 16); }
  /** Every platform that the visit stands for. */
  get platforms(): Set256 { return changetype<Set256>(changetype<usize>(this) + 64); }
  /** The link's allow set. */
  get allow(): Set256 { return changetype<Set256>(changetype<usize>(this) + 96); }
  /** The link's guard set. */
  get guard(): Set256 { return changetype<Set256>(changetype<usize>(this) + 128); }
  get browser(): Text { return this.text(160); }
  get region(): Text { return this.text(164); }
  get language(): Text { return this.text(168); }
  get host(): Text { return this.text(172); }
  get slug(): Text { return this.text(176); }
  get path(): Text { return this.text(180); }
  /** Without the question mark. */
  get query(): Text { return this.text(184); }
  get referrer(): Text { return this.text(188); }
  get userAgent(): Text { return this.text(192); }
  get requestedWith(): Text { return this.text(196); }
  /** JSON in canonical form: no white space, nothing escaped. */
  get params(): Text { return this.text(200); }

  private text(offset: usize): Text {
    const span = changetype<usize>(this) + offset;
    return textOf(changetype<usize>(this) + load<u16>(span), load<u16>(span, 2));
  }

  /** The first value of a name in the query, as it was sent (percent-encoded), or NONE. */
  queryValue(name: string): Text {
    let rest = this.query;
    while (textLength(rest) > 0) {
      const end = indexOf(rest, 0x26);
      const pair = slice(rest, 0, end);
      const equals = indexOf(pair, 0x3d);
      if (is(slice(pair, 0, equals), name)) return slice(pair, equals + 1);
      rest = slice(rest, end + 1);
    }
    return NONE;
  }

  /** A parameter's value as JSON, or NONE. */
  private param(name: string): Text {
    const params = this.params;
    let i: u32 = 2; // behind {"
    while (i < textLength(params)) {
      const rest = slice(params, i);
      const key = slice(rest, 0, indexOf(rest, 0x22));
      const value = slice(rest, textLength(key) + 2);
      let length: u32 = 1;
      if (at(value, 0) == 0x22) {
        length = indexOf(slice(value, 1), 0x22) + 2;
      } else {
        while (length < textLength(value) && at(value, length) != 0x2c && at(value, length) != 0x7d) length++;
      }
      if (is(key, name)) return slice(value, 0, length);
      i += textLength(key) + 2 + length + 2; // behind ,"
    }
    return NONE;
  }

  /** A parameter of type string, or NONE. */
  paramText(name: string): Text {
    const value = this.param(name);
    if (at(value, 0) != 0x22) return NONE;
    return slice(value, 1, textLength(value) - 1);
  }

  /** A parameter of type int, or what otherwise holds. */
  paramInt(name: string, otherwise: i64): i64 {
    return number(this.param(name), otherwise);
  }

  /** A parameter of type bool, or what otherwise holds. */
  paramBool(name: string, otherwise: bool): bool {
    const value = this.param(name);
    return value == NONE ? otherwise : at(value, 0) == 0x74;
  }
}

/** The visit that is to be decided. */
// @ts-ignore: decorator
@lazy export const visit: Visit = changetype<Visit>(buffer);

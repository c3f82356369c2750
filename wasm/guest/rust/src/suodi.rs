//! Suodi platform filters in Rust, ABI version 1. This file and `platform.rs`
//! are all there is: no crates, no standard library.
//!
//! ```ignore
//! mod platform;
//! mod suodi;
//! use suodi::{Verdict, Visit};
//!
//! suodi::filter!(decide);
//!
//! fn decide(visit: &Visit) -> Verdict {
//!     if visit.platforms().has(platform::WECHAT) { Verdict::guide(1) } else { Verdict::pass() }
//! }
//! ```
//!
//! Texts are bytes as the client sent them; they may be invalid UTF-8. A fact
//! that manifest.json does not ask for is 0 or empty.
#![allow(dead_code)] // a filter uses what it needs

/// What a filter answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Verdict(pub u64);

impl Verdict {
    /// No opinion: the next filter decides.
    pub const fn pass() -> Self {
        Verdict(0)
    }

    /// Ends the chain: the visit goes on to its target.
    pub const fn allow() -> Self {
        Verdict(1)
    }

    /// Refuses the visit; code is a reason of the manifest, 0 for none.
    pub const fn deny(code: u32) -> Self {
        Verdict(2 | ((code & 0xff_ffff) as u64) << 8)
    }

    /// Shows the "open in your browser" page; code as for `deny`.
    pub const fn guide(code: u32) -> Self {
        Verdict(3 | ((code & 0xff_ffff) as u64) << 8)
    }

    /// Sends the visit to a URL, which must outlast the call: a text of the
    /// visit, a parameter or a static.
    pub fn route(url: &[u8]) -> Self {
        Verdict(4 | ((url.len() & 0xff_ffff) as u64) << 8 | (url.as_ptr() as usize as u64) << 32)
    }
}

/// The form of the visitor's device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Device {
    Unknown,
    Mobile,
    Tablet,
    Desktop,
}

/// A set of platform numbers, 256 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Set(pub [u64; 4]);

impl Set {
    pub fn has(&self, platform: u8) -> bool {
        self.0[(platform >> 6) as usize] >> (platform & 63) & 1 != 0
    }

    pub fn intersects(&self, other: &Set) -> bool {
        self.0.iter().zip(&other.0).any(|(a, b)| a & b != 0)
    }

    pub fn is_empty(&self) -> bool {
        self.0 == [0; 4]
    }
}

/// The facts, as bits of `Visit::facts`.
pub mod fact {
    pub const PLATFORMS: u32 = 1 << 0;
    pub const LINK: u32 = 1 << 1;
    pub const VERSIONS: u32 = 1 << 2;
    pub const COUNTRY: u32 = 1 << 3;
    pub const LANGUAGE: u32 = 1 << 4;
    pub const CLOCK: u32 = 1 << 5;
    pub const IP: u32 = 1 << 6;
    pub const HASH: u32 = 1 << 7;
    pub const HOST: u32 = 1 << 8;
    pub const SLUG: u32 = 1 << 9;
    pub const PATH: u32 = 1 << 10;
    pub const QUERY: u32 = 1 << 11;
    pub const REFERRER: u32 = 1 << 12;
    pub const USER_AGENT: u32 = 1 << 13;
    pub const REQUESTED_WITH: u32 = 1 << 14;
}

/// One visit. Its texts borrow from it.
pub struct Visit<'a>(&'a [u8; BUFFER]);

impl<'a> Visit<'a> {
    /// Reads a record as the host writes it.
    pub fn new(record: &'a [u8; BUFFER]) -> Self {
        Visit(record)
    }

    fn bytes<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut value = [0; N];
        value.copy_from_slice(&self.0[at..at + N]);
        value
    }

    fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes(self.bytes(at))
    }

    fn set(&self, at: usize) -> Set {
        let word = |i: usize| u64::from_le_bytes(self.bytes(at + 8 * i));
        Set([word(0), word(1), word(2), word(3)])
    }

    fn text(&self, at: usize) -> &'a [u8] {
        let start = self.u16(at) as usize;
        self.0
            .get(start..start + self.u16(at + 2) as usize)
            .unwrap_or(&[])
    }

    /// Which facts are present: bits of module `fact`.
    pub fn facts(&self) -> u32 {
        u32::from_le_bytes(self.bytes(8))
    }

    /// The number of the most specific platform.
    pub fn platform(&self) -> u8 {
        self.0[12]
    }

    /// The platform number of the operating system.
    pub fn os(&self) -> u8 {
        self.0[14]
    }

    /// The operating system's major version; 0 = unknown.
    pub fn os_major(&self) -> u16 {
        self.u16(16)
    }

    /// The browser's major version; 0 = unknown.
    pub fn browser_major(&self) -> u16 {
        self.u16(18)
    }

    pub fn device(&self) -> Device {
        match self.0[20] {
            1 => Device::Mobile,
            2 => Device::Tablet,
            3 => Device::Desktop,
            _ => Device::Unknown,
        }
    }

    pub fn bot(&self) -> bool {
        self.0[21] != 0
    }

    /// 1 Monday … 7 Sunday, in the domain's time zone.
    pub fn weekday(&self) -> u8 {
        self.0[22]
    }

    /// 0 … 23, in the domain's time zone.
    pub fn hour(&self) -> u8 {
        self.0[23]
    }

    /// year*10000 + month*100 + day, in the domain's time zone.
    pub fn date(&self) -> u32 {
        u32::from_le_bytes(self.bytes(24))
    }

    /// Two ASCII letters; "ZZ" = unknown.
    pub fn country(&self) -> &'a [u8] {
        &self.0[28..30]
    }

    /// Seconds since 1970-01-01 UTC.
    pub fn time(&self) -> i64 {
        i64::from_le_bytes(self.bytes(32))
    }

    /// The same for the same visitor of the same link.
    pub fn hash(&self) -> u64 {
        u64::from_le_bytes(self.bytes(40))
    }

    /// An IPv6 address, or IPv4 as ::ffff:a.b.c.d.
    pub fn ip(&self) -> [u8; 16] {
        self.bytes(48)
    }

    /// Every platform that the visit stands for.
    pub fn platforms(&self) -> Set {
        self.set(64)
    }

    /// The link's allow set.
    pub fn allow(&self) -> Set {
        self.set(96)
    }

    /// The link's guard set.
    pub fn guard(&self) -> Set {
        self.set(128)
    }

    /// The browser's name.
    pub fn browser(&self) -> &'a [u8] {
        self.text(160)
    }

    pub fn region(&self) -> &'a [u8] {
        self.text(164)
    }

    pub fn language(&self) -> &'a [u8] {
        self.text(168)
    }

    pub fn host(&self) -> &'a [u8] {
        self.text(172)
    }

    pub fn slug(&self) -> &'a [u8] {
        self.text(176)
    }

    pub fn path(&self) -> &'a [u8] {
        self.text(180)
    }

    /// The query, without the question mark.
    pub fn query(&self) -> &'a [u8] {
        self.text(184)
    }

    pub fn referrer(&self) -> &'a [u8] {
        self.text(188)
    }

    pub fn user_agent(&self) -> &'a [u8] {
        self.text(192)
    }

    pub fn requested_with(&self) -> &'a [u8] {
        self.text(196)
    }

    /// The first value of a name in the query, as it was sent (percent-encoded).
    pub fn query_value(&self, name: &str) -> Option<&'a [u8]> {
        let pairs = self.query().split(|c| *c == b'&');
        pairs
            .map(|pair| cut(pair, b'='))
            .find(|pair| pair.0 == name.as_bytes())
            .map(|pair| pair.1)
    }

    /// All params as JSON, in canonical form: no white space, nothing escaped.
    pub fn params(&self) -> &'a [u8] {
        self.text(200)
    }

    /// A parameter's value as JSON.
    fn param(&self, name: &str) -> Option<&'a [u8]> {
        let mut rest = self.params().get(2..)?; // behind {"
        loop {
            let (key, value) = cut(rest, b'"');
            let value = value.get(1..)?; // behind the colon
            let quoted = value.first() == Some(&b'"');
            let end = match value.iter().skip(1).position(|c| {
                if quoted {
                    *c == b'"'
                } else {
                    *c == b',' || *c == b'}'
                }
            }) {
                Some(at) => at + 1 + quoted as usize,
                None => return None,
            };
            if key == name.as_bytes() {
                return value.get(..end);
            }
            rest = value.get(end + 2..)?; // behind ,"
        }
    }

    /// A parameter of type string.
    pub fn param_text(&self, name: &str) -> Option<&'a [u8]> {
        match self.param(name)? {
            [b'"', text @ .., b'"'] => Some(text),
            _ => None,
        }
    }

    /// A parameter of type int.
    pub fn param_int(&self, name: &str) -> Option<i64> {
        number(self.param(name)?)
    }

    /// A parameter of type bool.
    pub fn param_bool(&self, name: &str) -> Option<bool> {
        match self.param(name)? {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        }
    }
}

/// What stands before and behind the first separator; without one, all and
/// nothing.
pub fn cut(text: &[u8], separator: u8) -> (&[u8], &[u8]) {
    match text.iter().position(|c| *c == separator) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &[]),
    }
}

/// Where part first occurs in text.
pub fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    (0..(text.len() + 1).saturating_sub(part.len())).find(|at| text[*at..].starts_with(part))
}

/// Reads decimal digits with a minus sign or none, and nothing else.
pub fn number(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let mut n: i64 = 0;
    for c in digits {
        let digit = c.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        let digit = if negative {
            -(digit as i64)
        } else {
            digit as i64
        };
        n = n.checked_mul(10)?.checked_add(digit)?;
    }
    Some(n)
}

/// Size of the buffer that the host writes visits into.
pub const BUFFER: usize = 8192;

/// Makes a function of `&Visit` the module's filter.
#[macro_export]
macro_rules! filter {
    ($decide:ident) => {
        const _: fn(&$crate::suodi::Visit) -> $crate::suodi::Verdict = $decide;

        #[cfg(target_arch = "wasm32")]
        mod suodi_exports {
            // The host writes the visit here before it calls, and nobody else does.
            static mut BUFFER: [u8; $crate::suodi::BUFFER] = [0; $crate::suodi::BUFFER];

            #[no_mangle]
            extern "C" fn suodi_abi() -> i32 {
                1
            }

            #[no_mangle]
            extern "C" fn suodi_visit() -> i32 {
                unsafe { core::ptr::addr_of!(BUFFER) as i32 }
            }

            #[no_mangle]
            extern "C" fn suodi_filter(_length: i32) -> i64 {
                let visit = $crate::suodi::Visit::new(unsafe { &*core::ptr::addr_of!(BUFFER) });
                super::$decide(&visit).0 as i64
            }

            #[panic_handler]
            fn panic(_: &core::panic::PanicInfo) -> ! {
                core::arch::wasm32::unreachable() // the visit is answered by the fail mode
            }
        }
    };
}
pub use crate::filter;

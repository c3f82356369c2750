//! Answers with what it reads: facts_test.go says which number is what.
#![cfg_attr(target_arch = "wasm32", no_std)]

mod platform;
mod suodi;

use suodi::{Verdict, Visit};

suodi::filter!(decide);

fn number(n: u64) -> Verdict {
    Verdict::deny((n ^ n >> 24 ^ n >> 48) as u32)
}

fn text(t: &[u8]) -> Verdict {
    Verdict::deny(
        t.iter()
            .fold(2166136261u32, |h, c| (h ^ *c as u32).wrapping_mul(16777619)),
    )
}

fn maybe(t: Option<&[u8]>) -> Verdict {
    t.map_or(Verdict::deny(0xabcdef), text)
}

fn decide(v: &Visit) -> Verdict {
    match v.param_int("read").unwrap_or(-1) {
        0 => number(v.facts() as u64),
        1 => number(v.platform() as u64),
        2 => number(v.os() as u64),
        3 => number(v.os_major() as u64),
        4 => number(v.browser_major() as u64),
        5 => number(v.device() as u64),
        6 => number(v.bot() as u64),
        7 => number(v.weekday() as u64),
        8 => number(v.hour() as u64),
        9 => number(v.date() as u64),
        10 => text(v.country()),
        11 => number(v.time() as u64),
        12 => number(v.hash()),
        13 => text(&v.ip()),
        14 => number(v.platforms().has(v.param_int("at").unwrap_or(0) as u8) as u64),
        15 => number(v.platforms().intersects(&v.allow()) as u64),
        16 => number(v.platforms().intersects(&v.guard()) as u64),
        17 => text(v.browser()),
        18 => text(v.region()),
        19 => text(v.language()),
        20 => text(v.host()),
        21 => text(v.slug()),
        22 => text(v.path()),
        23 => text(v.query()),
        24 => text(v.referrer()),
        25 => text(v.user_agent()),
        26 => text(v.requested_with()),
        27 => maybe(v.query_value("q")),
        28 => maybe(v.query_value("absent")),
        29 => maybe(v.param_text("text")),
        30 => number(v.param_bool("yes").unwrap_or(false) as u64),
        31 => text(v.params()),
        32 => Verdict::pass(),
        33 => Verdict::allow(),
        34 => Verdict::guide(7),
        35 => Verdict::route(v.param_text("text").unwrap()),
        36 => number(v.param_int("at").unwrap_or(0) as u64),
        37 => number(v.param_int("text").unwrap_or(99) as u64),
        38 => maybe(v.param_text("absent")),
        _ => panic!(),
    }
}

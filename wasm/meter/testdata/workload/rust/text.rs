//! Reads a user agent as UTF-8 and folds its case; what is invalid makes it give
//! up.
#![cfg_attr(target_arch = "wasm32", no_std)]

mod platform;
mod suodi;

use suodi::{Verdict, Visit};

suodi::filter!(decide);

fn decide(visit: &Visit) -> Verdict {
    let text = core::str::from_utf8(visit.user_agent()).unwrap();
    let mut sum = 0u32;
    for c in text.chars().flat_map(char::to_lowercase) {
        sum = sum.wrapping_mul(31).wrapping_add(c as u32);
    }
    Verdict::deny(sum)
}

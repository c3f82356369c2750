//! Sorts the pairs of letters of a user agent.
#![cfg_attr(target_arch = "wasm32", no_std)]

mod platform;
mod suodi;

use suodi::{Verdict, Visit};

suodi::filter!(decide);

fn decide(visit: &Visit) -> Verdict {
    let mut pairs = [0u16; 256];
    let text = visit.user_agent();
    let n = (text.len() / 2).min(pairs.len());
    for (to, pair) in pairs.iter_mut().zip(text.chunks_exact(2)) {
        *to = u16::from_be_bytes([pair[0], pair[1]]);
    }
    pairs[..n].sort_unstable();
    let sum = pairs[..n].iter().enumerate().fold(0u32, |sum, (i, p)| {
        sum.wrapping_add(*p as u32 * (i as u32 + 1))
    });
    Verdict::deny(sum)
}

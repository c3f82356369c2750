//! Reads the products of a user agent and their versions; a version that is no
//! number makes it give up.
#![cfg_attr(target_arch = "wasm32", no_std)]

mod platform;
mod suodi;

use suodi::{Verdict, Visit};

suodi::filter!(decide);

fn decide(visit: &Visit) -> Verdict {
    let mut versions = [0u32; 8];
    let mut products = 0;
    let mut depth = 0;
    for word in visit.user_agent().split(|c| *c == b' ') {
        depth += word.iter().filter(|c| **c == b'(').count() as i32;
        if depth == 0 {
            let (_, version) = suodi::cut(word, b'/');
            let (major, _) = suodi::cut(version, b'.');
            let digits = major.iter().take_while(|c| c.is_ascii_digit()).count();
            if digits > 0 {
                versions[products] = suodi::number(&major[..digits]).unwrap() as u32; // the ninth traps
                products += 1;
            }
        }
        depth -= word.iter().filter(|c| **c == b')').count() as i32;
    }
    Verdict::deny(
        versions
            .iter()
            .fold(products as u32, |sum, v| sum.wrapping_mul(31) + *v),
    )
}

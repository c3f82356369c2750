//! Refuses visits from one country.
#![cfg_attr(target_arch = "wasm32", no_std)]

mod platform;
mod suodi;

use suodi::{Verdict, Visit};

suodi::filter!(decide);

const WRONG_COUNTRY: u32 = 1; // a code of manifest.json

fn decide(visit: &Visit) -> Verdict {
    if visit.param_text("country") == Some(visit.country()) {
        return Verdict::deny(WRONG_COUNTRY);
    }
    Verdict::pass()
}

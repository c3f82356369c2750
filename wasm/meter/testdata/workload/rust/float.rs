//! Computes with floating point: a distance between two places, by series.
#![cfg_attr(target_arch = "wasm32", no_std)]

mod platform;
mod suodi;

use suodi::{Verdict, Visit};

suodi::filter!(decide);

fn cosine(x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for i in 1..10 {
        term *= -x * x / ((2 * i - 1) * 2 * i) as f64;
        sum += term;
    }
    sum
}

fn decide(visit: &Visit) -> Verdict {
    let mut sum = 0.0;
    for pair in visit.user_agent().chunks(2) {
        let place = pair[0] as f64 / 128.0 - pair[pair.len() - 1] as f64 / 256.0;
        sum += cosine(place) * 1000.0;
    }
    Verdict::deny(sum as u32)
}

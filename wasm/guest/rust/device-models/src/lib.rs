//! A list of the device models that may open a link: an internal test build
//! for the phones of a laboratory, an activity for buyers of a model.
//!
//! The model is what Android browsers say of it in their user agent,
//! "(Linux; Android 14; SM-S9280 Build/UP1A)", or the name that Apple's begin
//! with, "iPhone" or "iPad". Entries may end in "*". Browsers that hide the
//! model, as Chrome does with "K", are answered by the parameter `unknown`.
#![cfg_attr(target_arch = "wasm32", no_std)]

mod platform;
mod suodi;

use suodi::{cut, find, Verdict, Visit};

suodi::filter!(decide);

// Codes of manifest.json.
const NOT_LISTED: u32 = 1;
const UNKNOWN: u32 = 2;

/// How much of a user agent is looked at, in bytes: the model stands near its
/// beginning, and reading all of a hostile one would cost more than a visit has.
const LONGEST: usize = 1024;

fn decide(visit: &Visit) -> Verdict {
    let user_agent = visit.user_agent();
    let model = match model(&user_agent[..user_agent.len().min(LONGEST)]) {
        Some(model) => model,
        None if visit.param_bool("unknown") == Some(true) => return Verdict::pass(),
        None => return Verdict::deny(UNKNOWN),
    };
    let list = visit.param_text("models").unwrap_or(&[]);
    if list
        .split(|c| *c == b',')
        .any(|entry| admits(trim(entry), model))
    {
        return Verdict::pass();
    }
    Verdict::deny(NOT_LISTED)
}

fn admits(entry: &[u8], model: &[u8]) -> bool {
    match entry {
        [start @ .., b'*'] => {
            model.len() >= start.len() && model[..start.len()].eq_ignore_ascii_case(start)
        }
        entry => !entry.is_empty() && model.eq_ignore_ascii_case(entry),
    }
}

/// The device's model in a user agent.
fn model(user_agent: &[u8]) -> Option<&[u8]> {
    let comment = &user_agent[find(user_agent, b"(")? + 1..];
    let (system, _) = cut(comment, b';');
    if system == b"iPhone" || system == b"iPad" || system == b"iPod touch" {
        return Some(system);
    }
    let mut parts = comment[..end(comment)].split(|c| *c == b';').map(trim);
    parts.find(|part| part.starts_with(b"Android"))?;
    let model = parts.find(|part| !is_no_model(part))?;
    let model = trim(&model[..find(model, b" Build/").unwrap_or(model.len())]);
    if model.is_empty() || model == b"K" {
        return None;
    }
    Some(model)
}

/// Where a comment ends; models have parentheses of their own, "moto g(60)".
fn end(comment: &[u8]) -> usize {
    let mut depth = 1;
    for (at, c) in comment.iter().enumerate() {
        match c {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            return at;
        }
    }
    comment.len()
}

/// What stands between version and model: a language, "zh-cn", "U" or "wv".
fn is_no_model(part: &[u8]) -> bool {
    match part {
        b"U" | b"wv" | b"" => true,
        [a, b] => a.is_ascii_lowercase() && b.is_ascii_lowercase(),
        [a, b, b'-' | b'_', c, d] => {
            [a, b].iter().all(|x| x.is_ascii_lowercase())
                && [c, d].iter().all(|x| x.is_ascii_alphabetic())
        }
        _ => false,
    }
}

fn trim(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|c| *c != b' ').unwrap_or(text.len());
    let end = text
        .iter()
        .rposition(|c| *c != b' ')
        .map_or(start, |at| at + 1);
    &text[start..end]
}

#[cfg(test)]
mod tests {
    use super::model;

    #[test]
    fn finds_models() {
        for (agent, want) in [
            ("Mozilla/5.0 (Linux; Android 14; SM-S9280 Build/UP1A.231005.007; wv) AppleWebKit/537.36", Some("SM-S9280")),
            ("Mozilla/5.0 (Linux; U; Android 13; zh-cn; 22081212C Build/TKQ1) AppleWebKit/537.36", Some("22081212C")),
            ("Mozilla/5.0 (Linux; Android 11; moto g(60) Build/RRI31) AppleWebKit/537.36", Some("moto g(60)")),
            ("Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36", None),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X)", Some("iPhone")),
            ("Mozilla/5.0 (Windows NT 10.0; Win64; x64)", None),
            ("curl/8.5.0", None),
            ("(", None),
            ("(Linux; Android 14;", None),
        ] {
            assert_eq!(model(agent.as_bytes()), want.map(str::as_bytes), "{}", agent);
        }
    }
}

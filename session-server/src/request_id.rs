//! What a request is called in its answer and in the log: what the caller calls it, or a UUID.

use http::{HeaderMap, HeaderName, HeaderValue};
use rand::RngExt as _;

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_CHARS: usize = 128;

/// Takes over a caller's own id only where there is one, and it is fit for a log line and a header.
pub(crate) fn of(headers: &HeaderMap) -> HeaderValue {
    let mut ids = headers.get_all(X_REQUEST_ID).iter();
    match (ids.next(), ids.next()) {
        (Some(id), None) if is_sane(id.as_bytes()) => id.clone(),
        _ => mint(),
    }
}

fn is_sane(id: &[u8]) -> bool {
    (1..=MAX_CHARS).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

/// A random UUID. It has to be unique and nothing else, so the thread's own generator, seeded by the
/// operating system, is good enough, and spares every request a system call.
fn mint() -> HeaderValue {
    let uuid = uuid::Builder::from_random_bytes(rand::rng().random()).into_uuid();
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    let text = uuid.hyphenated().encode_lower(&mut text);
    HeaderValue::from_str(text).expect("hexadecimal digits and hyphens are visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_short_and_visible() {
        assert!(is_sane(b"req-1"));
        assert!(!is_sane(b""));
        assert!(!is_sane(b"a b"));
        assert!(!is_sane(&[b'a'; MAX_CHARS + 1]));
    }

    #[test]
    fn a_minted_id_is_a_random_uuid() {
        let id = mint();
        let text = id.to_str().expect("it is ASCII");
        let uuid: uuid::Uuid = text.parse().expect("it is a UUID");
        assert_eq!(uuid.get_version_num(), 4);
        assert_ne!(id, mint());
    }
}

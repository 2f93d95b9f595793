use std::error::Error;

/// The error and what caused it, in one line, for the log and for whoever starts the server.
///
/// Clients see the first link only: the others may name hosts.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        // Wrappers like to repeat what they wrap.
        if !text.ends_with(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Link {
        text: &'static str,
        source: Option<Box<Link>>,
    }

    #[test]
    fn every_cause_is_told_once() {
        let mut error = None;
        for text in ["refused", "refused", "can't connect: refused", "no store"] {
            let source = error.map(Box::new);
            error = Some(Link { text, source });
        }
        let error = error.expect("there are links");
        assert_eq!(chain(&error), "no store: can't connect: refused");
    }
}

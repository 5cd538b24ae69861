//! The words of a bench's command line: parts that are asked for, and settings such as `rate=400`.

use std::str::FromStr;

/// What stands behind `--` on the command line; options, which are cargo's and criterion's, are passed over.
#[derive(Debug, Clone)]
pub struct Words(Vec<String>);

impl Words {
    /// Those that the program was started with.
    #[must_use]
    pub fn read() -> Self {
        Self::of(std::env::args().skip(1))
    }

    fn of(words: impl IntoIterator<Item = String>) -> Self {
        Self(words.into_iter().filter(|word| !word.starts_with('-')).collect())
    }

    /// Whether a part is asked for: all are when none is named.
    #[must_use]
    pub fn has(&self, part: &str) -> bool {
        let mut parts = self.0.iter().filter(|word| !word.contains('=')).peekable();
        parts.peek().is_none() || parts.any(|asked| asked == part)
    }

    /// The number of a setting; `otherwise` when it is not set, or is none.
    #[must_use]
    pub fn number<N: FromStr>(&self, key: &str, otherwise: N) -> N {
        let value = self.0.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('=')?.parse().ok());
        value.unwrap_or(otherwise)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_settings_are_told_apart() {
        let words = |words: &[&str]| Words::of(words.iter().map(|word| (*word).to_owned()));
        let some = words(&["--bench", "load", "rate=200", "rounds=many"]);
        assert!(some.has("load") && !some.has("most"));
        assert_eq!((some.number("rate", 400), some.number("rounds", 5), some.number("lines", 50)), (200, 5, 50));
        assert!(words(&["rate=200"]).has("most"));
    }
}

//! Colours, on a terminal only, and text that cannot steer one.

use std::borrow::Cow;
use std::io::IsTerminal as _;

/// Paints what goes to stdout.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    on: bool,
}

impl Paint {
    /// Colours when stdout is a terminal and nobody asked for none (<https://no-color.org>).
    pub(super) fn stdout() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self { on: std::io::stdout().is_terminal() && !unwanted && !dumb }
    }

    pub(super) fn red(self, text: &str) -> String {
        self.paint("31", text)
    }

    pub(super) fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub(super) fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Text out of a file: control characters, which could move a terminal's cursor or rename its window, are escaped.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_control) {
        text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_around_the_text_or_nowhere() {
        assert_eq!(Paint { on: true }.red("error"), "\x1b[31merror\x1b[0m");
        assert_eq!(Paint { on: false }.red("error"), "error");
    }

    #[test]
    fn text_cannot_steer_the_terminal() {
        assert_eq!(plain("Grüße"), "Grüße");
        assert_eq!(plain("a\x1b[2Jb\n"), "a\\u{1b}[2Jb\\n");
    }
}

//! Texts in the cells of files that people open in a spreadsheet.
//!
//! A spreadsheet takes a cell of a CSV file that begins with certain characters for a formula and runs it. Whoever can put a
//! text into our data could run code on the machine of whoever opens an export; so such texts begin with an apostrophe, which
//! spreadsheets understand as "this is text".

use std::borrow::Cow;

/// What a cell may not begin with. The apostrophe is among them so that every text comes back as it was.
const DANGEROUS: [char; 8] = ['=', '+', '-', '@', '\t', '\r', '\n', '\''];

/// A text that no spreadsheet runs.
#[must_use]
pub fn defused(text: &str) -> Cow<'_, str> {
    if text.starts_with(DANGEROUS) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// The text of a cell as it was meant: without what [`defused`] put before it, and without the `="…"` that keeps spreadsheets from
/// reading a telephone number as a number.
#[must_use]
pub fn meant(cell: &str) -> &str {
    if let Some(inner) = cell.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"'))
        && !inner.contains('"')
    {
        return inner;
    }
    cell.strip_prefix('\'').filter(|rest| rest.starts_with(DANGEROUS)).unwrap_or(cell)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn formulas_become_texts() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "=cmd|' /C calc'!A0"] {
            assert_eq!(defused(formula), format!("'{formula}"));
        }
        for text in ["", "Ann", "a=b", " 1", "🦜", "1-2"] {
            assert_eq!(defused(text), text);
        }
    }

    #[test]
    fn a_number_that_was_kept_as_a_text_is_that_text() {
        assert_eq!(meant("=\"+12025550123\""), "+12025550123");
        assert_eq!(meant("'+12025550123"), "+12025550123");
        assert_eq!(meant("'twas"), "'twas");
        assert_eq!(meant("=\"a\"&\"b\""), "=\"a\"&\"b\"");
    }

    proptest! {
        #[test]
        fn what_was_defused_comes_back(text in "['=+@\\-\t\r\na\" ]{0,6}") {
            let cell = defused(&text).into_owned();
            prop_assert_eq!(meant(&cell), text.as_str());
        }
    }
}

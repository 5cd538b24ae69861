//! Search by words: what a text is found by, and what somebody looks for.
//!
//! A text is folded into words of letters and digits: compatibility forms, case and diacritics do not count ("Žofie" is found
//! by "zofie"), marks of direction do not separate, every pictograph is a word of its own, and anything else separates. All of it happens
//! here, so that every store finds the same: a store keeps [`Entries`] and looks them up by how they begin.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::error::refusal;
use crate::phone::Country;

/// The longest query, in characters.
pub const QUERY_MAX: usize = 200;
/// The most words and numbers of a query.
pub const TERMS_MAX: usize = 10;
/// Characters of a word that count; the rest of a longer one is passed over.
pub const WORD_MAX: usize = 40;
/// The most entries of one row: what a longer text holds beyond them is not found.
pub const ENTRIES_MAX: usize = 2_000;
/// The most matches that are counted: the total of a search ends here.
pub const TOTAL_MAX: u64 = 10_000;

/// Why a query was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SearchRefused {
    /// The query is too long.
    #[error("a search has at most 200 characters")]
    TooLong,
    /// The query has too many words.
    #[error("a search has at most 10 words")]
    TooManyWords,
}

refusal!(SearchRefused {
    Self::TooLong => Invalid, "invalid_input", "q";
    Self::TooManyWords => Invalid, "invalid_input", "q";
});

/// Marks without a form of their own: joiners, direction, variation, soft hyphens. They do not separate words.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

/// Signs that people search for as they do for words.
const fn is_pictograph(c: char) -> bool {
    matches!(c, '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}')
}

/// Letters that have no decomposition and are typed without their stroke.
const fn plain(c: char) -> &'static str {
    match c {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'ł' => "l",
        'đ' => "d",
        'ı' => "i",
        _ => "",
    }
}

/// The words of a text, folded, in order.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut end = |word: &mut String| {
        if !word.is_empty() {
            words.push(std::mem::take(word));
        }
    };
    // Lower-casing makes marks of its own (İ becomes i and a dot above), hence the second decomposition.
    for c in text.nfkd().flat_map(char::to_lowercase).nfkd() {
        if is_combining_mark(c) || is_invisible(c) {
            continue;
        }
        if is_pictograph(c) {
            end(&mut word);
            word.push(c);
            end(&mut word);
        } else if !c.is_alphanumeric() {
            end(&mut word);
        } else if word.chars().count() < WORD_MAX {
            match plain(c) {
                "" => word.push(c),
                letters => word.push_str(letters),
            }
        }
    }
    end(&mut word);
    words
}

/// A label as it is compared: its words, joined. Empty when it has none.
#[must_use]
pub fn label(text: &str) -> String {
    words(text).join("-")
}

/// What a row is found by. An entry is a word behind a sign that says where it stands, or a number in international form.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entries(BTreeSet<String>);

impl Entries {
    /// The sign of a word of a name.
    pub const NAME: char = 'n';
    /// The sign of a word of any text, names included.
    pub const TEXT: char = 't';
    /// The sign of a label, which is found as a whole.
    pub const LABEL: char = '#';

    fn add(&mut self, sign: char, word: &str) {
        if self.0.len() < ENTRIES_MAX {
            self.0.insert(format!("{sign}{word}"));
        }
    }

    /// Adds a name.
    pub fn name(&mut self, text: &str) {
        for word in words(text) {
            self.add(Self::NAME, &word);
            self.add(Self::TEXT, &word);
        }
    }

    /// Adds a text.
    pub fn text(&mut self, text: &str) {
        words(text).iter().for_each(|word| self.add(Self::TEXT, word));
    }

    /// Adds a label and its words.
    pub fn label(&mut self, text: &str) {
        self.add(Self::LABEL, &label(text));
        self.text(text);
    }

    /// Adds a number, which begins with `+`.
    pub fn number(&mut self, number: &crate::phone::E164) {
        self.0.insert(number.as_str().to_owned());
    }

    /// The entries, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an entry begins so.
    #[must_use]
    pub fn begin(&self, start: &str) -> bool {
        self.0.range(start.to_owned()..).next().is_some_and(|entry| entry.starts_with(start))
    }

    /// Whether a word of this sign begins so.
    #[must_use]
    pub fn has_word(&self, sign: char, word: &str) -> bool {
        self.begin(&format!("{sign}{word}"))
    }
}

/// One thing that is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// How numbers may begin for it to be met: in international form, or an internal number. Empty when it holds letters.
    pub numbers: Vec<String>,
    /// Or: how words begin, each of which must be met.
    pub words: Vec<String>,
}

/// What somebody looks for.
///
/// A row matches when every term is met: a word by a word that begins with it, in whatever field; a number by one that
/// begins with its digits, however they are punctuated, in international form or in that of the company's country, or as words.
/// Nothing that is typed is an operator. A search without terms (`"!"`) matches nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    terms: Vec<Term>,
}

impl Search {
    /// Reads what was typed, by somebody whose numbers without a prefix are numbers of `home`. `None` when nothing was typed.
    ///
    /// # Errors
    /// [`SearchRefused`].
    pub fn parse(text: &str, home: Country) -> Result<Option<Self>, SearchRefused> {
        if text.chars().count() > QUERY_MAX {
            return Err(SearchRefused::TooLong);
        }
        let mut terms = Vec::new();
        // The parts of a number that is being read.
        let mut number: Vec<&str> = Vec::new();
        for token in text.split_whitespace() {
            let is_number = is_number(token);
            if !is_number || token.starts_with('+') {
                terms.extend(Term::number(&std::mem::take(&mut number).join(" "), home));
            }
            if is_number {
                number.push(token);
            } else {
                terms.extend(words(token).into_iter().map(|word| Term { numbers: Vec::new(), words: vec![word] }));
            }
        }
        terms.extend(Term::number(&number.join(" "), home));
        if terms.iter().map(|term| term.words.len().max(1)).sum::<usize>() > TERMS_MAX {
            return Err(SearchRefused::TooManyWords);
        }
        Ok((!text.trim().is_empty()).then_some(Self { terms }))
    }

    /// What must be met, all of it.
    #[must_use]
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Whether a row matches that has such words and numbers: asked for how they begin.
    pub fn matches(&self, word: impl Fn(&str) -> bool, number: impl Fn(&str) -> bool) -> bool {
        let met = |term: &Term| {
            term.numbers.iter().any(|start| number(start))
                || !term.words.is_empty() && term.words.iter().all(|start| word(start))
        };
        !self.terms.is_empty() && self.terms.iter().all(met)
    }

    /// Whether a row matches that is found by these entries.
    #[must_use]
    pub fn finds(&self, entries: &Entries) -> bool {
        self.matches(|word| entries.has_word(Entries::TEXT, word), |start| entries.begin(start))
    }
}

/// Whether a token is a number or a part of one: digits and what is put between them.
fn is_number(token: &str) -> bool {
    let digits = token.chars().filter(char::is_ascii_digit).count();
    digits > 0 && token.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | '/' | '(' | ')'))
}

impl Term {
    /// The term of a number as it was typed; none when nothing was.
    fn number(text: &str, home: Country) -> Option<Self> {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        if digits.is_empty() {
            return None;
        }
        let international = text.trim_start_matches('(').starts_with('+').then_some(digits.as_str());
        let numbers = match international.or_else(|| digits.strip_prefix("00")) {
            Some(digits) => vec![format!("+{digits}")],
            None => home.begin_numbers(&digits),
        };
        Some(Self { numbers, words: words(text) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(text: &str, home: &str) -> Option<Search> {
        Search::parse(text, home.parse().unwrap()).unwrap()
    }

    fn finds(query: &str, text: &str, number: &str) -> bool {
        let mut entries = Entries::default();
        entries.text(text);
        search(query, "DE").is_some_and(|search| {
            search.matches(|word| entries.has_word(Entries::TEXT, word), |start| number.starts_with(start))
        })
    }

    #[test]
    fn words_are_folded() {
        assert_eq!(words("Žofie  Ñandú, ŁÓDŹ; Straße İzmir"), ["zofie", "nandu", "lodz", "strasse", "izmir"]);
        assert_eq!(words("ann.smith@example.com"), ["ann", "smith", "example", "com"]);
        assert_eq!(words("ok🦜🦜 \u{202e}שָׁלוֹם\u{200f} مَرْحَبًا e\u{301}"), ["ok", "🦜", "🦜", "שלום", "مرحبا", "e"]);
        assert_eq!(words("ﬁve ①② Ｆｕｌｌ"), ["five", "12", "full"]);
        assert_eq!(words("' \" -- ; * % _ ()"), Vec::<String>::new());
        assert_eq!(words(&"x".repeat(1_000))[0].len(), WORD_MAX);
        assert_eq!(label(" VIP Kunde! "), "vip-kunde");
    }

    #[test]
    fn numbers_are_found_by_their_digits_in_either_form() {
        for query in ["0171 23", "0171/23", "(0171) 23", "+49 171 23", "0049171", "49 171", "17123", "+4917123456"] {
            assert!(finds(query, "", "+4917123456"), "{query}");
        }
        for query in ["0171 24", "+491712 9", "171 23456 7", "+171", "456"] {
            assert!(!finds(query, "", "+4917123456"), "{query}");
        }
        assert!(finds("1001", "", "1001"), "an internal number");
        assert!(search("(202) 555", "US").unwrap().terms()[0].numbers.contains(&"+1202555".to_owned()));
        assert!(
            search("06 123", "IT").unwrap().terms()[0].numbers.contains(&"+3906123".to_owned()),
            "Italy keeps its zero"
        );
    }

    #[test]
    fn terms_are_all_met_in_any_field() {
        assert!(finds("offer 0171", "Asked for an OFFER", "+4917123456"));
        assert!(finds("room 12 34", "Room 1234 of 12 and 34", "+1"));
        assert!(finds("ask off", "Asked for an offer", ""));
        assert!(!finds("sked", "Asked", "") && !finds("asked sold", "Asked", ""));
        assert!(finds("\"asked\" AND-", "Asked and", "") && finds("a* OR", "a or b", ""));
    }

    #[test]
    fn nothing_typed_is_no_search_and_nothing_but_signs_finds_nothing() {
        assert_eq!(search("  ", "DE"), None);
        assert!(!finds("!", "!", "!") && search("!", "DE").is_some());
    }

    #[test]
    fn queries_are_bounded() {
        let home: Country = "DE".parse().unwrap();
        assert_eq!(Search::parse(&"x".repeat(201), home), Err(SearchRefused::TooLong));
        assert_eq!(Search::parse(&"x ".repeat(11), home), Err(SearchRefused::TooManyWords));
        assert_eq!(Search::parse(&"1 ".repeat(11), home), Err(SearchRefused::TooManyWords));
        assert!(Search::parse(&"x ".repeat(10), home).is_ok());
    }
}

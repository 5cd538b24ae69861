//! Search by words, as conditions of lists. What matches is said by core's `search`; here it is looked up by ranges of the
//! keys of `user_words`, `client_words`, `lead_words` and `call_words`, and of the indexes of calls by number.

use dialplane_core::phone::E164;
use dialplane_core::search::{Entries, Search, Term};

use crate::statement::{Filter, Query};

/// Ids that a probe looks at, at most: enough to tell more matches than are counted from fewer, with repetitions.
const PROBED_MAX: u64 = 50_000;

/// Who takes part in a call, and where the words of their names are.
const PEOPLE: [(&str, &str); 3] =
    [("agent_id", "user_words"), ("client_id", "client_words"), ("lead_id", "lead_words")];

/// A condition on a column: it begins so.
fn begins(rows: &mut Filter, column: &str, start: &str) -> String {
    // Nothing follows the last code point.
    let (from, to) = (rows.bind(start.to_owned()), rows.bind(format!("{start}\u{10ffff}")));
    format!("{column} >= ?{from} AND {column} < ?{to}")
}

/// The ids of rows that have an entry which begins so.
fn ids(rows: &mut Filter, words: &str, start: &str) -> String {
    let begins = begins(rows, "word", start);
    format!("SELECT id FROM {words} WHERE {} AND {begins}", rows.within())
}

/// Narrows a list to the rows that a search finds in the entries of `words`.
pub(crate) fn by_entries(rows: &mut Filter, words: &str, search: &Search) {
    if search.terms().is_empty() {
        rows.holds("FALSE");
    }
    for term in search.terms() {
        let mut sets: Vec<String> = term.numbers.iter().map(|start| ids(rows, words, start)).collect();
        let all = term.words.iter().map(|word| ids(rows, words, &format!("{}{word}", Entries::TEXT)));
        let all = all.collect::<Vec<_>>().join(" INTERSECT ");
        if !all.is_empty() {
            sets.push(format!("SELECT id FROM ({all})"));
        }
        rows.that(&format!("id IN ({})", sets.join(" UNION ")));
    }
}

/// Where calls are looked for: selections of their ids, which may overlap.
pub(crate) struct Sources(Vec<String>);

impl Sources {
    /// The calls with this number at either end.
    pub(crate) fn of_number(rows: &mut Filter, number: &E164) -> Self {
        let at = rows.bind(number.as_str().to_owned());
        let within = rows.within();
        Self(
            [r#""from""#, r#""to""#].map(|end| format!("SELECT id FROM calls WHERE {within} AND {end} = ?{at}")).into(),
        )
    }

    /// Narrows a list to the calls that a search finds, and gives where to look for them: all calls that meet the longest of its
    /// terms, which few do. `None` when it finds nothing.
    pub(crate) fn of_search(rows: &mut Filter, search: &Search) -> Option<Self> {
        for term in search.terms() {
            let condition = condition(rows, term);
            rows.that(&condition);
        }
        let length = |term: &&Term| term.words.iter().map(String::len).sum::<usize>();
        search.terms().iter().max_by_key(length).map(|term| Self::of_term(rows, term))
    }

    fn of_term(rows: &mut Filter, term: &Term) -> Self {
        let mut sources = Vec::new();
        for start in &term.numbers {
            for end in [r#""from""#, r#""to""#] {
                let begins = begins(rows, end, start);
                sources.push(format!("SELECT id FROM calls WHERE {} AND {begins}", rows.within()));
            }
        }
        if let Some(word) = term.words.iter().max_by_key(|word| word.len()) {
            for (column, words) in PEOPLE {
                let people = ids(rows, words, &format!("{}{word}", Entries::NAME));
                // The sign keeps SQLite from going through all calls of the company instead.
                sources.push(format!("SELECT id FROM calls WHERE +{} AND {column} IN ({people})", rows.within()));
            }
            sources.push(ids(rows, "call_words", &format!("{}{word}", Entries::TEXT)));
        }
        Self(sources)
    }

    /// The table of the list: the calls by those ids, and no others.
    pub(crate) fn table(&self) -> String {
        format!("(SELECT id AS found FROM ({})) CROSS JOIN calls ON id = found", self.0.join(" UNION "))
    }

    /// A look at how many there are, which ends soon.
    pub(crate) fn probe(&self, rows: &Filter) -> Query<'static> {
        let all = self.0.join(" UNION ALL ");
        rows.query(format!("SELECT count(DISTINCT id) FROM (SELECT id FROM ({all}) LIMIT {PROBED_MAX})"))
    }
}

/// Whether a call meets a term.
fn condition(rows: &mut Filter, term: &Term) -> String {
    let mut ways = Vec::new();
    for start in &term.numbers {
        ways.push(begins(rows, r#""from""#, start));
        ways.push(begins(rows, r#""to""#, start));
    }
    let mut all = Vec::new();
    for word in &term.words {
        let mut ways: Vec<String> = Vec::new();
        for (column, words) in PEOPLE {
            ways.push(format!("{column} IN ({})", ids(rows, words, &format!("{}{word}", Entries::NAME))));
        }
        // As the list of words is written.
        let own = rows.bind(format!("\"{}{word}", Entries::TEXT));
        all.push(format!("({} OR instr(words, ?{own}) > 0)", ways.join(" OR ")));
    }
    if !all.is_empty() {
        ways.push(all.join(" AND "));
    }
    format!("({})", ways.join(" OR "))
}

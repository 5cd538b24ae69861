//! Search by words, as conditions of lists. What matches is said by core's `search`; here it is looked up by ranges of the
//! keys of `user_words`, `client_words`, `lead_words` and `call_words`, and of the indexes of calls by number.
//!
//! Ids are gathered into arrays, because the planner takes an array for short and goes by the index, where it might go through all
//! rows of a company in the hope of soon having a page of those that a subquery gives.

use std::sync::Arc;

use dialplane_core::phone::E164;
use dialplane_core::scope::Scope;
use dialplane_core::search::{Entries, Search, Term};
use sqlx::{Postgres, QueryBuilder};

use crate::tx::{List, amount};

type Sql = QueryBuilder<Postgres>;

/// Ids that a probe looks at, at most: enough to tell more matches than are counted from fewer, with repetitions.
const PROBED_MAX: u64 = 50_000;

fn within(sql: &mut Sql, scope: Scope) {
    match scope.company() {
        Some(company) => sql.push("company_id = ").push_bind(company.as_uuid()),
        None => sql.push("TRUE"),
    };
}

/// Who takes part in a call, and where the words of their names are.
const PEOPLE: [(&str, &str); 3] =
    [("agent_id", "user_words"), ("client_id", "client_words"), ("lead_id", "lead_words")];

/// A condition on a column: it begins so.
fn begins(sql: &mut Sql, column: &'static str, start: &str) {
    // Nothing follows the last code point.
    sql.push(column).push(" >= ").push_bind(start.to_owned()).push(" AND ").push(column).push(" < ");
    sql.push_bind(format!("{start}\u{10ffff}"));
}

/// The ids of rows that have an entry which begins so.
fn ids(sql: &mut Sql, scope: Scope, words: &'static str, start: &str) {
    sql.push("SELECT id FROM ").push(words).push(" WHERE ");
    within(sql, scope);
    sql.push(" AND ");
    begins(sql, "word", start);
}

/// Writes `each` of the items with `between` between them.
fn join<T>(
    sql: &mut Sql,
    between: &'static str,
    items: impl IntoIterator<Item = T>,
    mut each: impl FnMut(&mut Sql, T),
) {
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            sql.push(between);
        }
        each(sql, item);
    }
}

/// Narrows a list to the rows that a search finds in the entries of `words`.
pub(crate) fn by_entries(list: List, scope: Scope, words: &'static str, search: Option<&Search>) -> List {
    let Some(search) = search.cloned() else { return list };
    list.that(move |sql| {
        sql.push(if search.terms().is_empty() { "FALSE" } else { "TRUE" });
        for term in search.terms() {
            sql.push(" AND id = ANY(ARRAY(");
            join(sql, " UNION ", &term.numbers, |sql, start| ids(sql, scope, words, start));
            if !term.words.is_empty() {
                sql.push(if term.numbers.is_empty() { "(" } else { " UNION (" });
                let text = |word: &String| format!("{}{word}", Entries::TEXT);
                join(sql, " INTERSECT ", &term.words, |sql, word| ids(sql, scope, words, &text(word)));
                sql.push(")");
            }
            sql.push("))");
        }
    })
}

/// Narrows a list to the rows that have a label among the entries of `words`.
pub(crate) fn by_label(list: List, scope: Scope, words: &'static str, label: Option<String>) -> List {
    let Some(label) = label else { return list };
    list.that(move |sql| {
        sql.push("id = ANY(ARRAY(SELECT id FROM ").push(words).push(" WHERE ");
        within(sql, scope);
        sql.push(" AND word = ").push_bind(format!("{}{label}", Entries::LABEL)).push("))");
    })
}

/// Where calls are looked for: selections of their ids, which may overlap.
#[derive(Clone)]
pub(crate) enum Sources {
    /// The calls with this number at either end.
    Number(Scope, E164),
    /// The calls that meet this term.
    Term(Scope, Arc<Term>),
}

impl Sources {
    /// All calls that meet the longest of a search's terms, which few do. `None` when it finds nothing.
    pub(crate) fn of_search(scope: Scope, search: &Search) -> Option<Self> {
        let length = |term: &&Term| term.words.iter().map(String::len).sum::<usize>();
        let term = search.terms().iter().max_by_key(length)?;
        Some(Self::Term(scope, Arc::new(term.clone())))
    }

    /// Narrows a list to calls from here.
    pub(crate) fn of(self, list: List) -> List {
        list.that(move |sql| {
            sql.push("id = ANY(ARRAY(");
            self.write(sql, " UNION ");
            sql.push("))");
        })
    }

    /// A look at how many there are, which ends soon.
    pub(crate) fn probe(&self) -> Sql {
        let mut sql = QueryBuilder::new("SELECT count(DISTINCT id) FROM (SELECT id FROM (");
        self.write(&mut sql, " UNION ALL ");
        sql.push(") AS every LIMIT ").push_bind(amount(PROBED_MAX)).push(") AS probed");
        sql
    }

    fn write(&self, sql: &mut Sql, union: &'static str) {
        match self {
            Self::Number(scope, number) => join(sql, union, ["\"from\"", "\"to\""], |sql, end| {
                calls(sql, *scope);
                sql.push(end).push(" = ").push_bind(number.as_str().to_owned());
            }),
            Self::Term(scope, term) => write_term(sql, *scope, term, union),
        }
    }
}

fn calls(sql: &mut Sql, scope: Scope) {
    sql.push("SELECT id FROM calls WHERE ");
    within(sql, scope);
    sql.push(" AND ");
}

fn write_term(sql: &mut Sql, scope: Scope, term: &Term, union: &'static str) {
    let ends = term.numbers.iter().flat_map(|start| [("\"from\"", start), ("\"to\"", start)]);
    join(sql, union, ends, |sql, (end, start)| {
        calls(sql, scope);
        begins(sql, end, start);
    });
    let Some(word) = term.words.iter().max_by_key(|word| word.len()) else { return };
    if !term.numbers.is_empty() {
        sql.push(union);
    }
    let name = format!("{}{word}", Entries::NAME);
    join(sql, union, PEOPLE, |sql, (column, words)| {
        calls(sql, scope);
        sql.push(column).push(" = ANY(ARRAY(");
        ids(sql, scope, words, &name);
        sql.push("))");
    });
    sql.push(union);
    ids(sql, scope, "call_words", &format!("{}{word}", Entries::TEXT));
}

/// Narrows a list to the calls that a search finds.
pub(crate) fn of_calls(list: List, scope: Scope, search: &Search) -> List {
    let search = search.clone();
    list.that(move |sql| {
        sql.push(if search.terms().is_empty() { "FALSE" } else { "TRUE" });
        for term in search.terms() {
            sql.push(" AND (");
            let ends = term.numbers.iter().flat_map(|start| [("\"from\"", start), ("\"to\"", start)]);
            join(sql, " OR ", ends, |sql, (end, start)| begins(sql, end, start));
            if !term.numbers.is_empty() && !term.words.is_empty() {
                sql.push(" OR ");
            }
            join(sql, " AND ", &term.words, |sql, word| meets(sql, scope, word));
            sql.push(")");
        }
    })
}

/// Whether a call has a word that begins so.
fn meets(sql: &mut Sql, scope: Scope, word: &str) {
    let name = format!("{}{word}", Entries::NAME);
    sql.push("(");
    for (column, words) in PEOPLE {
        sql.push(column).push(" = ANY(ARRAY(");
        ids(sql, scope, words, &name);
        sql.push(")) OR ");
    }
    // As the words are written.
    sql.push("position(").push_bind(format!(" {}{word}", Entries::TEXT)).push(" IN ' ' || words) > 0)");
}

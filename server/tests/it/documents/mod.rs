//! What the source documents print, request by request, word for word, on each store.
//!
//! | document | section | shown in |
//! |---|---|---|
//! | 000 | callers, users, synchronization | [`callers`] |
//! | 001 | phone numbers and assignments | [`phone_numbers`] |
//! | 002 | authentication | [`crm_auth`] |
//! | 002 | officers, entries, analytics | `call_log` |
//! | 002 | clients with their history | [`clients`] |
//! | 003 | authentication, users | [`crm_auth`], [`crm_users`] |
//! | 003 | leads | [`crm_leads`] |
//! | 003 | calls: the log, its filters and search | [`crm_calls`], [`call_search`] |
//! | 003 | calls: placing them, callbacks of the carrier | `twilio` |
//! | 003 | reports and their export | `reports` |
//! | 003 | leads of Meta's advertisements | `meta` |
//! | 003 | dashboard | `dashboard` |
//! | 003 | error responses | [`errors`] |
//! | 003 | real-time events, with the official client | `live_sockets` of the `calls` tests |

mod call_search;
mod callers;
mod clients;
mod crm_auth;
mod crm_calls;
mod crm_leads;
mod crm_users;
mod errors;
mod phone_numbers;

use chrono::{DateTime, NaiveDate};
use serde_json::{Value, json};

use crate::support::{PASSWORD, Person, Server};

/// An id that nothing has.
const NOBODY: &str = "0199a0a0-0000-7000-8000-000000000000";

/// Registers somebody by their name and signs them in.
async fn hired(server: &Server, admin: &str, role: &str, name: &str) -> Person {
    let email = format!("{}@telecaller.com", name.to_lowercase().replace(' ', "."));
    let body = json!({"name": name, "email": email, "password": PASSWORD, "role": role});
    server.ok("POST", "/api/users", admin, body).await;
    server.login(&email, PASSWORD).await
}

/// A company with an admin, a supervisor and two telecallers.
async fn team(server: &Server) -> [Person; 4] {
    let admin = server.set_up().await;
    let boss = hired(server, &admin.token, "supervisor", "Sue Pervisor").await;
    let alice = hired(server, &admin.token, "telecaller", "Alice Johnson").await;
    let bob = hired(server, &admin.token, "telecaller", "Bob Stone").await;
    [admin, boss, alice, bob]
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// One field of each of a list, sorted.
fn column<'v>(list: &'v Value, field: &str) -> Vec<&'v str> {
    let rows = list.as_array().unwrap_or_else(|| panic!("no list: {list}"));
    let mut column: Vec<&str> = rows.iter().map(|row| text(&row[field])).collect();
    column.sort_unstable();
    column
}

/// Asserts that what was found is as it is printed: with all its fields, and lists of the same length. A word in angle brackets
/// stands for any value of its type, everything else for itself.
#[track_caller]
fn assert_like(found: &Value, printed: &Value) {
    if let Err(difference) = like(found, printed, "") {
        panic!("{difference} in {found:#}");
    }
}

fn like(found: &Value, printed: &Value, at: &str) -> Result<(), String> {
    match printed {
        Value::Object(fields) => fields.iter().try_for_each(|(name, value)| {
            let at = format!("{at}.{name}");
            like(found.get(name).ok_or(format!("{at} is missing"))?, value, &at)
        }),
        Value::Array(items) => {
            let rows = found.as_array().filter(|rows| rows.len() == items.len());
            let rows = rows.ok_or(format!("{at} is no list of {}", items.len()))?;
            let mut pairs = rows.iter().zip(items).enumerate();
            pairs.try_for_each(|(n, (row, item))| like(row, item, &format!("{at}[{n}]")))
        }
        Value::String(word) if word.starts_with('<') => {
            if is_a(found, word) {
                Ok(())
            } else {
                Err(format!("{at} is not {word}"))
            }
        }
        Value::Number(number) if found.as_f64() == number.as_f64() => Ok(()),
        _ if found == printed => Ok(()),
        _ => Err(format!("{at} is not {printed}")),
    }
}

fn is_a(found: &Value, word: &str) -> bool {
    let read = |fits: fn(&str) -> bool| found.as_str().is_some_and(fits);
    match word {
        "<id>" => read(|text| text.parse::<uuid::Uuid>().is_ok()),
        "<text>" => read(|text| !text.is_empty()),
        "<time>" => read(|text| text.ends_with('Z') && DateTime::parse_from_rfc3339(text).is_ok()),
        "<day>" => read(|text| text.parse::<NaiveDate>().is_ok()),
        "<count>" => found.is_u64(),
        "<rate>" => found.as_f64().is_some_and(|rate| (0.0..=100.0).contains(&rate)),
        _ => panic!("nothing is called {word}"),
    }
}

#[test]
fn what_is_not_as_it_is_printed_is_told() {
    let printed = json!({"_id": "<id>", "n": 30, "list": [{"at": "<time>"}], "none": null});
    let found = json!({
        "_id": NOBODY, "n": 30.0, "list": [{"at": "2024-01-15T10:30:00Z", "more": 1}], "none": null, "more": true
    });
    assert_eq!(like(&found, &printed, ""), Ok(()));
    for (pointer, value, difference) in [
        ("/_id", json!("1"), "._id is not <id>"),
        ("/n", json!(31), ".n is not 30"),
        ("/list", json!([]), ".list is no list of 1"),
        ("/list/0/at", json!("2024-01-15"), ".list[0].at is not <time>"),
        ("/none", json!(""), ".none is not null"),
        ("/list/0", json!({}), ".list[0].at is missing"),
    ] {
        let mut other = found.clone();
        *other.pointer_mut(pointer).unwrap() = value;
        assert_eq!(like(&other, &printed, ""), Err(difference.to_owned()));
    }
}

//! What a row says. The rules are those of a lead that is entered by hand; all of them are asked, so that one look at the row tells
//! everything that is wrong with it.

use serde_json::Value;

use super::{Field, ImportPlan};
use crate::job::CellFault;
use crate::lead::{
    Cents, CustomFields, LeadRefused, NewLead, Owner, VALUE_MAX, contact_email, custom_fields, lead_name, long_text,
    tags,
};
use crate::phone::{Country, E164};
use crate::sheet::meant;

/// A row that makes a lead.
#[derive(Debug, Clone)]
pub struct ImportRow {
    /// The lead.
    pub lead: NewLead,
    /// Who is to work on it, as it was written; whoever takes the lead in finds them.
    pub assignee: Option<String>,
}

/// A word of a closed set as people write it: `Do not call`, `HOT`.
fn word<T, E>(text: &str) -> Result<T, LeadRefused>
where
    T: std::str::FromStr<Err = E> + Default,
    LeadRefused: From<E>,
{
    if text.is_empty() {
        return Ok(T::default());
    }
    text.to_lowercase().replace([' ', '-'], "_").parse().map_err(LeadRefused::from)
}

/// An amount as people write it: `$1,999.99`, `1999`.
fn amount(text: &str) -> Result<Option<Cents>, LeadRefused> {
    let plain: String = text
        .chars()
        .filter(|letter| !letter.is_whitespace() && !matches!(letter, '$' | '€' | '£' | '₹' | '¥'))
        .collect();
    if plain.is_empty() {
        return Ok(None);
    }
    let (whole, part) = plain.split_once('.').unwrap_or((&plain, ""));
    // A comma is what parts thousands, and nothing else.
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let grouped =
        groups.clone().next().is_none() || (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3);
    let digits = whole.replace(',', "");
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    // Spreadsheets write 1999.90 as 1999.9.
    if !grouped || digits.is_empty() || digits.len() > 12 || part.len() > 2 || !is_number(&digits) || !is_number(part) {
        return Err(LeadRefused::BadValue);
    }
    let cents = format!("{digits}{part:0<2}").parse().map_err(|_| LeadRefused::BadValue)?;
    if cents > VALUE_MAX { Err(LeadRefused::BadValue) } else { Ok(Some(cents)) }
}

/// Reads a row: a lead, or everything that is wrong with it, cell by cell.
///
/// # Errors
/// What is wrong, in the order of the columns; never empty.
pub fn read_row(plan: &ImportPlan, cells: &[String], home: Country) -> Result<ImportRow, Vec<CellFault>> {
    let (mut new, mut assignee) = (NewLead { source: plan.source.clone(), ..NewLead::default() }, None);
    let (mut first, mut last) = ("", "");
    let mut faults: Vec<CellFault> = Vec::new();
    let mut ask = |column: Option<usize>, field: &str, result: Result<(), LeadRefused>| {
        if let Err(refused) = result {
            let header = column.and_then(|column| plan.headers.get(column)).cloned();
            let column = header.unwrap_or_else(|| plan.column_of(field));
            faults.push(CellFault { column, message: refused.to_string() });
        }
    };
    for (at, (field, cell)) in plan.mapping.0.iter().zip(cells).enumerate() {
        let mut ask = |field: &str, result| ask(Some(at), field, result);
        let text = meant(cell.trim()).trim();
        let given = || Some(text.to_owned()).filter(|text| !text.is_empty());
        match field {
            Field::Name => new.name = text.to_owned(),
            Field::FirstName => first = text,
            Field::LastName => last = text,
            Field::Email => {
                new.email = given();
                ask("email", contact_email(text).map(drop));
            }
            Field::Phone => {
                new.phone = given();
                if !text.is_empty() {
                    ask("phone", E164::parse(text, home).map(drop).map_err(LeadRefused::from));
                }
            }
            Field::Source if text.is_empty() => {}
            Field::Source => {
                ask("source", text.parse().map(|source| new.source = source).map_err(LeadRefused::from));
            }
            Field::Status => ask("status", word(text).map(|status| new.status = status)),
            Field::Priority => ask("priority", word(text).map(|priority| new.priority = priority)),
            Field::Quality => ask("quality", word(text).map(|quality| new.quality = quality)),
            Field::Requirements => {
                new.requirements = given();
                ask("requirements", long_text("requirements", text).map(drop));
            }
            Field::Notes => {
                new.notes = given();
                ask("notes", long_text("notes", text).map(drop));
            }
            Field::Value => ask("value", amount(text).map(|value| new.value = value)),
            Field::AssignedTo => assignee = given(),
            Field::Skills => {
                let skills = text.split([',', ';']).map(str::trim).filter(|skill| !skill.is_empty()).map(str::to_owned);
                new.needs.skills = skills.collect();
                ask("skills", tags("skills", new.needs.skills.clone()).map(drop));
            }
            Field::Language => {
                new.needs.language = given();
                ask("language", tags("language", given().into_iter().collect()).map(drop));
            }
            Field::Territory => {
                new.needs.territory = given();
                ask("territory", tags("territory", given().into_iter().collect()).map(drop));
            }
            Field::CustomFields => match given().map(|text| serde_json::from_str(&text)) {
                None => {}
                Some(Ok(fields)) => match custom_fields(fields) {
                    Ok(fields) => new.custom.0.extend(fields.0),
                    Err(refused) => ask("customFields", Err(refused)),
                },
                Some(Err(_)) => ask("customFields", Err(LeadRefused::BadCustomFields)),
            },
            Field::Custom(name) => {
                if let Some(text) = given() {
                    let one = [(name.clone(), Value::String(text))].into_iter().collect();
                    match custom_fields(CustomFields(one)) {
                        Ok(fields) => new.custom.0.extend(fields.0),
                        Err(refused) => ask("customFields", Err(refused)),
                    }
                }
            }
            Field::Ignore => {}
        }
    }
    if new.name.is_empty() {
        new.name = [first, last].join(" ").trim().to_owned();
    }
    ask(None, "name", lead_name(&new.name).map(drop));
    if new.email.is_none() && new.phone.is_none() {
        ask(None, "phone", Err(LeadRefused::Unreachable));
    }
    // A row that is longer than the header says something that nobody understands.
    let beyond = cells.get(plan.mapping.0.len()..).unwrap_or_default();
    if beyond.iter().any(|cell| !cell.trim().is_empty()) {
        let message = format!("the row has {} cells, and the header {}", cells.len(), plan.mapping.0.len());
        faults.push(CellFault { column: String::new(), message });
    }
    new.owner = if plan.route { Owner::Routed } else { Owner::Nobody };
    if faults.is_empty() { Ok(ImportRow { lead: new, assignee }) } else { Err(faults) }
}

//! What would become of a file.

use std::collections::BTreeSet;

use dialplane_core::job::CellFault;
use dialplane_core::lead::import::{ImportRow, read_row};
use dialplane_core::lead::{ImportPlan, contact_email};
use dialplane_core::phone::{Country, E164};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::answer::answer;
use crate::http::guard::Authed;
use crate::problem::{FieldError, Problem, Reply};
use crate::sheets::{self, Row, Table};
use crate::state::App;

/// Rows that are shown, and looked up among the leads there are.
const SHOWN: usize = 20;
/// Rows that are looked at: the client waits.
const CHECKED: usize = 10_000;
/// Bad rows that are told.
const FAULTS_MAX: usize = 50;
/// Cells that show what a column holds.
const SAMPLES: usize = 3;

/// A column of the file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ColumnView {
    header: String,
    /// What it means: name, firstName, lastName, email, phone, source, status, priority, quality, requirements, notes, value, assignedTo,
    /// skills, language, territory, customFields, custom: with a name behind it, or ignore.
    field: String,
    /// What stands in its first rows.
    samples: Vec<String>,
}

/// A lead as a row says it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PreviewLead {
    name: String,
    email: Option<String>,
    /// In international form.
    phone: Option<String>,
    source: String,
    status: &'static str,
    priority: &'static str,
    quality: &'static str,
    requirements: Option<String>,
    notes: Option<String>,
    /// Who is to work on it, as the file says it.
    assigned_to: Option<String>,
    #[schema(value_type = std::collections::BTreeMap<String, Object>)]
    custom_fields: serde_json::Map<String, serde_json::Value>,
}

/// One of the first rows.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PreviewRow {
    /// Its place in the file, from 1.
    row: u32,
    /// The lead it makes, when nothing is wrong with it.
    lead: Option<PreviewLead>,
    /// What is wrong, cell by cell.
    errors: Vec<FieldError>,
    /// The newest lead with the same number or address.
    duplicate_of: Option<Uuid>,
}

/// A row that would be refused.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BadRow {
    /// Its place in the file, from 1.
    row: u32,
    /// What is wrong, cell by cell.
    errors: Vec<FieldError>,
}

answer! {
    /// What would become of a file.
    ImportPreview {
        /// Rows below the header.
        rows: u64,
        columns: Vec<ColumnView>,
        /// Why leads cannot be made with these columns, when they cannot.
        problem: Option<String>,
        /// How many rows were looked at: the first 10000.
        checked: u64,
        /// How many of them make a lead.
        valid: u64,
        /// How many of them would be refused.
        invalid: u64,
        /// How many of them have a number or address that a row before them has.
        repeated: u64,
        /// The first rows, at most 20.
        sample: Vec<PreviewRow>,
        /// The first rows that would be refused, at most 50.
        errors: Vec<BadRow>,
    }
}

fn shown(faults: &[CellFault]) -> Vec<FieldError> {
    faults.iter().map(|fault| FieldError { field: fault.column.clone(), message: fault.message.clone() }).collect()
}

/// The number and the address of a lead in the form in which they are compared.
fn contact(read: &ImportRow, home: Country) -> (Option<E164>, Option<String>) {
    let phone = read.lead.phone.as_deref().and_then(|text| E164::parse(text, home).ok());
    let email = read.lead.email.as_deref().and_then(|text| contact_email(text).ok().flatten());
    (phone, email)
}

fn lead_of(read: ImportRow, home: Country) -> PreviewLead {
    let (phone, email) = contact(&read, home);
    let lead = read.lead;
    PreviewLead {
        name: lead.name,
        email,
        phone: phone.map(|phone| phone.as_str().to_owned()),
        source: lead.source.as_str().to_owned(),
        status: lead.status.as_str(),
        priority: lead.priority.as_str(),
        quality: lead.quality.as_str(),
        requirements: lead.requirements,
        notes: lead.notes,
        assigned_to: read.assignee,
        custom_fields: lead.custom.0,
    }
}

/// What looking at the rows gave.
#[derive(Default)]
struct Looked {
    first: Vec<(Row, Result<ImportRow, Vec<CellFault>>)>,
    errors: Vec<BadRow>,
    valid: u64,
    invalid: u64,
    repeated: u64,
}

fn look(plan: &ImportPlan, table: &Table, home: Country) -> Looked {
    let (mut looked, mut phones, mut emails) = (Looked::default(), BTreeSet::new(), BTreeSet::new());
    for row in sheets::rows(&table.plain).take(CHECKED) {
        let read = read_row(plan, &row.cells, home);
        match &read {
            Ok(read) => {
                let (phone, email) = contact(read, home);
                let is_new =
                    [phone.is_none_or(|phone| phones.insert(phone)), email.is_none_or(|email| emails.insert(email))];
                looked.repeated += u64::from(is_new.contains(&false));
                looked.valid += 1;
            }
            Err(faults) => {
                looked.invalid += 1;
                if looked.errors.len() < FAULTS_MAX {
                    looked.errors.push(BadRow { row: row.row, errors: shown(faults) });
                }
            }
        }
        if looked.first.len() < SHOWN {
            looked.first.push((row, read));
        }
    }
    looked
}

/// Looks at a file.
pub(super) async fn of(app: &App, authed: &Authed, plan: ImportPlan, table: Table) -> Reply<ImportPreview> {
    let home = authed.company.default_country;
    let problem = plan.mapping.check(table.headers.len()).err().map(|refused| refused.to_string());
    let work = move || {
        let looked = look(&plan, &table, home);
        (looked, plan, table)
    };
    let (looked, plan, table) = tokio::task::spawn_blocking(work).await.map_err(|error| Problem::internal(&error))?;
    let column = |(at, (header, field)): (usize, (&String, _))| ColumnView {
        header: header.clone(),
        field: ToString::to_string(&field),
        samples: looked
            .first
            .iter()
            .filter_map(|(row, _)| row.cells.get(at))
            .filter(|cell| !cell.is_empty())
            .take(SAMPLES)
            .cloned()
            .collect(),
    };
    let columns = table.headers.iter().zip(&plan.mapping.0).enumerate().map(column).collect();
    let mut tx = app.engine.read(&authed.actor).await?;
    let mut sample = Vec::with_capacity(SHOWN);
    let Looked { first, errors, valid, invalid, repeated } = looked;
    for (row, read) in first {
        let mut shown_row = PreviewRow { row: row.row, lead: None, errors: Vec::new(), duplicate_of: None };
        match read {
            Ok(read) => {
                let (phone, email) = contact(&read, home);
                let same = tx.leads_by_contact(phone.as_ref(), email.as_deref()).await?;
                shown_row.duplicate_of = same.first().map(|lead| lead.id.as_uuid());
                shown_row.lead = Some(lead_of(read, home));
            }
            Err(faults) => shown_row.errors = shown(&faults),
        }
        sample.push(shown_row);
    }
    Ok(ImportPreview::new(table.rows, columns, problem, valid + invalid, valid, invalid, repeated, sample, errors))
}

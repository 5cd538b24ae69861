//! Leads from a file: which column means what, and what a row says. Reading the file itself is for others; here it is rows of
//! texts already.

mod mapping;
mod row;

use serde::{Deserialize, Serialize};

pub use mapping::{Field, Mapping, UnknownField, guess};
pub use row::{ImportRow, read_row};

use super::Source;
use crate::error::{Kind, Refusal};

/// The most rows of a file, its header not counted.
pub const ROWS_MAX: usize = 100_000;
/// The most columns of a file.
pub const COLUMNS_MAX: usize = 200;
/// The most characters of a cell: what a spreadsheet keeps.
pub const CELL_MAX: usize = 32_767;

/// What to do with a lead whose telephone number or e-mail address another one has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDuplicate {
    /// Take it in all the same.
    #[default]
    Create,
    /// Leave it out.
    Skip,
    /// Write what is new about it onto the newest lead with the same contact.
    Update,
}

/// How a file becomes leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportPlan {
    /// The name of the file.
    pub file: String,
    /// The headers of its columns.
    pub headers: Vec<String>,
    /// What the columns mean.
    pub mapping: Mapping,
    /// What to do with those that are known.
    pub on_duplicate: OnDuplicate,
    /// Whether the company's routing gives leads to people when the file names nobody.
    pub route: bool,
    /// Where leads come from when the file does not say.
    pub source: Source,
}

impl ImportPlan {
    /// What the column that fills a field is called, for people; the field when there is none.
    #[must_use]
    pub fn column_of(&self, field: &str) -> String {
        let wanted = |mapped: &Field| mapped.fills(field);
        let index = self.mapping.0.iter().position(wanted);
        let header = index.and_then(|index| self.headers.get(index)).filter(|header| !header.trim().is_empty());
        header.cloned().unwrap_or_else(|| field.to_owned())
    }
}

/// Why a file cannot be taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportRefused {
    /// The mapping names more or fewer columns than there are.
    #[error("the mapping names {named} columns, and the file has {columns}")]
    BadMapping {
        /// Columns of the mapping.
        named: usize,
        /// Columns of the file.
        columns: usize,
    },
    /// Two columns mean the same.
    #[error("two columns are mapped to {0}")]
    Twice(String),
    /// No column holds names.
    #[error("no column is mapped to name: say which one holds the names, as in {{\"Customer\": \"name\"}}")]
    NoName,
    /// No column holds numbers or addresses.
    #[error("no column is mapped to phone or email: a lead has at least one of them")]
    NoContact,
    /// There are no rows.
    #[error("the file holds no rows below its header")]
    Empty,
}

impl Refusal for ImportRefused {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty_file",
            _ => "invalid_mapping",
        }
    }
    fn field(&self) -> Option<&'static str> {
        match self {
            Self::Empty => Some("file"),
            _ => Some("mapping"),
        }
    }
}

#[cfg(test)]
mod tests;

//! What fields of nodes have to choose from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A method of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "they are their names")]
pub enum Method {
    Get,
    #[default]
    Post,
    Put,
    Patch,
    Delete,
}

/// The key that ends a row of digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum Terminator {
    /// The hash key.
    #[default]
    #[serde(rename = "#")]
    Hash,
    /// The star key.
    #[serde(rename = "*")]
    Star,
    /// None: both are digits like others.
    #[serde(rename = "none")]
    None,
}

/// Why the flow ends a call, told to the caller's network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Cause {
    /// All went well (Q.850 cause 16).
    #[default]
    Normal,
    /// Busy (17).
    Busy,
    /// Not wanted (21).
    Rejected,
    /// No room (34).
    Congestion,
    /// Something broke (41).
    Failure,
}

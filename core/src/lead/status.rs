//! The life of a lead: which status may follow which.
//!
//! | from \ to     | new | contacted | qualified | interested | converted | lost | do_not_call |
//! |---------------|-----|-----------|-----------|------------|-----------|------|-------------|
//! | new           |     | yes       | yes       | yes        | yes       | yes  | yes         |
//! | contacted     | no  |           | yes       | yes        | yes       | yes  | yes         |
//! | qualified     | no  | yes       |           | yes        | yes       | yes  | yes         |
//! | interested    | no  | yes       | yes       |            | yes       | yes  | yes         |
//! | converted     | no  | no        | no        | reopen     |           | reopen | no        |
//! | lost          | no  | yes       | yes       | yes        | no        |      | yes         |
//! | do_not_call   | no  | reopen    | no        | no         | no        | no   |             |
//!
//! Steps may be skipped: a first talk can end in a sale. Nobody becomes *new* again, as they have been heard of. A lost lead is
//! taken up again by whoever works it. *reopen* takes the right to manage leads: a sale that fell through changes figures that
//! people are paid by, and somebody who asked not to be called must have said otherwise to a person who answers for it. A lead
//! that was lost is worked again before it is converted, so that every conversion has a talk behind it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where a lead stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeadStatus {
    /// Nobody has talked with them.
    #[default]
    New,
    /// They were talked with.
    Contacted,
    /// They fit.
    Qualified,
    /// They want it.
    Interested,
    /// They bought.
    Converted,
    /// They will not buy.
    Lost,
    /// They asked not to be called.
    DoNotCall,
}

/// How far a change of status reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The status stays.
    None,
    /// Whoever works the lead may do it.
    Usual,
    /// It takes the right to manage leads.
    Reopen,
}

/// One status cannot follow another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a lead that is {from} cannot become {to}")]
pub struct IllegalStep {
    /// Where the lead stands.
    pub from: LeadStatus,
    /// What was asked for.
    pub to: LeadStatus,
}

/// The word is not a status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a lead's status is new, contacted, qualified, interested, converted, lost or do_not_call")]
pub struct UnknownStatus;

impl LeadStatus {
    /// Every status, in the order of the way.
    pub const ALL: [Self; 7] =
        [Self::New, Self::Contacted, Self::Qualified, Self::Interested, Self::Converted, Self::Lost, Self::DoNotCall];

    /// The word, as stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Contacted => "contacted",
            Self::Qualified => "qualified",
            Self::Interested => "interested",
            Self::Converted => "converted",
            Self::Lost => "lost",
            Self::DoNotCall => "do_not_call",
        }
    }

    /// Whether there is still work to do: what an agent's load and capacity count.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::New | Self::Contacted | Self::Qualified | Self::Interested)
    }

    /// The statuses in which there is work to do.
    pub fn open() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|status| status.is_open())
    }

    /// What moving on to `to` takes, by the table above.
    ///
    /// # Errors
    /// [`IllegalStep`] names both.
    pub const fn step(self, to: Self) -> Result<Step, IllegalStep> {
        use LeadStatus::{Contacted, Converted, DoNotCall, Interested, Lost, New, Qualified};
        match (self, to) {
            (New, New)
            | (Contacted, Contacted)
            | (Qualified, Qualified)
            | (Interested, Interested)
            | (Converted, Converted)
            | (Lost, Lost)
            | (DoNotCall, DoNotCall) => Ok(Step::None),
            (
                New | Contacted | Qualified | Interested,
                Contacted | Qualified | Interested | Converted | Lost | DoNotCall,
            )
            | (Lost, Contacted | Qualified | Interested | DoNotCall) => Ok(Step::Usual),
            (Converted, Interested | Lost) | (DoNotCall, Contacted) => Ok(Step::Reopen),
            (_, New)
            | (Converted, Contacted | Qualified | DoNotCall)
            | (Lost, Converted)
            | (DoNotCall, Qualified | Interested | Converted | Lost) => Err(IllegalStep { from: self, to }),
        }
    }
}

impl FromStr for LeadStatus {
    type Err = UnknownStatus;
    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(UnknownStatus)
    }
}

impl fmt::Display for LeadStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of the module's front page, read as text, so that page and code cannot differ.
    #[test]
    fn the_documented_table_is_what_the_code_does() {
        let page = include_str!("status.rs");
        let rows: Vec<Vec<&str>> = page
            .lines()
            .filter_map(|line| line.strip_prefix("//! | "))
            .map(|line| line.trim_end_matches('|').split('|').map(str::trim).collect())
            .collect();
        let columns: Vec<LeadStatus> = rows[0][1..].iter().map(|word| word.parse().unwrap()).collect();
        assert_eq!(columns, LeadStatus::ALL);
        let mut checked = 0;
        for row in &rows[1..] {
            let from: LeadStatus = row[0].parse().unwrap();
            for (to, word) in columns.iter().zip(&row[1..]) {
                let expected = match *word {
                    "" => Ok(Step::None),
                    "yes" => Ok(Step::Usual),
                    "reopen" => Ok(Step::Reopen),
                    "no" => Err(IllegalStep { from, to: *to }),
                    other => panic!("{other}"),
                };
                assert_eq!(from.step(*to), expected, "{from} to {to}");
                checked += 1;
            }
        }
        assert_eq!(checked, 49);
    }

    #[test]
    fn words_read_back() {
        for status in LeadStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        assert_eq!("New".parse::<LeadStatus>(), Err(UnknownStatus));
    }
}

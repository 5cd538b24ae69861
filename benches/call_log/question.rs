//! What people ask of a log.

use chrono::TimeDelta;
use dialplane_core::search::Search;
use dialplane_core::store::{CallFilter, Page};

use crate::log::{DAYS, Log};

/// Something that people ask.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Question {
    FirstPage,
    OfficerMonth,
    DeepPage,
    RareWord,
    CommonWord,
    YearByDay,
    YearByOfficer,
    MonthByDayAndOfficer,
}

impl Question {
    pub(crate) const ALL: [Self; 8] = [
        Self::FirstPage,
        Self::OfficerMonth,
        Self::DeepPage,
        Self::RareWord,
        Self::CommonWord,
        Self::YearByDay,
        Self::YearByOfficer,
        Self::MonthByDayAndOfficer,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::FirstPage => "list: the newest 50, with the total",
            Self::OfficerMonth => "list: an officer's of a month, newest 50, with the total",
            Self::DeepPage => "list: 50 behind the cursor of an officer's 100th",
            Self::RareWord => "search: a word of few calls",
            Self::CommonWord => "search: a word of every tenth call, with a name",
            Self::YearByDay => "volumes of a year, by day",
            Self::YearByOfficer => "call time per officer, a year",
            Self::MonthByDayAndOfficer => "calls per officer and day, a month",
        }
    }
}

impl Log {
    /// Asks it, and reads the whole answer.
    ///
    /// # Panics
    /// The store does not answer, or answers with nothing: the log has something for every question.
    pub(crate) async fn ask(&self, question: Question) {
        let mut tx = self.engine.read(&self.actor).await.expect("a unit of work");
        let officer = self.agents.first().copied();
        let today = self.end.date_naive();
        let day = |back: i64| today - TimeDelta::days(back);
        let month = CallFilter {
            agent: officer,
            from: Some(self.end - TimeDelta::days(60)),
            to: Some(self.end - TimeDelta::days(30)),
            ..CallFilter::default()
        };
        let words = |text: &str| {
            let search = Search::parse(text, "US".parse().expect("a country")).expect("a search");
            CallFilter { search, ..CallFilter::default() }
        };
        let found = match question {
            Question::YearByDay => tx.call_volumes(None, day(DAYS), today).await.expect("read").len(),
            Question::YearByOfficer => tx.call_sums(day(DAYS), today).await.expect("read").len(),
            Question::MonthByDayAndOfficer => tx.call_days(None, day(30), today).await.expect("read").len(),
            Question::FirstPage => tx.calls(&CallFilter::default(), Page::FIRST).await.expect("read").items.len(),
            Question::OfficerMonth => tx.calls(&month, Page::FIRST).await.expect("read").items.len(),
            Question::DeepPage => {
                let own = CallFilter { agent: officer, ..CallFilter::default() };
                let hundred = tx.calls(&own, Page { offset: 0, limit: 100 }).await.expect("read").items;
                let behind = CallFilter { before: hundred.last().map(|call| call.id), ..own };
                tx.calls(&behind, Page::FIRST).await.expect("read").items.len()
            }
            Question::RareWord => tx.calls(&words("reference4321"), Page::FIRST).await.expect("read").items.len(),
            Question::CommonWord => tx.calls(&words("contract number12"), Page::FIRST).await.expect("read").items.len(),
        };
        assert!(found > 0, "{question:?} finds something");
    }
}

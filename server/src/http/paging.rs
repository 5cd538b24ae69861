//! Pages of lists: `page` and `limit` in, `pagination` out.

use dialplane_core::store::Page;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which page is asked for.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// The page, from 1.
    #[serde(default = "first")]
    page: u64,
    /// Rows of a page, 1 to 200.
    #[serde(default = "usual")]
    limit: u32,
}

const fn first() -> u64 {
    1
}

const fn usual() -> u32 {
    Page::LIMIT_DEFAULT
}

/// Where a page lies within its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Pagination {
    /// The page, from 1.
    page: u64,
    /// Rows of a page.
    limit: u32,
    /// Rows in all.
    total: u64,
    /// Pages in all.
    pages: u64,
}

impl Paging {
    /// The page for the store, in range.
    pub(crate) fn page(self) -> Page {
        Page::number(self.page, self.limit)
    }

    /// What is said about it, given how many rows there are.
    pub(crate) fn of(self, total: u64) -> Pagination {
        let limit = self.page().limit;
        Pagination { page: self.page.max(1), limit, total, pages: total.div_ceil(u64::from(limit)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_brought_into_range() {
        let paging = Paging { page: 0, limit: 1_000 };
        assert_eq!(paging.of(401), Pagination { page: 1, limit: 200, total: 401, pages: 3 });
        assert_eq!(Paging { page: u64::MAX, limit: 50 }.page().limit, 50);
    }
}

//! Lists are narrowed and paged, newest first.

use super::fixtures::{Rows, country, founded, hired, read, write};
use crate::call::{Call, CallStatus, Direction};
use crate::company::Company;
use crate::people::{Role, RoleKind, User};
use crate::phone::{E164, NumberStatus, PhoneNumber};
use crate::scope::Scope;
use crate::store::{CallFilter, Listing, NumberFilter, Page, Repo, Store, UserFilter};

/// Reads all pages of a list by its number and size, checking what every page must be.
macro_rules! all_pages {
    ($store:expr, $scope:expr, $total:expr, ($tx:ident, $page:ident) => $list:expr) => {{
        let mut all = Vec::new();
        for number in 1.. {
            let $page = Page::number(number, 7);
            let listing = read!($store, $scope, $tx => $list.await.unwrap());
            assert_eq!(listing.total, $total);
            assert_eq!(listing.items.len() as u64, ($total as u64).saturating_sub($page.offset).min(7));
            if listing.items.is_empty() {
                break;
            }
            all.extend(listing.items);
        }
        all
    }};
}

/// Pages of every list follow each other without gap and overlap, newest first, each with the count of all rows.
pub async fn pages_follow_each_other_newest_first(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let users: Vec<User> = (0..30).map(|_| rows.user(company.id)).collect();
    let callers: Vec<_> = users.iter().rev().take(16).map(|user| rows.caller(user)).collect();
    let numbers: Vec<PhoneNumber> = (0..22).map(|_| rows.number(company.id)).collect();
    let calls: Vec<Call> = (0..21).map(|_| rows.call(company.id)).collect();
    // In an order that is not that of the ids.
    let mixed = |count: usize| (0..count).map(move |n| (n * 11) % count);
    write!(store, scope, tx => {
        for n in mixed(30) {
            tx.insert_user(&users[n]).await.unwrap();
        }
        for n in mixed(16) {
            tx.insert_caller(&callers[n]).await.unwrap();
        }
        for n in (0..22).rev() {
            tx.insert_number(&numbers[n]).await.unwrap();
        }
        for n in mixed(21) {
            tx.insert_calls(std::slice::from_ref(&calls[n])).await.unwrap();
        }
    });
    let listed = all_pages!(store, scope, 30, (tx, page) => tx.users(&UserFilter::default(), page));
    assert!(listed.iter().eq(users.iter().rev()));
    let listed = all_pages!(store, scope, 16, (tx, page) => tx.callers(page));
    assert!(listed.iter().eq(callers.iter().rev()));
    let listed = all_pages!(store, scope, 22, (tx, page) => tx.numbers(&NumberFilter::default(), page));
    assert!(listed.iter().map(|row| &row.number).eq(numbers.iter().rev()));
    let listed = all_pages!(store, scope, 21, (tx, page) => tx.calls(&CallFilter::default(), page));
    assert!(listed.iter().eq(calls.iter().rev()));
}

/// Companies are paged as all else is.
pub async fn companies_are_paged_newest_first(store: &dyn Store) {
    let rows = Rows::new();
    let companies: Vec<Company> = (0..15).map(|_| rows.company()).collect();
    write!(store, Scope::System, tx => {
        for n in (0..15).map(|n| (n * 4) % 15) {
            tx.insert_company(&companies[n]).await.unwrap();
        }
    });
    let listed = all_pages!(store, Scope::System, 15, (tx, page) => tx.companies(page));
    assert!(listed.iter().eq(companies.iter().rev()));
}

/// Beyond the end there is nothing, however far, and still the count of all rows.
pub async fn beyond_the_end_there_is_nothing(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let user = hired(store, &rows, &company).await;
    write!(store, scope, tx => {
        tx.insert_caller(&rows.caller(&user)).await.unwrap();
        tx.insert_number(&rows.number(company.id)).await.unwrap();
        tx.insert_calls(&[rows.call(company.id)]).await.unwrap();
    });
    for number in [2, 1_000_000, u64::MAX] {
        let page = Page::number(number, 200);
        read!(store, scope, tx => {
            let empty = |total, items| assert_eq!((total, items), (1, 0));
            let listing = tx.companies(page).await.unwrap();
            empty(listing.total, listing.items.len());
            let listing = tx.users(&UserFilter::default(), page).await.unwrap();
            empty(listing.total, listing.items.len());
            let listing = tx.callers(page).await.unwrap();
            empty(listing.total, listing.items.len());
            let listing = tx.numbers(&NumberFilter::default(), page).await.unwrap();
            empty(listing.total, listing.items.len());
            let listing = tx.calls(&CallFilter::default(), page).await.unwrap();
            empty(listing.total, listing.items.len());
        });
    }
}

/// A page is as long as asked for, from one row to the most there may be.
pub async fn a_page_is_as_long_as_asked_for(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let calls: Vec<Call> = (0..205).map(|_| rows.call(company.id)).collect();
    write!(store, scope, tx => tx.insert_calls(&calls).await.unwrap());
    for (limit, expected) in [(0, 1), (1, 1), (50, 50), (200, 200), (201, 200), (u32::MAX, 200)] {
        let page = Page::number(1, limit);
        let listing = read!(store, scope, tx => tx.calls(&CallFilter::default(), page).await.unwrap());
        assert_eq!((listing.total, listing.items.len()), (205, expected));
    }
    let default = read!(store, scope, tx => tx.calls(&CallFilter::default(), Page::FIRST).await.unwrap());
    assert_eq!(default.items.len(), Page::LIMIT_DEFAULT as usize);
    let odd = Page { offset: 203, limit: 10 };
    assert_eq!(read!(store, scope, tx => tx.calls(&CallFilter::default(), odd).await.unwrap()).items.len(), 2);
}

/// Lists users by a filter and demands exactly those that the predicate picks, with their count.
async fn assert_users(tx: &mut dyn Repo, users: &[User], filter: UserFilter, fits: impl Fn(&User) -> bool) {
    let expected: Vec<User> = users.iter().rev().filter(|user| fits(user)).cloned().collect();
    let listing = tx.users(&filter, Page::number(1, 200)).await.unwrap();
    assert_eq!(listing, Listing { total: expected.len() as u64, items: expected }, "{filter:?}");
    let one = tx.users(&filter, Page::number(1, 1)).await.unwrap();
    assert_eq!((one.total, one.items.first()), (listing.total, listing.items.first()), "{filter:?}");
}

/// Users are narrowed by every field of the filter, alone and together.
pub async fn users_are_narrowed_by_every_field(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let boss = hired(store, &rows, &company).await;
    let mut users = vec![boss.clone()];
    let departments = [Some("Sales"), Some("sales"), Some("Sal_s"), Some("%"), Some(""), None];
    for n in 0..48 {
        users.push(User {
            role: Role::ALL[n % 8],
            department: departments[n % 6].map(str::to_owned),
            is_active: n % 5 != 0,
            reporting_to: (n % 3 == 0).then_some(boss.id),
            ..rows.user(company.id)
        });
    }
    write!(store, Scope::Company(company.id), tx => {
        for user in &users[1..] {
            tx.insert_user(user).await.unwrap();
        }
    });
    let all = UserFilter::default;
    read!(store, Scope::Company(company.id), tx => {
        let tx = &mut *tx;
        assert_users(tx, &users, all(), |_| true).await;
        for role in Role::ALL {
            assert_users(tx, &users, UserFilter { role: Some(role), ..all() }, |user| user.role == role).await;
        }
        for kind in RoleKind::ALL {
            assert_users(tx, &users, UserFilter { kind: Some(kind), ..all() }, |user| user.role.kind() == kind).await;
        }
        for department in ["Sales", "sales", "Sal_s", "%", "", "nobody's"] {
            let filter = UserFilter { department: Some(department.to_owned()), ..all() };
            assert_users(tx, &users, filter, |user| user.department.as_deref() == Some(department)).await;
        }
        for active in [true, false] {
            assert_users(tx, &users, UserFilter { active: Some(active), ..all() }, |user| user.is_active == active).await;
        }
        let reports = UserFilter { reporting_to: Some(boss.id), ..all() };
        assert_users(tx, &users, reports, |user| user.reporting_to == Some(boss.id)).await;
        assert_users(tx, &users, UserFilter { reporting_to: Some(users[1].id), ..all() }, |_| false).await;
        let contradictory = UserFilter { role: Some(Role::Admin), kind: Some(RoleKind::Agent), ..all() };
        assert_users(tx, &users, contradictory, |_| false).await;
        let narrow = UserFilter {
            role: Some(Role::Admin),
            kind: Some(RoleKind::Admin),
            department: Some("Sales".to_owned()),
            active: Some(true),
            reporting_to: Some(boss.id),
            search: None,
        };
        assert_users(tx, &users, narrow, |user| {
            user.role == Role::Admin
                && user.department.as_deref() == Some("Sales")
                && user.is_active
                && user.reporting_to.is_some()
        })
        .await;
    });
}

/// Numbers are narrowed by every field of the filter, alone and together.
pub async fn numbers_are_narrowed_by_every_field(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let agents = [hired(store, &rows, &company).await.id, hired(store, &rows, &company).await.id];
    let (mut numbers, mut holders) = (Vec::new(), Vec::new());
    for n in 0..48 {
        numbers.push(PhoneNumber {
            status: if n % 3 == 0 { NumberStatus::Inactive } else { NumberStatus::Active },
            country: country(["US", "CA", "DE"][n % 3]),
            provider: ["telnyx", "Telnyx", "twilio", "%"][n % 4].to_owned(),
            ..rows.number(company.id)
        });
        holders.push([None, Some(agents[0]), Some(agents[1]), None, Some(agents[0])][n % 5]);
    }
    write!(store, scope, tx => {
        for (number, agent) in numbers.iter().zip(&holders) {
            tx.insert_number(number).await.unwrap();
            if let Some(agent) = agent {
                tx.insert_assignment(&rows.assignment(number, *agent)).await.unwrap();
            }
        }
    });
    let all = NumberFilter::default;
    let (us, inactive) = (Some(country("US")), Some(NumberStatus::Inactive));
    let text = |provider: &str| Some(provider.to_owned());
    let filters = [
        all(),
        NumberFilter { status: inactive, ..all() },
        NumberFilter { status: Some(NumberStatus::Active), ..all() },
        NumberFilter { assigned: Some(true), ..all() },
        NumberFilter { assigned: Some(false), ..all() },
        NumberFilter { country: us, ..all() },
        NumberFilter { country: Some(country("GB")), ..all() },
        NumberFilter { provider: text("telnyx"), ..all() },
        NumberFilter { provider: text("%"), ..all() },
        NumberFilter { provider: text(""), ..all() },
        NumberFilter { agent: Some(agents[0]), ..all() },
        NumberFilter { agent: Some(agents[0]), assigned: Some(false), ..all() },
        NumberFilter { agent: Some(rows.id()), ..all() },
        NumberFilter {
            status: inactive,
            assigned: Some(true),
            country: us,
            provider: text("telnyx"),
            agent: Some(agents[1]),
        },
    ];
    for filter in filters {
        let fits = |(number, agent): &(&PhoneNumber, &Option<_>)| {
            filter.status.is_none_or(|status| number.status == status)
                && filter.assigned.is_none_or(|assigned| agent.is_some() == assigned)
                && filter.country.is_none_or(|country| number.country == country)
                && filter.provider.as_ref().is_none_or(|provider| number.provider == *provider)
                && filter.agent.is_none_or(|wanted| **agent == Some(wanted))
        };
        let pairs = numbers.iter().zip(&holders).rev().filter(fits);
        let expected: Vec<_> = pairs.map(|(number, agent)| (number.id, *agent)).collect();
        let listing = read!(store, scope, tx => tx.numbers(&filter, Page::number(1, 200)).await.unwrap());
        let listed: Vec<_> =
            listing.items.iter().map(|row| (row.number.id, row.assignment.as_ref().map(|own| own.agent))).collect();
        assert_eq!((listing.total, listed), (expected.len() as u64, expected), "{filter:?}");
    }
}

/// Calls of every kind, a second apart.
async fn calls_of_every_kind(store: &dyn Store, rows: &Rows, company: &Company) -> Vec<Call> {
    let agents = [hired(store, rows, company).await.id, hired(store, rows, company).await.id];
    let (numbers, queues) =
        ([rows.number(company.id), rows.number(company.id)], [rows.queue(company.id), rows.queue(company.id)]);
    let (leads, clients) = ([rows.id(), rows.id()], [rows.id(), rows.id()]);
    let directions = [Direction::Inbound, Direction::Outbound, Direction::Internal];
    let calls: Vec<Call> = (0..60usize)
        .map(|n| Call {
            status: CallStatus::ALL[n % 10],
            direction: directions[n % 3],
            agent: (n % 4 != 0).then(|| agents[n % 2]),
            number: (n % 5 != 0).then(|| numbers[n % 2].id),
            queue: (n % 7 != 0).then(|| queues[(n / 2) % 2].id),
            lead: (n % 6 != 0).then(|| leads[(n / 3) % 2]),
            outcome: (n % 9 != 0).then(|| ["Sale", "sale", "%"][n % 3].to_owned()),
            client: (n % 8 != 0).then(|| clients[(n / 2) % 2]),
            from: ["+14155550100", "+14155550101", "anonymous"][n % 3].into(),
            to: ["+14155550101", "+14155550102"][n % 2].into(),
            // Not in the order of the ids.
            started_at: rows.now() + chrono::TimeDelta::seconds((n as i64 * 7) % 60),
            ..rows.call(company.id)
        })
        .collect();
    write!(store, Scope::Company(company.id), tx => {
        for (number, queue) in numbers.iter().zip(&queues) {
            tx.insert_number(number).await.unwrap();
            tx.insert_queue(queue).await.unwrap();
        }
        tx.insert_calls(&calls).await.unwrap();
    });
    calls
}

/// Calls are narrowed by every field of the filter, alone and together.
pub async fn calls_are_narrowed_by_every_field(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let calls = calls_of_every_kind(store, &rows, &company).await;
    let sample = calls[13].clone();
    let all = CallFilter::default;
    let (from, to) =
        (Some(rows.now() + chrono::TimeDelta::seconds(10)), Some(rows.now() + chrono::TimeDelta::seconds(40)));
    let mut filters = vec![
        all(),
        CallFilter { agent: sample.agent, ..all() },
        CallFilter { number: sample.number, ..all() },
        CallFilter { queue: sample.queue, ..all() },
        CallFilter { lead: sample.lead, ..all() },
        CallFilter { lead: Some(rows.id()), ..all() },
        CallFilter { client: sample.client, ..all() },
        CallFilter { client: Some(rows.id()), ..all() },
        CallFilter { outcome: Some("sale".to_owned()), ..all() },
        CallFilter { outcome: Some("%".to_owned()), ..all() },
        CallFilter { party: E164::from_stored("+14155550101"), ..all() },
        CallFilter { party: E164::from_stored("+14155550102"), status: Some(sample.status), ..all() },
        CallFilter { party: E164::from_stored("+1415555010"), ..all() },
        CallFilter { from, ..all() },
        CallFilter { to, ..all() },
        CallFilter { from, to, ..all() },
        CallFilter { from: to, to: from, ..all() },
        CallFilter { before: Some(sample.id), ..all() },
        CallFilter { before: Some(rows.id()), ..all() },
        CallFilter { before: Some(calls[0].id), ..all() },
        CallFilter { agent: sample.agent, queue: sample.queue, from, to, ..all() },
        CallFilter {
            agent: sample.agent,
            status: Some(sample.status),
            direction: Some(sample.direction),
            number: sample.number,
            queue: sample.queue,
            lead: sample.lead,
            client: sample.client,
            outcome: sample.outcome.clone(),
            party: E164::from_stored("+14155550101"),
            search: None,
            from: Some(sample.started_at),
            to: Some(sample.started_at + chrono::TimeDelta::microseconds(1)),
            before: Some(calls[14].id),
        },
    ];
    filters.extend(CallStatus::ALL.map(|status| CallFilter { status: Some(status), ..all() }));
    let directions = [Direction::Inbound, Direction::Outbound, Direction::Internal];
    filters.extend(directions.map(|direction| CallFilter { direction: Some(direction), ..all() }));
    for filter in filters {
        let fits = |call: &&Call| {
            filter.agent.is_none_or(|agent| call.agent == Some(agent))
                && filter.status.is_none_or(|status| call.status == status)
                && filter.direction.is_none_or(|direction| call.direction == direction)
                && filter.number.is_none_or(|number| call.number == Some(number))
                && filter.queue.is_none_or(|queue| call.queue == Some(queue))
                && filter.lead.is_none_or(|lead| call.lead == Some(lead))
                && filter.client.is_none_or(|client| call.client == Some(client))
                && filter.outcome.as_ref().is_none_or(|outcome| call.outcome.as_ref() == Some(outcome))
                && filter
                    .party
                    .as_ref()
                    .is_none_or(|number| [call.from.expose(), call.to.expose()].contains(&&number.as_str().to_owned()))
                && filter.from.is_none_or(|from| call.started_at >= from)
                && filter.to.is_none_or(|to| call.started_at < to)
                && filter.before.is_none_or(|before| call.id < before)
        };
        let expected: Vec<Call> = calls.iter().rev().filter(fits).cloned().collect();
        let scope = Scope::Company(company.id);
        let listing = read!(store, scope, tx => tx.calls(&filter, Page::number(1, 200)).await.unwrap());
        assert_eq!(listing, Listing { total: expected.len() as u64, items: expected }, "{filter:?}");
    }
}

/// The cursor leads through a list of calls to its end, undisturbed by calls that begin meanwhile.
pub async fn the_cursor_leads_through_all_calls(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let calls: Vec<Call> = (0..25).map(|_| rows.call(company.id)).collect();
    write!(store, scope, tx => tx.insert_calls(&calls).await.unwrap());
    let (mut seen, mut filter) = (Vec::new(), CallFilter::default());
    loop {
        let listing = read!(store, scope, tx => tx.calls(&filter, Page::number(1, 4)).await.unwrap());
        let Some(last) = listing.items.last() else { break };
        filter.before = Some(last.id);
        seen.extend(listing.items.iter().map(|call| call.id));
        write!(store, scope, tx => tx.insert_calls(&[rows.call(company.id)]).await.unwrap());
    }
    assert!(seen.into_iter().eq(calls.iter().rev().map(|call| call.id)));
}

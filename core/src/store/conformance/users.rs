//! Users are kept.

use super::fixtures::{Rows, UNICODE, assert_duplicate, assert_stale, ends_of_time, founded, hired, long, read, write};
use crate::people::user::Availability;
use crate::people::{Role, User};
use crate::pii::Pii;
use crate::scope::Scope;
use crate::store::Store;

/// Every field of a user comes back as it was, whichever way they are read.
pub async fn a_user_reads_back_as_they_were_written(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let plain = rows.user(company.id);
    let (first, last) = ends_of_time();
    let odd = User {
        name: UNICODE.into(),
        email: "žofie+\u{1f99c}'\"@例え.example".into(),
        initials: "李🦜e\u{301}".to_owned(),
        phone: Some(UNICODE.into()),
        country_code: Some("+91".to_owned()),
        department: Some(UNICODE.to_owned()),
        reporting_to: Some(plain.id),
        is_active: false,
        is_platform: true,
        token_version: u32::MAX,
        version: u32::MAX,
        created_at: first,
        updated_at: last,
        ..rows.user(company.id)
    };
    let long = User {
        name: Pii::new(long(200)),
        email: Pii::new(format!("{}@example.com", "x".repeat(242))),
        initials: long(10),
        phone: Some(Pii::new(long(200))),
        country_code: Some(long(200)),
        department: Some(String::new()),
        availability_reason: Some(long(200)),
        availability_since: last,
        ..rows.user(company.id)
    };
    let mut users = vec![plain, odd, long];
    users.extend(Role::ALL.map(|role| User { role, ..rows.user(company.id) }));
    let choices = [Availability::Available, Availability::OnDemand, Availability::Break, Availability::Offline];
    users.extend(choices.map(|availability| User { availability, availability_since: first, ..rows.user(company.id) }));
    for user in users {
        write!(store, scope, tx => tx.insert_user(&user).await.unwrap());
        for scope in [scope, Scope::System] {
            assert_eq!(read!(store, scope, tx => tx.user(user.id).await.unwrap()).as_ref(), Some(&user));
            let found = read!(store, scope, tx => tx.user_by_email(user.email.expose()).await.unwrap());
            assert_eq!(found.as_ref(), Some(&user));
            assert_eq!(write!(store, scope, tx => tx.user_for_update(user.id).await.unwrap()).as_ref(), Some(&user));
        }
    }
    assert_eq!(read!(store, scope, tx => tx.user(rows.id()).await.unwrap()), None);
    assert_eq!(read!(store, scope, tx => tx.user_by_email("nobody@example.com").await.unwrap()), None);
    assert_eq!(write!(store, scope, tx => tx.user_for_update(rows.id()).await.unwrap()), None);
}

/// Ids and e-mail addresses are unique, the latter also when somebody changes theirs.
pub async fn an_id_and_an_email_address_are_taken_once(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (user, other) = (hired(store, &rows, &company).await, hired(store, &rows, &company).await);
    let same_id = User { id: user.id, ..rows.user(company.id) };
    write!(store, scope, tx => assert_duplicate(tx.insert_user(&same_id).await, "user", "id"));
    let same_email = User { email: user.email.clone(), ..rows.user(company.id) };
    write!(store, scope, tx => assert_duplicate(tx.insert_user(&same_email).await, "user", "email"));
    let taken = User { email: user.email.clone(), version: 2, ..other.clone() };
    write!(store, scope, tx => assert_duplicate(tx.update_user(&taken).await, "user", "email"));
    for user in [user, other] {
        assert_eq!(read!(store, scope, tx => tx.user(user.id).await.unwrap()), Some(user));
    }
}

/// Only the next version replaces a user; any other, and one that does not exist, is stale.
pub async fn a_user_is_replaced_by_their_next_version_only(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (user, boss) = (hired(store, &rows, &company).await, hired(store, &rows, &company).await);
    let next = User {
        name: UNICODE.into(),
        email: "new@example.com".into(),
        password: crate::people::PasswordHash::from_stored("$another".to_owned()),
        initials: String::new(),
        role: Role::Supervisor,
        phone: Some("123".into()),
        country_code: Some("+1".to_owned()),
        department: Some("sales".to_owned()),
        reporting_to: Some(boss.id),
        is_active: false,
        is_platform: true,
        availability: Availability::Break,
        availability_reason: Some("lunch".to_owned()),
        availability_since: ends_of_time().1,
        token_version: 7,
        version: 2,
        updated_at: ends_of_time().1,
        ..user.clone()
    };
    write!(store, scope, tx => tx.update_user(&next).await.unwrap());
    assert_eq!(read!(store, scope, tx => tx.user(user.id).await.unwrap()).as_ref(), Some(&next));
    for version in [1, 2, 4] {
        let stale = User { version, name: "Stale".into(), ..next.clone() };
        write!(store, scope, tx => assert_stale(tx.update_user(&stale).await));
    }
    write!(store, scope, tx => assert_stale(tx.update_user(&User { version: 2, ..rows.user(company.id) }).await));
    assert_eq!(read!(store, scope, tx => tx.user(user.id).await.unwrap()).as_ref(), Some(&next));
    let cleared = User {
        version: 3,
        phone: None,
        country_code: None,
        department: None,
        reporting_to: None,
        availability_reason: None,
        ..next
    };
    write!(store, scope, tx => tx.update_user(&cleared).await.unwrap());
    assert_eq!(read!(store, scope, tx => tx.user(user.id).await.unwrap()), Some(cleared));
}

/// Whoever gives up an e-mail address leaves it to others.
pub async fn a_changed_email_address_frees_the_old_one(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let user = hired(store, &rows, &company).await;
    let renamed = User { email: "renamed@example.com".into(), version: 2, ..user.clone() };
    write!(store, scope, tx => tx.update_user(&renamed).await.unwrap());
    assert_eq!(read!(store, scope, tx => tx.user_by_email(user.email.expose()).await.unwrap()), None);
    let heir = User { email: user.email.clone(), ..rows.user(company.id) };
    write!(store, scope, tx => tx.insert_user(&heir).await.unwrap());
    assert_eq!(read!(store, scope, tx => tx.user_by_email(user.email.expose()).await.unwrap()), Some(heir));
}

/// A user who goes takes their sessions along and leaves nobody reporting to them; a second time there is none.
pub async fn a_deleted_user_takes_sessions_and_subordination_along(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let boss = hired(store, &rows, &company).await;
    let report = User { reporting_to: Some(boss.id), ..rows.user(company.id) };
    let (gone, kept) = (rows.session(&boss), rows.session(&report));
    write!(store, scope, tx => {
        tx.insert_user(&report).await.unwrap();
        tx.insert_session(&gone).await.unwrap();
        tx.insert_session(&kept).await.unwrap();
    });
    assert!(write!(store, scope, tx => tx.delete_user(boss.id).await.unwrap()));
    write!(store, scope, tx => {
        assert_eq!(tx.user(boss.id).await.unwrap(), None);
        assert_eq!(tx.user_by_email(boss.email.expose()).await.unwrap(), None);
        assert_eq!(tx.session_for_update(&gone.token).await.unwrap(), None);
        assert_eq!(tx.session_for_update(&kept.token).await.unwrap(), Some(kept));
        assert_eq!(tx.user(report.id).await.unwrap(), Some(User { reporting_to: None, ..report }));
        assert!(!tx.delete_user(boss.id).await.unwrap());
    });
    let heir = User { email: boss.email, ..rows.user(company.id) };
    write!(store, scope, tx => tx.insert_user(&heir).await.unwrap());
}

/// Every user of kind agent, whatever the word of the role, and nobody else.
pub async fn agents_are_listed_in_order_of_id(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let users = Role::ALL.map(|role| User { role, ..rows.user(company.id) });
    write!(store, scope, tx => {
        for user in users.iter().rev() {
            tx.insert_user(user).await.unwrap();
        }
    });
    let agents: Vec<_> = users.iter().filter(|user| user.is_agent()).map(|user| user.id).collect();
    assert_eq!(read!(store, scope, tx => tx.agent_ids().await.unwrap()), agents);
}

/// Several users are read at once, each once, in order of id.
pub async fn users_are_read_together(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    let (first, second, theirs) =
        (hired(store, &rows, &company).await, hired(store, &rows, &company).await, hired(store, &rows, &other).await);
    let asked = [second.id, theirs.id, rows.id(), first.id, second.id];
    read!(store, Scope::Company(company.id), tx => {
        assert_eq!(tx.users_by_ids(&asked).await.unwrap(), [first.clone(), second.clone()]);
        assert_eq!(tx.users_by_ids(&[]).await.unwrap(), []);
    });
    assert_eq!(read!(store, Scope::System, tx => tx.users_by_ids(&asked).await.unwrap()), [first, second, theirs]);
}

/// Whether there is a user is seen in the scope.
pub async fn the_first_user_is_noticed(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    for scope in [Scope::System, Scope::Company(company.id)] {
        assert!(!read!(store, scope, tx => tx.any_user().await.unwrap()));
        assert!(!write!(store, scope, tx => tx.any_user().await.unwrap()));
    }
    hired(store, &rows, &company).await;
    for scope in [Scope::System, Scope::Company(company.id)] {
        assert!(read!(store, scope, tx => tx.any_user().await.unwrap()));
        assert!(write!(store, scope, tx => tx.any_user().await.unwrap()));
    }
}

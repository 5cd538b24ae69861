//! Sessions are kept, exchanged, revoked and cleared away.

use chrono::TimeDelta;

use super::fixtures::{Rows, assert_duplicate, assert_stale, ends_of_time, founded, hired, write};
use crate::people::Session;
use crate::people::password::TokenHash;
use crate::scope::Scope;
use crate::store::Store;

/// Every field of a session comes back as it was.
pub async fn a_session_reads_back_as_it_was_written(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let user = hired(store, &rows, &company).await;
    let (first, last) = ends_of_time();
    let odd = Session {
        token: TokenHash([0; 32]),
        issued_at: first,
        expires_at: last,
        family_expires_at: last,
        used_at: Some(first),
        revoked_at: Some(last),
        ..rows.session(&user)
    };
    let other = Session { token: TokenHash([0xff; 32]), ..rows.session(&user) };
    for session in [rows.session(&user), odd, other] {
        write!(store, scope, tx => tx.insert_session(&session).await.unwrap());
        for scope in [scope, Scope::System] {
            let found = write!(store, scope, tx => tx.session_for_update(&session.token).await.unwrap());
            assert_eq!(found.as_ref(), Some(&session));
        }
    }
    let unknown = TokenHash::of("unknown");
    assert_eq!(write!(store, scope, tx => tx.session_for_update(&unknown).await.unwrap()), None);
}

/// Ids and tokens are unique.
pub async fn an_id_and_a_token_are_taken_once(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let user = hired(store, &rows, &company).await;
    let session = rows.session(&user);
    write!(store, scope, tx => tx.insert_session(&session).await.unwrap());
    write!(store, scope, tx => {
        let same_id = Session { id: session.id, ..rows.session(&user) };
        assert_duplicate(tx.insert_session(&same_id).await, "session", "id");
        let same_token = Session { token: session.token, ..rows.session(&user) };
        assert_duplicate(tx.insert_session(&same_token).await, "session", "token");
    });
}

/// An exchanged session keeps the instant; one that does not exist cannot be exchanged.
pub async fn an_exchanged_session_says_when(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let user = hired(store, &rows, &company).await;
    let (session, other) = (rows.session(&user), rows.session(&user));
    let at = rows.now() + TimeDelta::microseconds(1);
    write!(store, scope, tx => {
        tx.insert_session(&session).await.unwrap();
        tx.insert_session(&other).await.unwrap();
        tx.mark_session_used(&session.token, at).await.unwrap();
    });
    write!(store, scope, tx => {
        let used = tx.session_for_update(&session.token).await.unwrap();
        assert_eq!(used, Some(Session { used_at: Some(at), ..session }));
        assert_eq!(tx.session_for_update(&other.token).await.unwrap(), Some(other));
        assert_stale(tx.mark_session_used(&TokenHash::of("unknown"), at).await);
    });
}

/// Revoking a family revokes all of it that is not revoked yet, and nothing else; who was revoked stays so since then.
pub async fn a_family_is_revoked_once(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let user = hired(store, &rows, &company).await;
    let (at, later) = (rows.now(), rows.now() + TimeDelta::seconds(1));
    let first = Session { used_at: Some(at), ..rows.session(&user) };
    let second = Session { family: first.family, ..rows.session(&user) };
    let stranger = rows.session(&user);
    write!(store, scope, tx => {
        for session in [&first, &second, &stranger] {
            tx.insert_session(session).await.unwrap();
        }
    });
    assert_eq!(write!(store, scope, tx => tx.revoke_family(first.family, at).await.unwrap()), 2);
    assert_eq!(write!(store, scope, tx => tx.revoke_family(first.family, later).await.unwrap()), 0);
    assert_eq!(write!(store, scope, tx => tx.revoke_family(rows.id(), later).await.unwrap()), 0);
    write!(store, scope, tx => {
        for session in [first, second] {
            let revoked = Session { revoked_at: Some(at), ..session };
            assert_eq!(tx.session_for_update(&revoked.token).await.unwrap(), Some(revoked));
        }
        assert_eq!(tx.session_for_update(&stranger.token).await.unwrap(), Some(stranger));
    });
}

/// Revoking a user's sessions reaches all families of that user, and nobody else's.
pub async fn all_sessions_of_a_user_are_revoked(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (user, other) = (hired(store, &rows, &company).await, hired(store, &rows, &company).await);
    let own = [rows.session(&user), rows.session(&user)];
    let others = rows.session(&other);
    let at = rows.now();
    write!(store, scope, tx => {
        for session in own.iter().chain([&others]) {
            tx.insert_session(session).await.unwrap();
        }
    });
    assert_eq!(write!(store, scope, tx => tx.revoke_sessions(user.id, at).await.unwrap()), 2);
    assert_eq!(write!(store, scope, tx => tx.revoke_sessions(user.id, at).await.unwrap()), 0);
    write!(store, scope, tx => {
        for session in own {
            let found = tx.session_for_update(&session.token).await.unwrap();
            assert_eq!(found.and_then(|session| session.revoked_at), Some(at));
        }
        assert_eq!(tx.session_for_update(&others.token).await.unwrap(), Some(others));
    });
}

/// Sessions go when their family ended before the given instant, to the microsecond.
pub async fn ended_families_are_cleared_away(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let user = hired(store, &rows, &company).await;
    let before = rows.now();
    let ends = |micros| Session { family_expires_at: before + TimeDelta::microseconds(micros), ..rows.session(&user) };
    let (over, just, alive) = (ends(-1), ends(0), ends(1));
    write!(store, scope, tx => {
        for session in [&over, &just, &alive] {
            tx.insert_session(session).await.unwrap();
        }
    });
    assert_eq!(write!(store, Scope::System, tx => tx.purge_sessions(before).await.unwrap()), 1);
    write!(store, scope, tx => {
        assert_eq!(tx.session_for_update(&over.token).await.unwrap(), None);
        for session in [just, alive] {
            assert_eq!(tx.session_for_update(&session.token).await.unwrap(), Some(session));
        }
    });
    assert_eq!(write!(store, Scope::System, tx => tx.purge_sessions(ends_of_time().0).await.unwrap()), 0);
}

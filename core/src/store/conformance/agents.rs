//! What agents bring for queues is kept.

use super::fixtures::{
    Rows, UNICODE, assert_duplicate, assert_out_of_scope, assert_stale, ends_of_time, founded, hired, read, write,
};
use crate::company::Company;
use crate::id::UserId;
use crate::queue::{AgentProfile, AgentSettings, AgentSkill};
use crate::scope::Scope;
use crate::store::Store;

fn profile(company: &Company, user: UserId, version: u32) -> AgentProfile {
    let skill = |name: &str, level| AgentSkill { name: name.to_owned(), level };
    let settings = AgentSettings {
        skills: vec![skill("german", 1), skill(UNICODE, 10)],
        capacity: 20,
        wrap_up_seconds: Some(3_600),
        missed_max: u8::MAX,
    };
    AgentProfile { user, company: company.id, settings, version, updated_at: ends_of_time().1 }
}

/// A profile comes back as it was, and only its next version replaces it.
pub async fn an_agent_reads_back_and_is_replaced_by_the_next_version_only(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let user = hired(store, &rows, &company).await.id;
    let first = AgentProfile { settings: AgentSettings::default(), ..profile(&company, user, 1) };
    write!(store, scope, tx => {
        assert_eq!(tx.agent_profile(user).await.unwrap(), None);
        tx.insert_agent_profile(&first).await.unwrap();
        assert_eq!(tx.agent_profile(user).await.unwrap().as_ref(), Some(&first));
        assert_duplicate(tx.insert_agent_profile(&first).await, "agent_profile", "user");
        tx.update_agent_profile(&profile(&company, user, 2)).await.unwrap();
        for version in [1, 2, 4] {
            assert_stale(tx.update_agent_profile(&profile(&company, user, version)).await);
        }
        assert_stale(tx.update_agent_profile(&profile(&company, rows.id(), 2)).await);
    });
    assert_eq!(read!(store, scope, tx => tx.agent_profile(user).await.unwrap()), Some(profile(&company, user, 2)));
}

/// All profiles of the scope come by company and user; a deleted user takes theirs along.
pub async fn all_agents_are_listed_and_go_with_their_user(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let mut profiles = Vec::new();
    for _ in 0..3 {
        let user = hired(store, &rows, &company).await.id;
        profiles.push(profile(&company, user, 1));
    }
    profiles.sort_by_key(|profile| profile.user);
    for profile in profiles.iter().rev() {
        write!(store, scope, tx => tx.insert_agent_profile(profile).await.unwrap());
    }
    assert_eq!(read!(store, scope, tx => tx.agent_profiles().await.unwrap()), profiles);
    let gone = profiles.remove(1).user;
    assert!(write!(store, scope, tx => tx.delete_user(gone).await.unwrap()));
    assert_eq!(read!(store, scope, tx => tx.agent_profile(gone).await.unwrap()), None);
    assert_eq!(read!(store, scope, tx => tx.agent_profiles().await.unwrap()), profiles);
}

/// Another company's profiles are absent, and stay as they are.
pub async fn agents_of_another_company_are_out_of_reach(store: &dyn Store) {
    let rows = Rows::new();
    let (mine, theirs) = (founded(store, &rows).await, founded(store, &rows).await);
    let (agent, other) = (hired(store, &rows, &theirs).await.id, hired(store, &rows, &theirs).await.id);
    write!(store, Scope::Company(theirs.id), tx => tx.insert_agent_profile(&profile(&theirs, agent, 1)).await.unwrap());
    write!(store, Scope::Company(mine.id), tx => {
        assert_eq!(tx.agent_profile(agent).await.unwrap(), None);
        assert_eq!(tx.agent_profiles().await.unwrap(), []);
        assert_stale(tx.update_agent_profile(&profile(&mine, agent, 2)).await);
        assert_stale(tx.update_agent_profile(&profile(&theirs, agent, 2)).await);
        assert_out_of_scope(tx.insert_agent_profile(&profile(&theirs, other, 1)).await);
    });
    let kept = read!(store, Scope::System, tx => tx.agent_profile(agent).await.unwrap());
    assert_eq!(kept, Some(profile(&theirs, agent, 1)));
}

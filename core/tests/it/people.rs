//! The caller sync rule, ranks, sessions.

use std::collections::BTreeMap;

use dialplane_core::command::people::{
    DeleteUser, RegisterUser, SetAvailability, SetPassword, SyncCallers, SyncReport, UpdateUser,
};
use dialplane_core::command::session::{CloseSession, OpenSession, RefreshSession, Refreshed};
use dialplane_core::command::setup::SetUp;
use dialplane_core::command::telephony::{CreateExtension, DeleteExtension, ResetExtensionSecret};
use dialplane_core::id::UserId;
use dialplane_core::people::password::TokenHash;
use dialplane_core::people::session::SessionLife;
use dialplane_core::people::{Availability, PasswordHash, Role, RoleKind, UserChange, UserRefused};
use dialplane_core::{Actor, Failure, Kind};
use proptest::prelude::*;

use crate::world::{World, person};

impl World {
    async fn caller_users(&self) -> Vec<UserId> {
        self.engine.read(&self.admin).await.unwrap().caller_users().await.unwrap()
    }

    async fn change(&self, user: UserId, change: UserChange) -> Result<(), UserRefused> {
        match self.engine.execute(&self.admin, &UpdateUser { user, change }).await {
            Ok(_) => Ok(()),
            Err(Failure::Refused(refused)) => Err(refused),
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn a_caller_record_follows_the_kind_of_role_not_its_word_and_not_the_name() {
    let world = World::new().await;
    let first = world.user("John Smith", "john@example.com", Role::Telecaller).await;
    let second = world.user("John Smith", "smith@example.com", Role::Agent).await;
    assert_eq!(world.caller_users().await, [first.id, second.id]);
    let to = |role| UserChange { role: Some(role), ..UserChange::default() };
    world.change(first.id, to(Role::Officer)).await.unwrap();
    assert_eq!(world.caller_users().await, [first.id, second.id]);
    world.change(first.id, to(Role::Manager)).await.unwrap();
    assert_eq!(world.caller_users().await, [second.id]);
    world.change(first.id, to(Role::Caller)).await.unwrap();
    world.engine.execute(&world.admin, &DeleteUser { user: second.id }).await.unwrap();
    assert_eq!(world.caller_users().await, [first.id]);
}

#[tokio::test]
async fn the_repair_makes_what_is_missing_and_removes_what_is_left_over() {
    let world = World::new().await;
    let agent = world.user("Ann", "ann@example.com", Role::Agent).await;
    let manager = world.user("Max", "max@example.com", Role::Manager).await;
    // Damage that no command can do, by the store itself.
    let mut tx = world.engine.store().begin(world.admin.scope(), dialplane_core::store::Access::Write).await.unwrap();
    let mut stray = tx.caller(agent.id).await.unwrap().unwrap();
    tx.delete_caller(agent.id).await.unwrap();
    stray.user = manager.id;
    tx.insert_caller(&stray).await.unwrap();
    tx.commit().await.unwrap();
    let report = world.engine.execute(&world.admin, &SyncCallers).await.unwrap();
    assert_eq!(report, SyncReport { created: 1, deleted: 1 });
    assert_eq!(world.caller_users().await, [agent.id]);
    assert_eq!(world.engine.execute(&world.admin, &SyncCallers).await.unwrap(), SyncReport::default());
}

#[tokio::test]
async fn the_first_account_is_made_once() {
    let world = World::new().await;
    let again = SetUp {
        company_name: "Other".to_owned(),
        timezone: "UTC".to_owned(),
        country: "US".to_owned(),
        admin: person("Eve", "eve@example.com", Role::Admin),
    };
    let refused = world.engine.execute(&Actor::system(), &again).await.unwrap_err();
    assert_eq!(dialplane_core::Error::from(refused).code(), "already_set_up");
    let denied = world.engine.execute(&world.admin, &again).await.unwrap_err();
    assert_eq!(dialplane_core::Error::from(denied).kind(), Kind::Forbidden);
}

#[tokio::test]
async fn nobody_lifts_or_changes_somebody_above_themself() {
    let world = World::new().await;
    let manager = world.user("Max", "max@example.com", Role::Manager).await;
    let agent = world.user("Ann", "ann@example.com", Role::Agent).await;
    let acting = world.as_user(&manager);
    let lift = UserChange { role: Some(Role::Admin), ..UserChange::default() };
    let rename = UserChange { name: Some("X".to_owned()), ..UserChange::default() };
    let admin = world.admin.user_id().unwrap();
    for (user, change) in [(agent.id, lift.clone()), (admin, rename.clone())] {
        let refused = world.engine.execute(&acting, &UpdateUser { user, change }).await.unwrap_err();
        assert_eq!(refused.refusal(), Some(&UserRefused::AboveOwnRole));
    }
    let own = UpdateUser { user: manager.id, change: lift };
    assert_eq!(world.engine.execute(&acting, &own).await.unwrap_err().refusal(), Some(&UserRefused::Oneself));
    let register = RegisterUser { new: person("Eve", "eve@example.com", Role::Admin), open: false };
    assert!(world.engine.execute(&acting, &register).await.is_err());
    let acting = world.as_user(&agent);
    let other = UpdateUser { user: manager.id, change: rename.clone() };
    assert!(matches!(world.engine.execute(&acting, &other).await, Err(Failure::Denied(_))));
    let department = UserChange { department: Some(Some("x".to_owned())), ..UserChange::default() };
    let own = UpdateUser { user: agent.id, change: department };
    assert!(matches!(world.engine.execute(&acting, &own).await, Err(Failure::Denied(_))));
    assert!(world.engine.execute(&acting, &UpdateUser { user: agent.id, change: rename }).await.is_ok());
    let away = SetAvailability { user: manager.id, availability: Availability::Break, reason: None };
    assert!(matches!(world.engine.execute(&acting, &away).await, Err(Failure::Denied(_))));
}

#[tokio::test]
async fn nobody_takes_over_the_line_of_somebody_above_themself() {
    let world = World::new().await;
    let manager = world.user("Max", "max@example.com", Role::Manager).await;
    let agent = world.user("Ann", "ann@example.com", Role::Agent).await;
    let of = |user| CreateExtension { user, number: None };
    let line = world.engine.execute(&world.admin, &of(world.admin.user_id().unwrap())).await.unwrap().extension;
    let acting = world.as_user(&manager);
    let reset = ResetExtensionSecret { extension: line.id };
    assert!(matches!(world.engine.execute(&acting, &reset).await, Err(Failure::Denied(_))));
    let delete = DeleteExtension { extension: line.id };
    assert!(matches!(world.engine.execute(&acting, &delete).await, Err(Failure::Denied(_))));
    let made = world.engine.execute(&acting, &of(agent.id)).await.unwrap().extension;
    assert_eq!(made.number, "1002");
    let taken = CreateExtension { user: agent.id, number: Some("1001".to_owned()) };
    let refused = world.engine.execute(&acting, &taken).await.unwrap_err();
    assert_eq!(dialplane_core::Error::from(refused).code(), "number_taken");
}

#[tokio::test]
async fn open_registration_admits_agents_only() {
    let world = World::new().await;
    let outside = Actor::system_for(world.company.id);
    for role in Role::ALL {
        let email = format!("{role}@example.org");
        let command = RegisterUser { new: person("New", &email, role), open: true };
        let admitted = world.engine.execute(&outside, &command).await.is_ok();
        assert_eq!(admitted, role.kind() == RoleKind::Agent, "{role}");
    }
}

#[tokio::test]
async fn a_refresh_token_used_twice_closes_its_whole_family_and_no_other() {
    let world = World::new().await;
    let user = world.admin.user_id().unwrap();
    let life = SessionLife::default();
    let [first, second, third, other] = ["1", "2", "3", "4"].map(TokenHash::of);
    for token in [first, other] {
        world.engine.execute(&Actor::system(), &OpenSession { user, token, life }).await.unwrap();
    }
    let refresh = async |token, next| {
        world.engine.execute(&Actor::system(), &RefreshSession { token, next, life }).await.unwrap()
    };
    assert!(matches!(refresh(first, second).await, Refreshed::Rotated { .. }));
    assert_eq!(refresh(first, third).await, Refreshed::Reused);
    assert_eq!(refresh(second, third).await, Refreshed::Invalid);
    assert!(matches!(refresh(other, third).await, Refreshed::Rotated { .. }));
}

#[tokio::test]
async fn signing_out_disabling_and_a_new_password_end_tokens() {
    let world = World::new().await;
    let agent = world.user("Ann", "ann@example.com", Role::Agent).await;
    let version = async || {
        let mut tx = world.engine.read(&world.admin).await.unwrap();
        tx.user(agent.id).await.unwrap().unwrap().token_version
    };
    world.engine.execute(&world.as_user(&agent), &CloseSession { token: None }).await.unwrap();
    assert_eq!(version().await, 1);
    let password = PasswordHash::from_stored("other".to_owned());
    world.engine.execute(&world.admin, &SetPassword { user: agent.id, password }).await.unwrap();
    assert_eq!(version().await, 2);
    let token = TokenHash::of("x");
    let open = OpenSession { user: agent.id, token, life: SessionLife::default() };
    world.engine.execute(&Actor::system(), &open).await.unwrap();
    world.change(agent.id, UserChange { is_active: Some(false), ..UserChange::default() }).await.unwrap();
    assert_eq!(version().await, 3);
    let refresh = RefreshSession { token, next: TokenHash::of("y"), life: SessionLife::default() };
    assert_eq!(world.engine.execute(&Actor::system(), &refresh).await.unwrap(), Refreshed::Invalid);
    assert!(world.engine.execute(&Actor::system(), &open).await.is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A random history of registrations, changes of role and removals, most of them of people with one name.
    #[test]
    fn callers_are_the_users_of_kind_agent_after_any_history(steps in proptest::collection::vec((0u8..4, 0usize..8, 0usize..8), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let world = World::new().await;
            let mut model: BTreeMap<UserId, Role> = BTreeMap::new();
            for (n, (what, who, role)) in steps.into_iter().enumerate() {
                let role = Role::ALL[role];
                let chosen = model.keys().nth(who % model.len().max(1)).copied();
                match (what, chosen) {
                    (0 | 1, _) | (_, None) => {
                        let user = world.user("John Smith", &format!("{n}@example.com"), role).await;
                        model.insert(user.id, role);
                    }
                    (2, Some(user)) => {
                        world.change(user, UserChange { role: Some(role), ..UserChange::default() }).await.unwrap();
                        model.insert(user, role);
                    }
                    (_, Some(user)) => {
                        world.engine.execute(&world.admin, &DeleteUser { user }).await.unwrap();
                        model.remove(&user);
                    }
                }
                let agents: Vec<UserId> =
                    model.iter().filter(|(_, role)| role.kind() == RoleKind::Agent).map(|(id, _)| *id).collect();
                assert_eq!(world.caller_users().await, agents);
            }
            assert_eq!(world.engine.execute(&world.admin, &SyncCallers).await.unwrap(), SyncReport::default());
        });
    }
}

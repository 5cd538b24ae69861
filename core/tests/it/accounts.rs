//! Accounts of companies at a carrier's service, from being set to being forgotten.

use dialplane_core::call::account::{AccountRefused, KEPT, TwilioAccount, TwilioSettings};
use dialplane_core::call::carrier::{HandOver, Service};
use dialplane_core::command::call::{InitiateCall, Via};
use dialplane_core::command::number::UpdateNumber;
use dialplane_core::command::people::UpdateUser;
use dialplane_core::command::twilio::{ForgetTwilioAccounts, RemoveTwilioAccount, SetTwilioAccount};
use dialplane_core::people::{Role, UserChange};
use dialplane_core::phone::{E164, Rotation};
use dialplane_core::pii::Secret;
use dialplane_core::{Actor, Failure};

use crate::world::World;

fn set(sid: &str) -> SetTwilioAccount {
    let account = TwilioAccount { sid: sid.to_owned(), token: Secret::new(format!("token-of-{sid}")), number: None };
    SetTwilioAccount { account, expected_version: None }
}

async fn stored(world: &World) -> TwilioSettings {
    let mut tx = world.engine.read(&world.admin).await.unwrap();
    tx.twilio_settings(world.company.id).await.unwrap().unwrap()
}

#[tokio::test]
async fn an_account_is_forgotten_two_days_after_its_last_call_can_have_begun() {
    let world = World::new().await;
    world.engine.execute(&world.admin, &set("AC1")).await.unwrap();
    world.engine.execute(&world.admin, &set("AC2")).await.unwrap();
    world.pass(3_600);
    world.engine.execute(&world.admin, &RemoveTwilioAccount { expected_version: Some(2) }).await.unwrap();
    let forget = async || world.engine.execute(&Actor::system(), &ForgetTwilioAccounts { limit: 9 }).await.unwrap();
    assert_eq!(forget().await, 0);
    world.pass(KEPT.num_seconds() - 3_600);
    assert_eq!((forget().await, forget().await), (1, 0));
    let left = stored(&world).await;
    assert_eq!((left.accounts.named("AC1"), left.accounts.named("AC2").is_some(), left.version), (None, true, 4));
    // A change forgets them too, without waiting for the one who clears away.
    world.pass(3_600);
    world.engine.execute(&world.admin, &set("AC3")).await.unwrap();
    let left = stored(&world).await.accounts;
    assert_eq!((left.retired.len(), left.current.unwrap().sid), (0, "AC3".to_owned()));
}

#[tokio::test]
async fn an_account_is_set_and_removed_from_the_version_that_is_there() {
    let world = World::new().await;
    let refused = |failure: Failure<AccountRefused>| failure.refusal().cloned().unwrap();
    let remove = |expected_version| RemoveTwilioAccount { expected_version };
    let none = world.engine.execute(&world.admin, &remove(None)).await.unwrap_err();
    assert_eq!(refused(none), AccountRefused::NotFound);
    let early = SetTwilioAccount { expected_version: Some(1), ..set("AC1") };
    assert_eq!(refused(world.engine.execute(&world.admin, &early).await.unwrap_err()), AccountRefused::Stale);
    let first = SetTwilioAccount { expected_version: Some(0), ..set("AC1") };
    assert_eq!(world.engine.execute(&world.admin, &first).await.unwrap().version, 1);
    assert_eq!(refused(world.engine.execute(&world.admin, &first).await.unwrap_err()), AccountRefused::Stale);
    let late = world.engine.execute(&world.admin, &remove(Some(0))).await.unwrap_err();
    assert_eq!(refused(late), AccountRefused::Stale);
    assert_eq!(world.engine.execute(&world.admin, &remove(Some(1))).await.unwrap().version, 2);
    let agent = world.user("Ann", "ann@example.com", Role::Agent).await;
    let denied = world.engine.execute(&world.as_user(&agent), &set("AC1")).await.unwrap_err();
    assert!(matches!(denied, Failure::Denied(_)), "{denied:?}");
}

#[tokio::test]
async fn a_call_knows_its_account_and_the_number_that_is_shown() {
    let world = World::new().await;
    let (agent, number) = world.agent_with_number("0101", 9).await;
    let change = UserChange { phone: Some(Some("+12025550177".to_owned())), ..UserChange::default() };
    world.engine.execute(&world.admin, &UpdateUser { user: agent, change }).await.unwrap();
    let own = E164::from_stored("+12025550144").unwrap();
    let call = async |account: Option<&str>, provider: &str| {
        let provider = Some(provider.to_owned());
        let update =
            UpdateNumber { number, provider, country: None, capabilities: None, status: None, expected_version: None };
        world.engine.execute(&world.admin, &update).await.unwrap();
        let to = HandOver { service: Service::Twilio, account: account.map(str::to_owned), caller: Some(own.clone()) };
        let command = InitiateCall {
            call: None,
            agent,
            to: Some("+14155550100".to_owned()),
            lead: None,
            via: Via::Service(to),
            rotation: Rotation::default(),
            node: None,
        };
        let initiated = world.engine.execute(&world.admin, &command).await.unwrap();
        let mut tx = world.engine.read(&world.admin).await.unwrap();
        let row = tx.carrier_calls(&[initiated.call.id]).await.unwrap().pop().unwrap();
        assert_eq!(row.caller.as_ref().unwrap_or(&initiated.allowed.number.number), &initiated.caller);
        (row.account, row.caller)
    };
    assert_eq!(call(Some("AC1"), "telnyx").await, (Some("AC1".to_owned()), Some(own.clone())));
    assert_eq!(call(None, "twilio").await, (None, None));
    assert_eq!(call(None, "manual").await, (None, None));
}

//! Clients: adding, changing and removing them, and writing notes about them.

use async_trait::async_trait;

use super::{company_of, fresh, own_company};
use crate::client::{Client, ClientChange, ClientNote, ClientProfile, ClientRefused, note_text};
use crate::engine::{Command, Context};
use crate::error::Failure;
use crate::event::Event;
use crate::id::{ClientId, UserId};
use crate::phone::E164;
use crate::scope::Permission;
use crate::store::Repo;

/// Adds a client. Calls with its numbers that have no client become its calls.
#[derive(Debug, Clone)]
pub struct CreateClient {
    /// What is known about it.
    pub change: ClientChange,
    /// Whether another client may have one of its numbers.
    pub allow_duplicate: bool,
}

/// The numbers that one profile has and the other had not.
fn added(new: &Client, old: Option<&Client>) -> Vec<E164> {
    let known = old.map(Client::numbers).unwrap_or_default();
    new.numbers().into_iter().filter(|number| !known.contains(number)).cloned().collect()
}

async fn check_numbers(repo: &mut dyn Repo, client: &Client, new: &[E164]) -> Result<(), Failure<ClientRefused>> {
    let asked: Vec<_> = new.iter().map(|number| (client.company, number.clone())).collect();
    let owners = repo.number_owners_for_update(&asked).await?;
    match owners.iter().find(|owner| owner.client != client.id) {
        Some(owner) => Err(ClientRefused::DuplicatePhone { existing: owner.client }.into()),
        None => Ok(()),
    }
}

async fn check_owner(
    repo: &mut dyn Repo,
    new: &ClientProfile,
    old: Option<UserId>,
) -> Result<(), Failure<ClientRefused>> {
    match new.owner.filter(|owner| Some(*owner) != old) {
        Some(owner) if !repo.user(owner).await?.is_some_and(|user| user.is_active) => {
            Err(ClientRefused::UnknownOwner.into())
        }
        _ => Ok(()),
    }
}

#[async_trait]
impl Command for CreateClient {
    type Output = Client;
    type Refused = ClientRefused;
    const NAME: &'static str = "create_client";

    fn permission(&self) -> Permission {
        Permission::UseClients
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Client, Failure<ClientRefused>> {
        let company = own_company(cx, repo).await?;
        let profile = self.change.apply(&ClientProfile::default(), company.default_country)?;
        check_owner(repo, &profile, None).await?;
        let client = Client {
            id: cx.id(),
            company: company.id,
            profile,
            version: 1,
            created_at: cx.now(),
            updated_at: cx.now(),
        };
        let numbers = added(&client, None);
        if !self.allow_duplicate && !numbers.is_empty() {
            check_numbers(repo, &client, &numbers).await?;
        }
        repo.insert_client(&client).await?;
        if !numbers.is_empty() {
            repo.link_calls(client.id).await?;
        }
        cx.emit(client.company, Event::ClientCreated { client: client.id });
        Ok(client)
    }
}

/// Changes a client: what is absent stays. Calls with its new numbers that have no client become its calls.
#[derive(Debug, Clone)]
pub struct UpdateClient {
    /// Which.
    pub client: ClientId,
    /// What is to be known about it.
    pub change: ClientChange,
    /// Whether another client may have one of its new numbers.
    pub allow_duplicate: bool,
    /// The version the change was made from.
    pub expected_version: Option<u32>,
}

#[async_trait]
impl Command for UpdateClient {
    type Output = Client;
    type Refused = ClientRefused;
    const NAME: &'static str = "update_client";

    fn permission(&self) -> Permission {
        Permission::UseClients
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Client, Failure<ClientRefused>> {
        let company = own_company(cx, repo).await?;
        let old = repo.client(self.client).await?.ok_or(ClientRefused::NotFound)?;
        if !fresh(self.expected_version, old.version) {
            return Err(ClientRefused::Stale.into());
        }
        let profile = self.change.apply(&old.profile, company.default_country)?;
        check_owner(repo, &profile, old.profile.owner).await?;
        let client = Client { profile, version: old.version + 1, updated_at: cx.now(), ..old.clone() };
        let numbers = added(&client, Some(&old));
        if !self.allow_duplicate && !numbers.is_empty() {
            check_numbers(repo, &client, &numbers).await?;
        }
        repo.update_client(&client).await?;
        if !numbers.is_empty() {
            repo.link_calls(client.id).await?;
        }
        cx.emit(client.company, Event::ClientUpdated { client: client.id });
        Ok(client)
    }
}

/// Removes a client with the notes about it. Its calls stay in the log and keep its id, so that they can still be listed by
/// it; they show no client any more, and later calls of its numbers are nobody's.
#[derive(Debug, Clone, Copy)]
pub struct DeleteClient {
    /// Which.
    pub client: ClientId,
    /// The version that the caller has seen, if it is to be checked.
    pub expected_version: Option<u32>,
}

#[async_trait]
impl Command for DeleteClient {
    type Output = ();
    type Refused = ClientRefused;
    const NAME: &'static str = "delete_client";

    fn permission(&self) -> Permission {
        Permission::DeleteClients
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<(), Failure<ClientRefused>> {
        let company = company_of(cx)?;
        let known = repo.client(self.client).await?.ok_or(ClientRefused::NotFound)?;
        if !fresh(self.expected_version, known.version) {
            return Err(ClientRefused::Stale.into());
        }
        repo.delete_client(self.client).await?;
        cx.emit(company, Event::ClientDeleted { client: self.client });
        Ok(())
    }
}

/// Writes a note about a client.
#[derive(Debug, Clone)]
pub struct AddClientNote {
    /// Whom it is about.
    pub client: ClientId,
    /// What.
    pub text: String,
}

#[async_trait]
impl Command for AddClientNote {
    type Output = ClientNote;
    type Refused = ClientRefused;
    const NAME: &'static str = "add_client_note";

    fn permission(&self) -> Permission {
        Permission::UseClients
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<ClientNote, Failure<ClientRefused>> {
        let client = repo.client(self.client).await?.ok_or(ClientRefused::NotFound)?;
        let note = ClientNote {
            id: cx.id(),
            company: client.company,
            client: client.id,
            author: cx.actor().user_id(),
            at: cx.now(),
            text: note_text(&self.text)?,
        };
        repo.insert_client_note(&note).await?;
        cx.emit(client.company, Event::ClientUpdated { client: client.id });
        Ok(note)
    }
}

//! `/clients`: whom the company calls and is called by (document 002).

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use dialplane_core::Permission;
use dialplane_core::client::{Client, ClientChange, ClientNote, ClientPhone, ClientProfile, ClientRefused};
use dialplane_core::command::client::{AddClientNote, CreateClient, DeleteClient, UpdateClient};
use dialplane_core::error::Failure;
use dialplane_core::id::{ClientId, ClientKind, UserId};
use dialplane_core::phone::Country;
use dialplane_core::search::Search;
use dialplane_core::store::{CallFilter, ClientFilter, Page, Tx};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::api::calls::{CallView, Names};
use crate::api::leads::{LeadView, views as lead_views};
use crate::api::users::Person;
use crate::http::answer::{Done, answer};
use crate::http::etag::{IfMatch, Versioned, versioned};
use crate::http::faults::{Draft, Faults};
use crate::http::guard::Authed;
use crate::http::input::{Input, Params, PathId, nullable};
use crate::http::paging::{Pagination, Paging};
use crate::problem::{Problem, Reply};
use crate::state::Shared;

/// Calls and notes that are shown with a client.
const HISTORY: u32 = 20;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list_clients, create_client))
        .routes(routes!(get_client, update_client, delete_client))
        .routes(routes!(list_client_notes, add_client_note))
}

/// Reads what somebody looks for.
pub(crate) fn searched(text: Option<&str>, home: Country) -> Reply<Option<Search>> {
    let search = text.map(|text| Search::parse(text, home)).transpose().map_err(Failure::Refused)?;
    Ok(search.flatten())
}

/// A client by name, as other resources refer to it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ClientRef {
    id: Uuid,
    /// The same as `id`.
    #[serde(rename = "_id")]
    crm_id: Uuid,
    name: String,
    /// Its main number.
    phone: Option<String>,
}

impl ClientRef {
    /// The client by name.
    pub(crate) fn of(client: &Client) -> Self {
        let phone = client.profile.phone.as_ref().map(|phone| phone.number.as_str().to_owned());
        let id = client.id.as_uuid();
        Self { id, crm_id: id, name: client.profile.name.expose().clone(), phone }
    }
}

/// A further number.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PhoneView {
    /// In international form.
    number: String,
    /// As it was typed.
    raw_phone: String,
}

/// A client.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClientView {
    id: Uuid,
    /// The same as `id`.
    #[serde(rename = "_id")]
    crm_id: Uuid,
    name: String,
    /// The firm it belongs to, or is.
    company: Option<String>,
    email: Option<String>,
    /// Its main number, in international form.
    phone: Option<String>,
    /// Its main number, as it was typed.
    raw_phone: Option<String>,
    further_phones: Vec<PhoneView>,
    address: Option<String>,
    tags: Vec<String>,
    /// Who looks after it.
    owner: Option<Person>,
    /// Fields of the company's own.
    custom: BTreeMap<String, String>,
    version: u32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl ClientView {
    fn of(client: &Client, people: &BTreeMap<UserId, Person>) -> Self {
        let profile = &client.profile;
        let text = |phone: &ClientPhone| (phone.number.as_str().to_owned(), phone.raw.expose().clone());
        let (phone, raw_phone) = profile.phone.as_ref().map(text).unzip();
        let further = |phone: &ClientPhone| {
            let (number, raw_phone) = text(phone);
            PhoneView { number, raw_phone }
        };
        Self {
            id: client.id.as_uuid(),
            crm_id: client.id.as_uuid(),
            name: profile.name.expose().clone(),
            company: profile.organization.clone(),
            email: profile.email.as_ref().map(|email| email.expose().clone()),
            phone,
            raw_phone,
            further_phones: profile.further_phones.iter().map(further).collect(),
            address: profile.address.as_ref().map(|address| address.expose().clone()),
            tags: profile.tags.clone(),
            owner: profile.owner.and_then(|id| people.get(&id).cloned()),
            custom: profile.custom.iter().map(|(name, value)| (name.clone(), value.expose().clone())).collect(),
            version: client.version,
            created_at: client.created_at,
            updated_at: client.updated_at,
        }
    }
}

/// A note about a client.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClientNoteView {
    id: Uuid,
    /// Who wrote it.
    author: Option<Person>,
    at: DateTime<Utc>,
    text: String,
}

impl ClientNoteView {
    fn of(note: &ClientNote, people: &BTreeMap<UserId, Person>) -> Self {
        let author = note.author.and_then(|id| people.get(&id).cloned());
        Self { id: note.id.as_uuid(), author, at: note.at, text: note.text.expose().clone() }
    }
}

/// What a client's calls add up to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClientFigures {
    /// Its calls, of all agents.
    total_calls: u64,
    /// When the newest of them began.
    last_contact: Option<DateTime<Utc>>,
}

/// A client with what there was between it and the company.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClientDetail {
    #[serde(flatten)]
    client: ClientView,
    /// What its calls add up to.
    figures: ClientFigures,
    /// The newest 20 calls; an agent sees their own.
    calls: Vec<CallView>,
    /// The newest 20 notes.
    notes: Vec<ClientNoteView>,
    /// The newest 20 leads with its main number or its address; an agent sees their own.
    leads: Vec<LeadView>,
}

answer! { /** One client. */ ClientAnswer { client: ClientView } }
answer! { /** One client, with its history. */ ClientDetailAnswer { client: ClientDetail } }
answer! {
    /// A page of clients.
    ClientsAnswer {
        clients: Vec<ClientView>,
        pagination: Pagination,
        /// What to give as `cursor` for the clients after these; absent at the end.
        #[serde(skip_serializing_if = "Option::is_none")]
        next_cursor: Option<String>,
    }
}
answer! { /** One note. */ ClientNoteAnswer { note: ClientNoteView } }
answer! { /** A page of notes, newest first. */ ClientNotesAnswer { notes: Vec<ClientNoteView>, pagination: Pagination } }

/// The people of some ids by name, in one read.
async fn people(tx: &mut dyn Tx, ids: impl Iterator<Item = UserId>) -> Reply<BTreeMap<UserId, Person>> {
    let ids: Vec<UserId> = ids.collect();
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    Ok(tx.users_by_ids(&ids).await?.iter().map(|user| (user.id, Person::of(user))).collect())
}

/// A client to add or to change; on a change what is absent stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClientInput {
    /// Its name.
    name: Option<String>,
    /// The firm it belongs to, or is; null clears it.
    #[serde(
        default,
        deserialize_with = "nullable",
        alias = "organization",
        alias = "companyName",
        alias = "company_name"
    )]
    #[schema(value_type = Option<String>)]
    company: Option<Option<String>>,
    /// Its e-mail address; null clears it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    email: Option<Option<String>>,
    /// Its main number, as it is typed; null clears it.
    #[serde(default, deserialize_with = "nullable", alias = "phoneNumber", alias = "phone_number")]
    #[schema(value_type = Option<String>)]
    phone: Option<Option<String>>,
    /// Its further numbers.
    #[serde(alias = "further_phones")]
    further_phones: Option<Vec<String>>,
    /// Its postal address; null clears it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    address: Option<Option<String>>,
    /// Labels.
    tags: Option<Vec<String>>,
    /// Who looks after it; null clears it.
    #[serde(default, deserialize_with = "nullable", alias = "ownerId", alias = "owner_id", alias = "assignedTo")]
    #[schema(value_type = Option<Uuid>)]
    owner: Option<Option<UserId>>,
    /// Fields of the company's own: all of them.
    #[serde(alias = "customFields", alias = "custom_fields")]
    custom: Option<BTreeMap<String, String>>,
}

impl ClientInput {
    fn change(self, home: Country, faults: &mut Faults) -> Option<ClientChange> {
        let change = ClientChange {
            name: self.name,
            organization: self.company,
            email: self.email,
            phone: self.phone,
            further_phones: self.further_phones,
            address: self.address,
            tags: self.tags,
            owner: self.owner,
            custom: self.custom,
        };
        faults.rules(change.faults(home));
        Some(change)
    }
}

/// Whether a number of another client's is admitted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct DuplicateQuery {
    /// Admits a number that another client has.
    #[serde(default, alias = "allow_duplicate")]
    allow_duplicate: bool,
}

/// Names the client that has the number.
fn refused(failure: Failure<ClientRefused>) -> Problem {
    let existing = match failure.refusal() {
        Some(ClientRefused::DuplicatePhone { existing }) => Some(*existing),
        _ => None,
    };
    let problem = Problem::from(failure);
    match existing {
        Some(id) => problem.existing(id),
        None => problem,
    }
}

/// What a list of clients can be narrowed by.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct ClientQuery {
    /// What is known about them holds: the beginnings of words, all of which must be there, or of numbers.
    #[serde(alias = "search")]
    q: Option<String>,
    /// Who looks after them.
    #[serde(alias = "ownerId", alias = "owner_id")]
    #[param(value_type = Option<Uuid>)]
    owner: Option<UserId>,
    /// A tag.
    tag: Option<String>,
    /// The `nextCursor` of the page before, instead of a page number.
    #[param(value_type = Option<String>)]
    cursor: Option<ClientId>,
}

/// The company's clients, newest first.
#[utoipa::path(get, path = "/clients", tag = "clients", params(ClientQuery, Paging), responses((status = 200, body = ClientsAnswer)))]
pub(crate) async fn list_clients(
    State(app): State<Shared>,
    authed: Authed,
    Params(query): Params<ClientQuery>,
    Params(paging): Params<Paging>,
) -> Reply<Json<ClientsAnswer>> {
    authed.demand(Permission::UseClients)?;
    let search = searched(query.q.as_deref(), authed.company.default_country)?;
    let filter = ClientFilter { owner: query.owner, tag: query.tag, search, before: query.cursor };
    let mut page = paging.page();
    if filter.before.is_some() {
        page.offset = 0;
    }
    let mut tx = app.engine.read(&authed.actor).await?;
    let listing = tx.clients(&filter, page).await?;
    let people = people(&mut *tx, listing.items.iter().filter_map(|client| client.profile.owner)).await?;
    let more = page.offset + (listing.items.len() as u64) < listing.total;
    let next = listing.items.last().filter(|_| more).map(|client| client.id.to_string());
    let clients = listing.items.iter().map(|client| ClientView::of(client, &people)).collect();
    Ok(Json(ClientsAnswer::new(clients, paging.of(listing.total), next)))
}

/// Add a client. A number that another client has is a conflict, which names that client as `existing`.
#[utoipa::path(post, path = "/clients", tag = "clients", params(DuplicateQuery), request_body = ClientInput,
    responses((status = 201, body = ClientAnswer), (status = 409, description = "another client has the number")))]
pub(crate) async fn create_client(
    State(app): State<Shared>,
    authed: Authed,
    Params(query): Params<DuplicateQuery>,
    draft: Draft<ClientInput>,
) -> Reply<(StatusCode, Versioned<ClientAnswer>)> {
    let home = authed.company.default_country;
    let change = draft.checked(|body, faults| {
        if body.name.is_none() {
            faults.rule::<(), _>(Err(ClientRefused::BadName));
        }
        body.change(home, faults)
    })?;
    let command = CreateClient { change, allow_duplicate: query.allow_duplicate };
    let client = app.engine.execute(&authed.actor, &command).await.map_err(refused)?;
    let mut tx = app.engine.read(&authed.actor).await?;
    let people = people(&mut *tx, client.profile.owner.into_iter()).await?;
    Ok((StatusCode::CREATED, versioned(client.version, ClientAnswer::new(ClientView::of(&client, &people)))))
}

/// A client with its latest calls, the latest notes about it, the leads that are the same person, and its figures.
#[utoipa::path(get, path = "/clients/{id}", tag = "clients", params(("id" = Uuid, Path, description = "the client")),
    responses((status = 200, body = ClientDetailAnswer)))]
pub(crate) async fn get_client(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<ClientKind>,
) -> Reply<Versioned<ClientDetailAnswer>> {
    authed.demand(Permission::UseClients)?;
    let mut tx = app.engine.read(&authed.actor).await?;
    let client = tx.client(id).await?.ok_or_else(|| Problem::not_found("client"))?;
    let history = Page { offset: 0, limit: HISTORY };
    let all = CallFilter { client: Some(id), ..CallFilter::default() };
    let mut calls = tx.calls(&all, history).await?;
    let figures =
        ClientFigures { total_calls: calls.total, last_contact: calls.items.first().map(|call| call.started_at) };
    if !authed.actor.may(Permission::ViewAllCalls) {
        calls = tx.calls(&CallFilter { agent: Some(authed.user.id), ..all }, history).await?;
    }
    let notes = tx.client_notes(id, history).await?.items;
    let ClientProfile { phone, email, .. } = &client.profile;
    let (phone, email) =
        (phone.as_ref().map(|phone| &phone.number), email.as_ref().map(|email| email.expose().as_str()));
    let mut leads = tx.leads_by_contact(phone, email).await?;
    leads.retain(|lead| authed.actor.may(Permission::ManageLeads) || lead.assigned_to == Some(authed.user.id));
    leads.truncate(HISTORY as usize);
    let leads = lead_views(&mut tx, &leads).await?;
    let names = Names::of(&mut *tx, &calls.items).await?;
    let ids = client.profile.owner.into_iter().chain(notes.iter().filter_map(|note| note.author));
    let people = people(&mut *tx, ids).await?;
    let detail = ClientDetail {
        client: ClientView::of(&client, &people),
        figures,
        calls: calls.items.iter().map(|call| CallView::of(call, &names)).collect(),
        notes: notes.iter().map(|note| ClientNoteView::of(note, &people)).collect(),
        leads,
    };
    Ok(versioned(client.version, ClientDetailAnswer::new(detail)))
}

/// Change a client: what is absent stays.
#[utoipa::path(put, path = "/clients/{id}", tag = "clients", params(("id" = Uuid, Path, description = "the client"), DuplicateQuery),
    request_body = ClientInput, responses((status = 200, body = ClientAnswer)))]
pub(crate) async fn update_client(
    State(app): State<Shared>,
    authed: Authed,
    PathId(client): PathId<ClientKind>,
    IfMatch(expected_version): IfMatch,
    Params(query): Params<DuplicateQuery>,
    draft: Draft<ClientInput>,
) -> Reply<Versioned<ClientAnswer>> {
    let home = authed.company.default_country;
    let change = draft.checked(|body, faults| body.change(home, faults))?;
    let allow_duplicate = query.allow_duplicate;
    let command = UpdateClient { client, change, allow_duplicate, expected_version };
    let client = app.engine.execute(&authed.actor, &command).await.map_err(refused)?;
    let mut tx = app.engine.read(&authed.actor).await?;
    let people = people(&mut *tx, client.profile.owner.into_iter()).await?;
    Ok(versioned(client.version, ClientAnswer::new(ClientView::of(&client, &people))))
}

/// Delete a client with the notes about it. Its calls stay in the log. For admins and managers.
#[utoipa::path(delete, path = "/clients/{id}", tag = "clients", params(("id" = Uuid, Path, description = "the client")),
    responses((status = 200, body = Done)))]
pub(crate) async fn delete_client(
    State(app): State<Shared>,
    authed: Authed,
    PathId(client): PathId<ClientKind>,
    IfMatch(expected_version): IfMatch,
) -> Reply<Json<Done>> {
    app.engine.execute(&authed.actor, &DeleteClient { client, expected_version }).await?;
    Ok(Done::say("Client deleted successfully"))
}

/// The notes about a client, newest first.
#[utoipa::path(get, path = "/clients/{id}/notes", tag = "clients",
    params(("id" = Uuid, Path, description = "the client"), Paging), responses((status = 200, body = ClientNotesAnswer)))]
pub(crate) async fn list_client_notes(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<ClientKind>,
    Params(paging): Params<Paging>,
) -> Reply<Json<ClientNotesAnswer>> {
    authed.demand(Permission::UseClients)?;
    let mut tx = app.engine.read(&authed.actor).await?;
    tx.client(id).await?.ok_or_else(|| Problem::not_found("client"))?;
    let listing = tx.client_notes(id, paging.page()).await?;
    let people = people(&mut *tx, listing.items.iter().filter_map(|note| note.author)).await?;
    let notes = listing.items.iter().map(|note| ClientNoteView::of(note, &people)).collect();
    Ok(Json(ClientNotesAnswer::new(notes, paging.of(listing.total))))
}

/// A note to write.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NoteInput {
    /// What.
    #[serde(alias = "note", alias = "content")]
    text: String,
}

/// Write a note about a client.
#[utoipa::path(post, path = "/clients/{id}/notes", tag = "clients", params(("id" = Uuid, Path, description = "the client")),
    request_body = NoteInput, responses((status = 201, body = ClientNoteAnswer)))]
pub(crate) async fn add_client_note(
    State(app): State<Shared>,
    authed: Authed,
    PathId(client): PathId<ClientKind>,
    Input(body): Input<NoteInput>,
) -> Reply<(StatusCode, Json<ClientNoteAnswer>)> {
    let note = app.engine.execute(&authed.actor, &AddClientNote { client, text: body.text }).await?;
    let people = BTreeMap::from([(authed.user.id, Person::of(&authed.user))]);
    Ok((StatusCode::CREATED, Json(ClientNoteAnswer::new(ClientNoteView::of(&note, &people)))))
}

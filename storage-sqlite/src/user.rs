//! Users.

use async_trait::async_trait;
use dialplane_core::id::UserId;
use dialplane_core::people::{PasswordHash, RoleKind, User};
use dialplane_core::store::{Listing, Page, Repo as _, StoreError, UserFilter, UserStore};

use crate::backfill::Wordless;
use crate::client::{id_list, words};
use crate::search;
use crate::statement::{Fields, Filter, Query, Scoped, before, list, scoped};
use crate::tx::SqliteRepo;

const TABLE: &str = "users";

macro_rules! columns {
    () => {
        "id, company_id, name, email, password, initials, role, phone, country_code, department, reporting_to, is_active, \
         is_platform, availability, token_version, version, created_at, updated_at, availability_reason, availability_since"
    };
}

const INSERT: &str = concat!(
    "INSERT INTO users (",
    columns!(),
    ", words) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)"
);

const UPDATE: &str = "UPDATE users SET name = ?3, email = ?4, password = ?5, initials = ?6, role = ?7, phone = ?8, \
    country_code = ?9, department = ?10, reporting_to = ?11, is_active = ?12, is_platform = ?13, availability = ?14, \
    token_version = ?15, version = ?16, created_at = ?17, updated_at = ?18, \
    availability_reason = ?19, availability_since = ?20, words = ?21 WHERE id = ?1 AND company_id = ?2 AND version = ?22";

// Sessions go and reports are let go of by the references of the schema.
const DELETE: Scoped = scoped!(["DELETE FROM users WHERE id = ?2"]);
pub(crate) const ONE: Scoped = scoped!(["SELECT ", columns!(), " FROM users WHERE id = ?2"]);
pub(crate) const BY_IDS: Scoped = scoped!(
    [
        "SELECT ",
        columns!(),
        " FROM users \
    WHERE id IN (SELECT unhex(value) FROM json_each(?2))"
    ][" ORDER BY id"]
);
pub(crate) const BY_EMAIL: Scoped = scoped!(["SELECT ", columns!(), " FROM users WHERE email = ?2"]);
/// Users of before they had words.
pub(crate) const WORDLESS: Wordless<User> = Wordless {
    table: TABLE,
    rows: concat!("SELECT ", columns!(), " FROM users WHERE words = '[]' AND id > ?1 ORDER BY id LIMIT 500"),
    fill: "UPDATE users SET words = ?2 WHERE id = ?1",
    read,
    entries: |user| (user.id.as_uuid(), user.entries()),
};
const ANY: Scoped = scoped!(["SELECT 1 FROM users WHERE TRUE"][" LIMIT 1"]);
const OF_ROLES: Scoped =
    scoped!(["SELECT id FROM users WHERE role IN (SELECT value FROM json_each(?2))"][" ORDER BY id"]);

fn read(row: &mut Fields<'_>) -> Result<User, StoreError> {
    Ok(User {
        id: row.id("id")?,
        company: row.id("company_id")?,
        name: row.text("name")?.into(),
        email: row.text("email")?.into(),
        password: PasswordHash::from_stored(row.text("password")?),
        initials: row.text("initials")?,
        role: row.word("role", |word| word.parse().ok())?,
        phone: row.text_opt("phone")?.map(Into::into),
        country_code: row.text_opt("country_code")?,
        department: row.text_opt("department")?,
        reporting_to: row.id_opt("reporting_to")?,
        is_active: row.flag("is_active")?,
        is_platform: row.flag("is_platform")?,
        availability: row.word("availability", |word| word.parse().ok())?,
        token_version: row.count("token_version")?,
        version: row.count("version")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
        availability_reason: row.text_opt("availability_reason")?,
        availability_since: row.time("availability_since")?,
    })
}

/// Binds all columns in their order.
fn bind(text: &'static str, user: &User) -> Query<'static> {
    sqlx::query(text)
        .bind(user.id.as_uuid())
        .bind(user.company.as_uuid())
        .bind(&**user.name.expose())
        .bind(&**user.email.expose())
        .bind(user.password.as_str())
        .bind(&*user.initials)
        .bind(user.role.as_str())
        .bind(user.phone.as_ref().map(|phone| &**phone.expose()))
        .bind(user.country_code.as_deref())
        .bind(user.department.as_deref())
        .bind(user.reporting_to.map(|id| id.as_uuid()))
        .bind(user.is_active)
        .bind(user.is_platform)
        .bind(user.availability.as_str())
        .bind(user.token_version)
        .bind(user.version)
        .bind(user.created_at.timestamp_micros())
        .bind(user.updated_at.timestamp_micros())
        .bind(user.availability_reason.as_deref())
        .bind(user.availability_since.timestamp_micros())
        .bind(words(&user.entries()))
}

fn roles(kind: RoleKind) -> String {
    list(kind.roles().map(|role| role.as_str().to_owned()))
}

#[async_trait]
impl UserStore for SqliteRepo<'_> {
    async fn insert_user(&mut self, user: &User) -> Result<(), StoreError> {
        self.admits(user.company)?;
        self.change(bind(INSERT, user)).await.map(|_| ())
    }

    async fn update_user(&mut self, user: &User) -> Result<(), StoreError> {
        self.reaches(user.company)?;
        self.change(bind(UPDATE, user).bind(before(user.version))).await?.or_stale()
    }

    async fn delete_user(&mut self, id: UserId) -> Result<bool, StoreError> {
        Ok(self.change(self.scoped(&DELETE).bind(id.as_uuid())).await?.changed())
    }

    async fn user(&mut self, id: UserId) -> Result<Option<User>, StoreError> {
        self.fetch(self.scoped(&ONE).bind(id.as_uuid())).await?.one(TABLE, read)
    }

    async fn users_by_ids(&mut self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.fetch(self.scoped(&BY_IDS).bind(id_list(ids))).await?.all(TABLE, read)
    }

    async fn user_for_update(&mut self, id: UserId) -> Result<Option<User>, StoreError> {
        self.change(self.scoped(&ONE).bind(id.as_uuid())).await?.one(TABLE, read)
    }

    async fn user_by_email(&mut self, email: &str) -> Result<Option<User>, StoreError> {
        self.fetch(self.scoped(&BY_EMAIL).bind(email)).await?.one(TABLE, read)
    }

    async fn users(&mut self, filter: &UserFilter, page: Page) -> Result<Listing<User>, StoreError> {
        let mut rows = Filter::of(self.scope(), "company_id");
        rows.text("role = ", filter.role.map(|role| role.as_str().to_owned()));
        if let Some(kind) = filter.kind {
            rows.text("role IN (SELECT value FROM json_each(", Some(roles(kind))).close("))");
        }
        rows.text("department = ", filter.department.clone());
        rows.number("is_active = ", filter.active.map(i64::from));
        rows.id("reporting_to = ", filter.reporting_to);
        if let Some(search) = &filter.search {
            search::by_entries(&mut rows, "user_words", search);
        }
        let query = rows.listing("users", columns!(), "id", page);
        self.fetch(query).await?.listing(TABLE, read)
    }

    async fn agent_ids(&mut self) -> Result<Vec<UserId>, StoreError> {
        self.fetch(self.scoped(&OF_ROLES).bind(roles(RoleKind::Agent))).await?.all(TABLE, |row| row.id("id"))
    }

    async fn any_user(&mut self) -> Result<bool, StoreError> {
        Ok(self.fetch(self.scoped(&ANY)).await?.one(TABLE, |row| row.count::<i64>("id"))?.is_some())
    }
}

//! Users.

use async_trait::async_trait;
use dialplane_core::id::UserId;
use dialplane_core::people::{PasswordHash, RoleKind, User};
use dialplane_core::pii::Pii;
use dialplane_core::scope::Scope;
use dialplane_core::store::{Listing, Page, StoreError, UserFilter, UserStore};
use sqlx::postgres::PgRow;
use sqlx::query;
use uuid::Uuid;

use crate::backfill::Wordless;
use crate::client::joined;
use crate::search::by_entries;
use crate::text::{maybe, text};
use crate::tx::{Fields, Link, List, PgRepo, Statement, bare, before, within};

const TABLE: &str = "users";

macro_rules! columns {
    () => {
        "id, company_id, name, email, password, initials, role, phone, country_code, department, reporting_to, is_active, \
         is_platform, availability, token_version, version, created_at, updated_at, availability_reason, availability_since"
    };
}

macro_rules! update {
    () => {
        "UPDATE users SET name = $3, email = $4, password = $5, initials = $6, role = $7, phone = $8, country_code = $9, \
         department = $10, reporting_to = $11, is_active = $12, is_platform = $13, availability = $14, token_version = $15, \
         version = $16, created_at = $17, updated_at = $18, availability_reason = $19, availability_since = $20, \
         words = $21 WHERE id = $1 AND company_id = $2 AND version = $22"
    };
}

const INSERT: &str = concat!(
    "INSERT INTO users (",
    columns!(),
    ", words) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, \
     $20, $21) \
     ON CONFLICT DO NOTHING"
);
const CLASH: &str = "SELECT bool_or(id = $1), bool_or(email = $2) FROM users WHERE id = $1 OR email = $2";
const UPDATE: &str = update!();
const UPDATE_SAME_EMAIL: &str = concat!(update!(), " AND email = $4");
/// Sessions go and reports are set free by their foreign keys.
const DELETE: &str = concat!("DELETE FROM users WHERE id = $2 AND ", within!("company_id"));
const BY_ID: &str = concat!("SELECT ", columns!(), " FROM users WHERE id = $2 AND ", within!("company_id"));
const BY_IDS: &str =
    concat!("SELECT ", columns!(), " FROM users WHERE id = ANY($2) AND ", within!("company_id"), " ORDER BY id");
const BY_ID_LOCKED: &str =
    concat!("SELECT ", columns!(), " FROM users WHERE id = $2 AND ", within!("company_id"), " FOR UPDATE");
const BY_EMAIL: &str = concat!("SELECT ", columns!(), " FROM users WHERE email = $2 AND ", within!("company_id"));
const ANY: &str = concat!("SELECT EXISTS (SELECT FROM users WHERE ", within!("company_id"), ")");

/// The key of the advisory lock that whoever finds no user at all holds until the end of the unit of work.
const FIRST_ACCOUNT: i64 = i64::from_be_bytes(*b"dp-first");

/// Users of before they had words.
pub(crate) const WORDLESS: Wordless<User> = Wordless {
    rows: concat!("SELECT ", columns!(), " FROM users WHERE words = '' AND id > $1 ORDER BY id LIMIT 500"),
    fill: "UPDATE users SET words = n.words FROM UNNEST($1::uuid[], $2::text[]) AS n (id, words) WHERE users.id = n.id",
    read,
    entries: |user| (user.id.as_uuid(), user.entries()),
};

fn read(row: &PgRow) -> Result<User, StoreError> {
    let mut fields = Fields::of(row, TABLE);
    Ok(User {
        id: fields.id("id")?,
        company: fields.id("company_id")?,
        name: Pii::new(fields.text("name")?),
        email: Pii::new(fields.text("email")?),
        password: PasswordHash::from_stored(fields.get("password")?),
        initials: fields.text("initials")?,
        role: fields.word("role", |text| text.parse().ok())?,
        phone: fields.maybe_text("phone")?.map(Pii::new),
        country_code: fields.maybe_text("country_code")?,
        department: fields.maybe_text("department")?,
        reporting_to: fields.reference("reporting_to")?,
        is_active: fields.get("is_active")?,
        is_platform: fields.get("is_platform")?,
        availability: fields.word("availability", |text| text.parse().ok())?,
        token_version: fields.count("token_version")?,
        version: fields.count("version")?,
        created_at: fields.get("created_at")?,
        updated_at: fields.get("updated_at")?,
        availability_reason: fields.maybe_text("availability_reason")?,
        availability_since: fields.get("availability_since")?,
    })
}

fn bind<'q>(sql: &'static str, user: &'q User) -> Statement<'q> {
    query(sql)
        .bind(user.id.as_uuid())
        .bind(user.company.as_uuid())
        .bind(text(user.name.expose()))
        .bind(text(user.email.expose()))
        .bind(user.password.as_str())
        .bind(text(&user.initials))
        .bind(user.role.as_str())
        .bind(user.phone.as_ref().map(|phone| text(phone.expose())))
        .bind(maybe(user.country_code.as_deref()))
        .bind(maybe(user.department.as_deref()))
        .bind(bare(user.reporting_to))
        .bind(user.is_active)
        .bind(user.is_platform)
        .bind(user.availability.as_str())
        .bind(i64::from(user.token_version))
        .bind(i64::from(user.version))
        .bind(user.created_at)
        .bind(user.updated_at)
        .bind(maybe(user.availability_reason.as_deref()))
        .bind(user.availability_since)
        .bind(joined(&user.entries()))
}

/// The role words of a kind, as an array.
fn words(kind: RoleKind) -> Vec<&'static str> {
    kind.roles().map(|role| role.as_str()).collect()
}

#[async_trait]
impl<L: Link> UserStore for PgRepo<L> {
    async fn insert_user(&mut self, user: &User) -> Result<(), StoreError> {
        self.admit(user.company)?;
        let clash = query(CLASH).bind(user.id.as_uuid()).bind(text(user.email.expose()));
        self.insert("user", &["id", "email"], bind(INSERT, user), clash).await
    }

    async fn update_user(&mut self, user: &User) -> Result<(), StoreError> {
        self.reach(user.company)?;
        let before = before(user.version);
        self.replace_unique(bind(UPDATE_SAME_EMAIL, user).bind(before), bind(UPDATE, user).bind(before)).await
    }

    async fn delete_user(&mut self, id: UserId) -> Result<bool, StoreError> {
        self.may_write()?;
        Ok(self.run(query(DELETE).bind(self.company_filter()).bind(id.as_uuid())).await? > 0)
    }

    async fn user(&mut self, id: UserId) -> Result<Option<User>, StoreError> {
        let row = self.one(query(BY_ID).bind(self.company_filter()).bind(id.as_uuid())).await?;
        row.as_ref().map(read).transpose()
    }

    async fn users_by_ids(&mut self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
        self.all(query(BY_IDS).bind(self.company_filter()).bind(ids)).await?.iter().map(read).collect()
    }

    async fn user_for_update(&mut self, id: UserId) -> Result<Option<User>, StoreError> {
        self.may_write()?;
        let row = self.one(query(BY_ID_LOCKED).bind(self.company_filter()).bind(id.as_uuid())).await?;
        row.as_ref().map(read).transpose()
    }

    async fn user_by_email(&mut self, email: &str) -> Result<Option<User>, StoreError> {
        let row = self.one(query(BY_EMAIL).bind(self.company_filter()).bind(text(email))).await?;
        row.as_ref().map(read).transpose()
    }

    async fn users(&mut self, filter: &UserFilter, page: Page) -> Result<Listing<User>, StoreError> {
        let list = List::of(TABLE, (columns!(), TABLE, "id DESC"), "company_id", self.scoped_to())
            .equal("role", filter.role.map(|role| role.as_str()))
            .any_of("role", filter.kind.map(words))
            .equal("department", filter.department.as_deref().map(|department| text(department).into_owned()))
            .equal("is_active", filter.active)
            .equal("reporting_to", bare(filter.reporting_to));
        let list = by_entries(list, self.scoped_to(), "user_words", filter.search.as_ref());
        self.listing(list, page, read).await
    }

    async fn agent_ids(&mut self) -> Result<Vec<UserId>, StoreError> {
        let list = List::of(TABLE, ("id", TABLE, "id"), "company_id", self.scoped_to())
            .any_of("role", Some(words(RoleKind::Agent)));
        let rows = self.all(list.whole().build()).await?;
        rows.iter().map(|row| Fields::of(row, TABLE).id("id")).collect()
    }

    async fn any_user(&mut self) -> Result<bool, StoreError> {
        let found = self.exists_user().await?;
        if found || self.scoped_to() != Scope::System || self.may_write().is_err() {
            return Ok(found);
        }
        // The lock comes before the second look: under READ COMMITTED each statement sees what was committed before it began.
        self.run(query("SELECT pg_advisory_xact_lock($1)").bind(FIRST_ACCOUNT)).await?;
        self.exists_user().await
    }
}

impl<L: Link> PgRepo<L> {
    async fn exists_user(&mut self) -> Result<bool, StoreError> {
        let row = self.one(query(ANY).bind(self.company_filter())).await?;
        row.map_or(Ok(false), |row| Fields::of(&row, TABLE).get("exists"))
    }
}

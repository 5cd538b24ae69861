//! Forms with a file in them (`multipart/form-data`, RFC 7578).

use axum::body::Bytes;
use axum::extract::multipart::MultipartError;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};

use super::input::{is_length_limit, read_body};
use crate::problem::{Problem, Reply};

/// What a form needs besides the file in it, in bytes.
const FRAME: usize = 64 * 1024;
/// The most fields of a form.
const FIELDS_MAX: usize = 64;

/// A form that was sent.
#[derive(Debug, Default)]
pub(crate) struct Form {
    /// The name and the bytes of the last file.
    file: Option<(Option<String>, Bytes)>,
    /// All other fields, in their order.
    pub(crate) fields: Vec<(String, String)>,
}

impl Form {
    /// The file, and what it was called.
    ///
    /// # Errors
    /// 400 when there is none.
    pub(crate) fn file(self) -> Reply<(Option<String>, Bytes)> {
        self.file.ok_or_else(|| Problem::field("file", "the form holds no file"))
    }

    /// What the last field of this name says.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.fields.iter().rev().find(|(own, _)| own == name).map(|(_, text)| text.trim())
    }
}

/// Reads a form whose file has at most `limit` bytes.
///
/// # Errors
/// 413 beyond the limit, 400 for what is no form.
pub(crate) async fn read_form(request: Request, limit: usize) -> Reply<Form> {
    let (parts, body) = request.into_parts();
    let bytes = read_body(body, limit.saturating_add(FRAME)).await.map_err(|_| Problem::too_large(limit))?;
    let mut request = Request::from_parts(parts, axum::body::Body::from(bytes));
    DefaultBodyLimit::disable().apply(&mut request);
    let torn = |error: MultipartError| {
        if is_length_limit(&error) { Problem::too_large(limit) } else { Problem::malformed("the form cannot be read") }
    };
    let mut sent =
        Multipart::from_request(request, &()).await.map_err(|_| Problem::malformed("the form has no boundary"))?;
    let mut form = Form::default();
    while let Some(field) = sent.next_field().await.map_err(torn)? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "file" || field.file_name().is_some() {
            let file_name = field.file_name().map(str::to_owned);
            let bytes = field.bytes().await.map_err(torn)?;
            if bytes.len() > limit {
                return Err(Problem::too_large(limit));
            }
            form.file = Some((file_name, bytes));
        } else if form.fields.len() < FIELDS_MAX {
            form.fields.push((name, field.text().await.map_err(torn)?));
        }
    }
    Ok(form)
}

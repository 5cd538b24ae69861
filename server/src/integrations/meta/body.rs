//! What is delivered: Meta's own body, which names leads by their ids, and that of document 003, which has all that was filled in.

use axum::body::Bytes;
use chrono::{DateTime, Utc};
use dialplane_core::lead::LeadOrigin;
use dialplane_core::meta::{Arrival, MetaAnswers, SignedBy, meta_ref};
use serde_json::{Map, Value};

use crate::http::faults::Faults;
use crate::http::input::from_json;
use crate::problem::{Problem, Reply};

/// The most leads of one body.
const LEADS_MAX: usize = 1_000;

/// A body.
#[derive(Debug)]
pub(super) enum Delivery {
    /// Leads by their ids.
    Ids(Vec<Arrival>),
    /// One lead with all that was filled in.
    Whole(Box<(Arrival, MetaAnswers)>),
}

/// A text, or what stands for one; blank is none.
pub(super) fn text_of(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    Some(text).filter(|text| !text.is_empty())
}

/// An instant: seconds since 1970, or RFC 3339, or that with the offset as Meta writes it.
pub(super) fn instant(value: &Value) -> Option<DateTime<Utc>> {
    let text = text_of(value)?;
    let seconds = || text.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let written =
        || DateTime::parse_from_rfc3339(&text).or_else(|_| DateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%z"));
    // Nobody filled in a form before 1970, and a store need not keep the year 200,000.
    let bounds = DateTime::UNIX_EPOCH..DateTime::from_timestamp(32_503_680_000, 0)?;
    seconds().or_else(|| written().ok().map(|at| at.to_utc())).filter(|at| bounds.contains(at))
}

/// What was filled in, as Meta lists it: `[{"name", "values"}]`.
pub(super) fn field_data(value: &Value) -> Result<Vec<(String, Vec<String>)>, String> {
    let fields = value.as_array().ok_or_else(|| "field_data".to_owned())?;
    let read = |(at, field): (usize, &Value)| {
        let wrong = |part: &str| format!("field_data[{at}].{part}");
        let name = field.get("name").and_then(Value::as_str).ok_or_else(|| wrong("name"))?;
        let values = match field.get("values") {
            Some(Value::Array(values)) => values.iter().filter_map(text_of).collect(),
            None | Some(Value::Null) => Vec::new(),
            Some(_) => return Err(wrong("values")),
        };
        Ok((name.to_owned(), values))
    };
    fields.iter().enumerate().map(read).collect()
}

/// Reads a body whose signature was checked.
///
/// # Errors
/// 400 names every field at fault.
pub(super) fn read(bytes: &Bytes, signed_by: SignedBy) -> Reply<Delivery> {
    let body: Map<String, Value> = from_json(bytes)?;
    match body.get("entry") {
        Some(Value::Array(entries)) => ids(body.get("object"), entries, signed_by).map(Delivery::Ids),
        Some(_) => Err(Problem::field("entry", "expected a list")),
        None => whole(body, signed_by).map(|whole| Delivery::Whole(Box::new(whole))),
    }
}

fn ids(object: Option<&Value>, entries: &[Value], signed_by: SignedBy) -> Reply<Vec<Arrival>> {
    if object.and_then(Value::as_str) != Some("page") {
        return Ok(Vec::new());
    }
    let mut arrivals = Vec::new();
    for entry in entries {
        let changes = entry.get("changes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for change in changes.iter().filter(|change| change.get("field").and_then(Value::as_str) == Some("leadgen")) {
            match arrival(change.get("value").unwrap_or(&Value::Null), entry.get("id"), signed_by) {
                Some(arrival) => arrivals.push(arrival),
                // The others are not to suffer: a refusal of the whole body would be delivered again as it is.
                None => tracing::warn!("a lead was delivered by Meta without an id that can be read, and passed over"),
            }
        }
    }
    if arrivals.len() > LEADS_MAX {
        return Err(Problem::field("entry", format!("a delivery has at most {LEADS_MAX} leads")));
    }
    Ok(arrivals)
}

fn arrival(value: &Value, entry: Option<&Value>, signed_by: SignedBy) -> Option<Arrival> {
    let id = |value: Option<&Value>| value.and_then(text_of).and_then(|text| meta_ref("id", &text).ok());
    Some(Arrival {
        lead_id: id(value.get("leadgen_id"))?,
        page_id: id(value.get("page_id")).or_else(|| id(entry)),
        form_id: id(value.get("form_id")),
        ad_id: id(value.get("ad_id")),
        submitted_at: value.get("created_time").and_then(instant),
        signed_by,
    })
}

/// The body of document 003.
fn whole(mut body: Map<String, Value>, signed_by: SignedBy) -> Reply<(Arrival, MetaAnswers)> {
    let mut faults = Faults::default();
    let mut fields = Vec::new();
    for name in ["full_name", "phone_number", "email"] {
        match body.remove(name) {
            None | Some(Value::Null) => {}
            Some(Value::Array(_) | Value::Object(_)) => faults.add(name, "expected a text"),
            Some(value) => fields.extend(text_of(&value).map(|text| (name.to_owned(), vec![text]))),
        }
    }
    match body.remove("field_data").as_ref().map(field_data) {
        Some(Ok(more)) => fields.extend(more),
        Some(Err(field)) => faults.add(field, "expected a list of names with their values"),
        None => {}
    }
    let lead_id = body.remove("lead_id").as_ref().and_then(text_of);
    let lead_id = faults.check(lead_id.ok_or_else(|| Problem::required("lead_id")));
    let lead_id = lead_id.and_then(|text| faults.rule(meta_ref("lead_id", &text)));
    let mut text = |name: &str| body.remove(name).as_ref().and_then(text_of);
    let mut id = |name: &'static str, text: Option<String>| text.and_then(|text| faults.rule(meta_ref(name, &text)));
    let page_id = id("page_id", text("page_id"));
    let form_id = id("form_id", text("form_id"));
    let ad_id = id("ad_id", text("ad_id"));
    let campaign_id = id("campaign_id", text("campaign_id"));
    let platform = text("platform");
    let origin = LeadOrigin {
        ad_name: text("ad_name"),
        campaign_name: text("campaign_name"),
        lead_gen_form_name: text("form_name"),
        campaign_id,
        ad_id: ad_id.clone(),
        form_id: form_id.clone(),
        lead_id: lead_id.clone(),
    };
    let submitted_at = body.remove("created_time").as_ref().and_then(instant);
    faults.done()?;
    let lead_id = lead_id.ok_or_else(|| Problem::required("lead_id"))?;
    // Whatever else was sent is kept with the lead.
    fields.extend(body.iter().filter_map(|(name, value)| Some((name.clone(), vec![text_of(value)?]))));
    let arrival = Arrival { lead_id, page_id, form_id, ad_id, submitted_at, signed_by };
    Ok((arrival, MetaAnswers { fields, platform, origin }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(body: &Value) -> Reply<Delivery> {
        read(&Bytes::from(body.to_string()), SignedBy::Server)
    }

    #[test]
    fn every_lead_of_every_entry_is_found_and_nothing_else() {
        let change = |id: Value| json!({"field": "leadgen", "value": {"leadgen_id": id, "created_time": 1630087926}});
        let other = json!({"field": "feed", "value": {"leadgen_id": "9"}});
        let body = json!({"object": "page", "entry": [
            {"id": "1", "changes": [change(json!("11")), other, change(json!(12))]},
            {"id": 2, "changes": [change(json!(null)), change(json!("a/b")), change(json!("13"))]}, {"id": "3"}, 7,
        ]});
        let Delivery::Ids(leads) = parse(&body).unwrap() else { panic!("ids") };
        let found: Vec<_> = leads.iter().map(|lead| (&*lead.lead_id, lead.page_id.as_deref())).collect();
        assert_eq!(found, [("11", Some("1")), ("12", Some("1")), ("13", Some("2"))]);
        assert_eq!(leads[0].submitted_at, DateTime::from_timestamp(1_630_087_926, 0));
        let body = json!({"object": "instagram", "entry": [{"changes": [change(json!("1"))]}]});
        assert!(matches!(parse(&body), Ok(Delivery::Ids(leads)) if leads.is_empty()));
    }

    #[test]
    fn all_that_is_wrong_with_a_whole_lead_is_named() {
        let body = json!({"full_name": [], "field_data": [{"values": []}], "form_id": "a b", "email": {}});
        let problem = parse(&body).unwrap_err();
        let fields: Vec<_> = problem.errors().iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["full_name", "email", "field_data[0].name", "lead_id", "form_id"]);
        assert!(parse(&json!([])).is_err() && parse(&json!({"entry": {}})).is_err());
    }

    #[test]
    fn what_is_not_known_is_kept() {
        let body = json!({"lead_id": 7, "phone_number": 12025550123_u64, "shoe_size": 43, "vip": true, "nested": {}});
        let Delivery::Whole(whole) = parse(&body).unwrap() else { panic!("whole") };
        let (arrival, answers) = *whole;
        assert_eq!(arrival.lead_id, "7");
        let fields: Vec<_> = answers.fields.iter().map(|(name, values)| (&**name, &*values[0])).collect();
        assert_eq!(fields, [("phone_number", "12025550123"), ("shoe_size", "43"), ("vip", "true")]);
    }

    #[test]
    fn instants_come_in_three_forms() {
        let at = DateTime::from_timestamp(1_630_087_926, 0);
        for text in
            [json!(1630087926), json!("1630087926"), json!("2021-08-27T18:12:06+0000"), json!("2021-08-27T18:12:06Z")]
        {
            assert_eq!(instant(&text), at, "{text}");
        }
        for text in [json!("soon"), json!(-1), json!(9e18), json!(u64::MAX), json!(null)] {
            assert_eq!(instant(&text), None, "{text}");
        }
    }
}

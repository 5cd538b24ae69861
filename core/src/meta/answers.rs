//! What a person filled in becomes a lead. Nothing that they wrote is lost and nothing of it refuses them: a number that is none stays
//! as they typed it, questions of the company's own become custom fields, and what fits nowhere goes into the first note.

use serde_json::{Map, Value};

use crate::lead::{
    CustomFields, FIELD_NAME_MAX, FIELD_TEXT_MAX, FIELDS_MAX, LeadOrigin, NewLead, Source, TEXT_MAX, contact_email,
    lead_name,
};
use crate::phone::{Country, E164};

/// The most characters of a text about the advertisement.
const ORIGIN_MAX: usize = 200;

/// What a person filled in, and where.
#[derive(Debug, Clone, Default)]
pub struct MetaAnswers {
    /// The questions by Meta's names for them, and what was answered to each.
    pub fields: Vec<(String, Vec<String>)>,
    /// `fb` or `ig`.
    pub platform: Option<String>,
    /// The advertisement.
    pub origin: LeadOrigin,
}

/// Without what no text of ours holds.
fn clean(text: &str) -> String {
    let kept: String = text.chars().filter(|c| !c.is_control() || *c == '\n').collect();
    kept.trim().to_owned()
}

fn cut(text: String, most: usize) -> String {
    if text.chars().count() <= most { text } else { text.chars().take(most).collect() }
}

/// One line, cut to what an origin takes.
fn brief(text: Option<String>) -> Option<String> {
    text.map(|text| cut(clean(&text).replace('\n', " "), ORIGIN_MAX)).filter(|text| !text.is_empty())
}

/// The answers that are left, by the names of their questions.
struct Answers(Vec<(String, String)>);

impl Answers {
    fn of(fields: &[(String, Vec<String>)]) -> Self {
        let joined = |values: &[String]| clean(&values.join(", "));
        Self(
            fields
                .iter()
                .map(|(name, values)| (clean(name).to_lowercase(), joined(values)))
                .filter(|(_, text)| !text.is_empty())
                .collect(),
        )
    }

    /// Takes the answer to the first of these questions that has one that `read` can use.
    fn take<T>(&mut self, names: &[&str], read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let found = names.iter().find_map(|name| {
            self.0.iter().enumerate().find_map(|(at, (own, text))| Some((at, read(text).filter(|_| own == name)?)))
        });
        found.map(|(at, value)| {
            self.0.remove(at);
            value
        })
    }
}

impl MetaAnswers {
    /// The lead of whoever filled this in; `home` is the country of numbers without an international prefix.
    #[must_use]
    pub fn lead(&self, home: Country) -> NewLead {
        let mut answers = Answers::of(&self.fields);
        let any = |text: &str| (text.chars().count() <= FIELD_TEXT_MAX).then(|| text.to_owned());
        let name = |text: &str| lead_name(text).ok();
        let full = answers.take(&["full_name", "name"], name);
        let full = full.or_else(|| {
            let parts = [answers.take(&["first_name"], name), answers.take(&["last_name"], name)];
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            Some(parts.join(" ")).and_then(|text| name(&text))
        });
        let email =
            answers.take(&["email", "work_email"], |text| contact_email(text).ok().flatten().map(|_| text.to_owned()));
        let numbers = ["phone_number", "phone", "work_phone_number"];
        let phone = answers.take(&numbers, |text| E164::parse(text, home).is_ok().then(|| text.to_owned()));
        let raw_phone = if phone.is_none() { answers.take(&numbers, any) } else { None };
        let requirements =
            answers.take(&["requirements"], |text| (text.chars().count() <= TEXT_MAX).then(|| text.to_owned()));
        let nameless = || email.clone().or_else(|| phone.clone()).and_then(|text| name(&text));
        let (custom, notes) = rest(answers);
        NewLead {
            name: full.or_else(nameless).unwrap_or_else(|| "Unnamed lead".to_owned()),
            email,
            phone,
            raw_phone,
            source: Source::of_meta(self.platform.as_deref()),
            requirements,
            notes,
            custom,
            origin: self.origin(),
            ..NewLead::default()
        }
    }

    fn origin(&self) -> LeadOrigin {
        let origin = self.origin.clone();
        LeadOrigin {
            ad_name: brief(origin.ad_name),
            campaign_name: brief(origin.campaign_name),
            lead_gen_form_name: brief(origin.lead_gen_form_name),
            campaign_id: brief(origin.campaign_id),
            ad_id: brief(origin.ad_id),
            form_id: brief(origin.form_id),
            lead_id: brief(origin.lead_id),
        }
    }
}

/// Custom fields, and a note with what is too long or too much to be one.
fn rest(answers: Answers) -> (CustomFields, Option<String>) {
    let (mut custom, mut note) = (Map::new(), Vec::new());
    for (name, text) in answers.0 {
        let named = !name.is_empty() && name.chars().count() <= FIELD_NAME_MAX && !name.contains('\n');
        let fits = named && text.chars().count() <= FIELD_TEXT_MAX && custom.len() < FIELDS_MAX;
        if fits && !custom.contains_key(&name) {
            custom.insert(name, Value::String(text));
        } else {
            note.push(format!("{name}: {text}"));
        }
    }
    let note = cut(note.join("\n"), TEXT_MAX);
    (CustomFields(custom), Some(note).filter(|note| !note.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{IdSource, SeededIds};
    use crate::lead::{At, Lead, ScoreWeights};

    fn answers(fields: &[(&str, &[&str])]) -> MetaAnswers {
        let fields = fields.iter().map(|(name, values)| {
            ((*name).to_owned(), values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>())
        });
        let origin = LeadOrigin { lead_id: Some("1".to_owned()), ..LeadOrigin::default() };
        MetaAnswers { fields: fields.collect(), origin, ..MetaAnswers::default() }
    }

    fn lead(answers: &MetaAnswers) -> Lead {
        let ids = SeededIds::new(1);
        let ids: &dyn IdSource = &ids;
        let now = "2026-06-01T10:00:00Z".parse().unwrap();
        let home = "US".parse().unwrap();
        let at = At { now, home };
        Lead::create(ids.id(now), ids.id(now), answers.lead(home), at, &ScoreWeights::default()).unwrap()
    }

    #[test]
    fn known_questions_have_their_place_and_others_become_custom_fields() {
        let lead = lead(&answers(&[
            ("FULL_NAME", &["John Doe"]),
            ("email", &["John.Doe@example.com"]),
            ("phone_number", &["(202) 555-0123"]),
            ("requirements", &["Software development"]),
            ("which_sizes?", &["S", "XL"]),
            ("city", &["Köln"]),
        ]));
        assert_eq!(lead.name.expose(), "John Doe");
        assert_eq!(lead.email.unwrap().expose(), "john.doe@example.com");
        assert_eq!(lead.phone.unwrap().as_str(), "+12025550123");
        assert_eq!(lead.requirements.unwrap().expose(), "Software development");
        assert_eq!(Value::Object(lead.custom.0), serde_json::json!({"which_sizes?": "S, XL", "city": "Köln"}));
        assert_eq!(lead.source.as_str(), "facebook");
    }

    #[test]
    fn a_number_that_is_none_stays_as_it_was_typed() {
        let lead = lead(&answers(&[("first_name", &["Ann"]), ("last_name", &["Lee"]), ("phone_number", &["call me"])]));
        assert_eq!((lead.name.expose().as_str(), lead.phone), ("Ann Lee", None));
        assert_eq!(lead.raw_phone.unwrap().expose(), "call me");
    }

    #[test]
    fn a_bad_address_is_kept_and_the_work_address_is_used() {
        let lead =
            lead(&answers(&[("email", &["<test lead: dummy data for email>"]), ("work_email", &["a@b.example"])]));
        assert_eq!(lead.email.unwrap().expose(), "a@b.example");
        assert_eq!(lead.name.expose(), "a@b.example", "there is no other name");
        assert_eq!(lead.custom.0["email"], "<test lead: dummy data for email>");
    }

    #[test]
    fn whatever_is_filled_in_becomes_a_lead() {
        let long = "𝄞".repeat(20_000);
        let many: Vec<(String, Vec<String>)> = (0..80).map(|n| (format!("q{n}"), vec![n.to_string()])).collect();
        let odd = [
            answers(&[]),
            answers(&[("full_name", &[&long]), ("requirements", &[&long]), ("phone_number", &[&long])]),
            answers(&[("", &["x"]), ("a\nb", &["y\0\u{7}"]), (&long, &["z"]), ("full_name", &["\u{202e}"])]),
            MetaAnswers { fields: many, ..answers(&[]) },
        ];
        for answers in odd {
            lead(&answers);
        }
        let note = odd_note();
        assert!(note.contains("a\nb: y") && note.contains(": x"), "{note}");
    }

    fn odd_note() -> String {
        answers(&[("", &["x"]), ("a\nb", &["y\0"])]).lead("US".parse().unwrap()).notes.unwrap()
    }

    #[test]
    fn the_platform_is_the_source() {
        for (word, source) in [("ig", "instagram"), ("Instagram", "instagram"), ("fb", "facebook"), ("?", "facebook")] {
            assert_eq!(Source::of_meta(Some(word)).as_str(), source);
        }
    }
}

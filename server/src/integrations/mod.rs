//! Services of others that Dialplane works with.

pub(crate) mod meta;
pub(crate) mod twilio;

use dialplane_core::pii::Secret;

/// A secret after a change: absent leaves it, null clears it.
fn changed(old: Option<Secret>, change: Option<Option<String>>) -> Option<Secret> {
    match change {
        None => old,
        Some(text) => {
            let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())?;
            // A form sends back what it was shown.
            if old.as_ref().is_some_and(|old| old.hint() == text) { old } else { Some(Secret::new(text)) }
        }
    }
}

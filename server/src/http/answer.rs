//! Answers: `{"success": true, …}` with the resource under its documented key.

/// Declares the body of an answer with `success` and the fields named, and its constructor.
macro_rules! answer {
    ($(#[$doc:meta])* $name:ident { $($(#[$meta:meta])* $field:ident : $type:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, serde::Serialize, utoipa::ToSchema)]
        #[serde(rename_all = "camelCase")]
        pub(crate) struct $name {
            /// Always true.
            success: bool,
            $($(#[$meta])* pub(crate) $field: $type,)*
        }
        impl $name {
            #[allow(clippy::too_many_arguments)]
            pub(crate) const fn new($($field: $type),*) -> Self {
                Self { success: true, $($field),* }
            }
        }
    };
}
pub(crate) use answer;

answer! {
    /// Something was done, and that is all there is to say.
    Done {
        /// What was done, for people.
        message: String,
    }
}

impl Done {
    /// Says what was done.
    pub(crate) fn say(message: &str) -> axum::Json<Self> {
        axum::Json(Self::new(message.to_owned()))
    }
}

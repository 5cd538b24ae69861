//! Prompts are kept.

use super::fixtures::{
    Rows, UNICODE, assert_duplicate, assert_out_of_scope, begin, ends_of_time, founded, read, write,
};
use crate::flow::Prompt;
use crate::scope::Scope;
use crate::store::{Access, Store, StoreError};

fn named(prompt: Prompt, name: &str, language: &str) -> Prompt {
    Prompt { name: name.to_owned(), language: language.to_owned(), ..prompt }
}

/// Every field of a prompt comes back as it was; all come by name and language.
pub async fn a_prompt_reads_back_as_it_was_written(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let odd = Prompt {
        file_name: UNICODE.to_owned(),
        media_type: String::new(),
        length_ms: 1 << 40,
        bytes: 1 << 50,
        created_at: ends_of_time().0,
        ..named(rows.prompt(company.id), UNICODE, "zh-Hant-TW")
    };
    let prompts = [
        odd,
        named(rows.prompt(company.id), "B", "en"),
        named(rows.prompt(company.id), "a", "de"),
        named(rows.prompt(company.id), "a", "de-AT"),
        named(rows.prompt(company.id), "a", "en"),
    ];
    for at in [4, 1, 3, 0, 2] {
        let prompt = &prompts[at];
        write!(store, scope, tx => tx.insert_prompt(prompt).await.unwrap());
        assert_eq!(read!(store, scope, tx => tx.prompt(prompt.id).await.unwrap()).as_ref(), Some(prompt));
    }
    assert_eq!(read!(store, scope, tx => tx.prompts().await.unwrap()), prompts);
    read!(store, scope, tx => {
        assert_eq!(tx.prompts_named("a").await.unwrap(), prompts[2..]);
        assert_eq!(tx.prompts_named(UNICODE).await.unwrap(), prompts[..1]);
        assert_eq!(tx.prompts_named("A").await.unwrap(), []);
    });
    assert_eq!(read!(store, scope, tx => tx.prompt(rows.id()).await.unwrap()), None);
}

/// Ids are unique everywhere, names byte for byte in the company and language; a prompt goes once, and its name is free then.
pub async fn a_prompt_name_is_taken_once_in_a_language_of_its_company(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    let prompt = named(rows.prompt(company.id), "welcome", "en");
    write!(store, Scope::System, tx => {
        tx.insert_prompt(&prompt).await.unwrap();
        assert_duplicate(tx.insert_prompt(&Prompt { id: prompt.id, ..rows.prompt(company.id) }).await, "prompt", "id");
        let again = named(rows.prompt(company.id), "welcome", "en");
        assert_duplicate(tx.insert_prompt(&again).await, "prompt", "name");
        tx.insert_prompt(&named(rows.prompt(company.id), "welcome", "de")).await.unwrap();
        tx.insert_prompt(&named(rows.prompt(company.id), "Welcome", "en")).await.unwrap();
        tx.insert_prompt(&named(rows.prompt(other.id), "welcome", "en")).await.unwrap();
        assert!(tx.delete_prompt(prompt.id).await.unwrap());
        assert!(!tx.delete_prompt(prompt.id).await.unwrap());
        assert_eq!(tx.prompt(prompt.id).await.unwrap(), None);
        tx.insert_prompt(&again).await.unwrap();
    });
}

/// Another company's prompts are absent and stay as they are; and who only reads changes nothing.
pub async fn another_companys_prompts_are_absent(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (founded(store, &rows).await, founded(store, &rows).await);
    let prompt = rows.prompt(theirs.id);
    write!(store, Scope::System, tx => tx.insert_prompt(&prompt).await.unwrap());
    write!(store, Scope::Company(ours.id), tx => {
        assert_eq!(tx.prompt(prompt.id).await.unwrap(), None);
        assert_eq!(tx.prompts().await.unwrap(), []);
        assert_eq!(tx.prompts_named(&prompt.name).await.unwrap(), []);
        assert!(!tx.delete_prompt(prompt.id).await.unwrap());
        assert_out_of_scope(tx.insert_prompt(&rows.prompt(theirs.id)).await);
    });
    for is_insert in [true, false] {
        let mut tx = begin(store, Scope::System, Access::Read).await;
        let refused = match is_insert {
            true => tx.insert_prompt(&rows.prompt(ours.id)).await,
            false => tx.delete_prompt(prompt.id).await.map(|_| ()),
        };
        assert!(matches!(refused, Err(StoreError::Backend(_))), "{refused:?}");
    }
    assert_eq!(read!(store, Scope::Company(theirs.id), tx => tx.prompts().await.unwrap()), [prompt]);
}

//! The call machine: exact command lists for each story, and invariants over random histories.

mod call_machine {
    mod histories;
    mod stories;
    mod transfers;
}

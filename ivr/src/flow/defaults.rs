//! What fields of nodes are when a document leaves them out.

pub(super) const fn yes() -> bool {
    true
}

pub(super) const fn one() -> u8 {
    1
}

pub(super) const fn two() -> u8 {
    2
}

pub(super) const fn three() -> u8 {
    3
}

pub(super) const fn five() -> u8 {
    5
}

pub(super) const fn seven() -> u8 {
    7
}

pub(super) const fn fifteen() -> u8 {
    15
}

pub(super) const fn one_second() -> u32 {
    1
}

pub(super) const fn thirty() -> u16 {
    30
}

pub(super) const fn two_seconds() -> u32 {
    2_000
}

pub(super) const fn three_seconds() -> u32 {
    3_000
}

pub(super) const fn five_seconds() -> u32 {
    5_000
}

pub(super) const fn three_minutes() -> u32 {
    180
}

pub(super) const fn five_minutes() -> u32 {
    300
}

//! Our own voice over real loopback sockets: what a party hears, the keys it presses, what is recorded of it.

mod voice {
    mod keys;
    mod play;
    mod record;
    mod support;
}

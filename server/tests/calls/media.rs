//! Audio and those who have no part in it.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::NUMBER;
use crate::support::peer::Peer;
use crate::support::server::Server;
use crate::support::shop::direct;

/// An RTP packet of G.711 noise.
fn noise(n: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(n.to_be_bytes());
    packet.extend((u32::from(n) * 160).to_be_bytes());
    packet.extend(0xbad0_0000_u32.to_be_bytes());
    packet.extend((0..160_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8));
    packet
}

/// Raises a flag when it goes, also when a test fails.
struct Raised<'a>(&'a AtomicBool);

impl Drop for Raised<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Packets that have arrived at a socket.
fn heard(socket: &UdpSocket) -> usize {
    let mut buffer = [0; 2_048];
    std::iter::from_fn(|| socket.recv(&mut buffer).ok()).count()
}

#[test]
fn a_stranger_who_sprays_the_media_ports_neither_hears_nor_is_heard() {
    let server = Server::start();
    let (_company, mut carrier, ann) = direct(&server);
    let mut phone = Peer::registered(server.sip, &ann.line);
    let mut call = carrier.invite(NUMBER);
    let mut ringing = phone.incoming();
    ringing.answer(&mut phone);
    call.expect(&mut carrier, 200);
    ringing.talk(440.0);
    call.talk(880.0);
    call.audio.await_tone(440.0);
    ringing.audio.await_tone(880.0);

    // From another address, and from a party's own address by another port.
    let strangers = ["127.0.0.66:0", "127.0.0.1:0"].map(|address| UdpSocket::bind(address).expect("a socket"));
    let relay = [call.far_audio, ringing.far_audio].map(|address| address.expect("audio"));
    let targets: Vec<SocketAddr> = relay.iter().flat_map(|at| [*at, (at.ip(), at.port() + 1).into()]).collect();
    for stranger in &strangers {
        stranger.set_nonblocking(true).expect("a socket that does not wait");
    }
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 0;
            while !over.load(Ordering::Relaxed) {
                for (stranger, target) in strangers.iter().flat_map(|s| targets.iter().map(move |target| (s, target))) {
                    stranger.send_to(&noise(n), target).expect("noise is sent");
                }
                n = n.wrapping_add(1);
                std::thread::park_timeout(Duration::from_millis(5));
            }
        });
        let _ends = Raised(&over);
        call.audio.await_tone_now(440.0);
        ringing.audio.await_tone_now(880.0);
    });
    for stranger in &strangers {
        assert_eq!(heard(stranger), 0, "{:?}", stranger.local_addr());
    }
    call.hang_up(&mut carrier);
    ringing.hung_up(&mut phone);
    server.await_idle();
}

#[test]
fn the_media_ports_of_a_call_are_closed_with_it() {
    let server = Server::start();
    let (_company, mut carrier, ann) = direct(&server);
    let mut phone = Peer::registered(server.sip, &ann.line);
    let before = server.descriptors();
    let mut call = carrier.invite(NUMBER);
    let ringing = phone.incoming();
    ringing.answer(&mut phone);
    call.expect(&mut carrier, 200);
    let relay = call.far_audio.expect("audio");
    assert!(UdpSocket::bind(relay).is_err(), "the relay has its port");
    call.hang_up(&mut carrier);
    ringing.hung_up(&mut phone);
    server.await_idle();
    crate::support::wait::until(Duration::from_secs(5), "the port is free", || UdpSocket::bind(relay).ok());
    crate::support::wait::until(Duration::from_secs(5), "descriptors", || {
        (server.descriptors() <= before + 1).then_some(())
    });
}

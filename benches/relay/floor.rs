//! The least that a relay with one system call to receive and one to send does: no checks, no counters, no learning of sources.

use std::io;
use std::mem::MaybeUninit;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rustix::event::{Timespec, epoll};

use crate::LOCALHOST;
use crate::phones::Target;

/// The name of its thread.
pub(crate) const THREAD: &str = "rtp-floor";

/// A running floor.
pub(crate) struct Floor {
    targets: Vec<[Target; 2]>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Floor {
    pub(crate) fn start(phones: &[[SocketAddr; 2]]) -> io::Result<Self> {
        let mut targets = Vec::new();
        let mut sides = Vec::new();
        for [a, b] in phones {
            let [own_a, own_b] = [UdpSocket::bind((LOCALHOST, 0))?, UdpSocket::bind((LOCALHOST, 0))?];
            targets.push([own_a.local_addr()?, own_b.local_addr()?]);
            // What arrives at one side leaves from the other, which is its neighbour.
            sides.extend([(own_a, *a), (own_b, *b)]);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name(THREAD.to_owned()).spawn(move || forward(&sides, &stopped))?;
        Ok(Self { targets, stop, thread: Some(thread) })
    }

    /// Where the phones send to.
    pub(crate) fn targets(&self) -> &[[Target; 2]] {
        &self.targets
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(Err(error)) = self.thread.take().and_then(|thread| thread.join().ok()) {
            panic!("the floor failed: {error}");
        }
    }
}

fn forward(sides: &[(UdpSocket, SocketAddr)], stop: &AtomicBool) -> io::Result<()> {
    let ready = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for (n, (socket, _)) in sides.iter().enumerate() {
        socket.set_nonblocking(true)?;
        epoll::add(&ready, socket, epoll::EventData::new_u64(n as u64), epoll::EventFlags::IN)?;
    }
    let mut buffer = [0; 2_048];
    let wait = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    while !stop.load(Ordering::Relaxed) {
        let mut events = [const { MaybeUninit::uninit() }; 256];
        let (events, _) = epoll::wait(&ready, &mut events, Some(&wait))?;
        for event in events.iter() {
            let n = event.data.u64() as usize;
            let (Some((from, _)), Some((by, to))) = (sides.get(n), sides.get(n ^ 1)) else { continue };
            if let Ok((len, _)) = from.recv_from(&mut buffer) {
                by.send_to(buffer.get(..len).unwrap_or_default(), to)?;
            }
        }
    }
    Ok(())
}

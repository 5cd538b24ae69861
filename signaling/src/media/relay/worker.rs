//! The thread that carries the packets of its sessions.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver as OrderQueue, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::media::port::{PortAllocator, PortPair};
use crate::media::rtp::{CLOCK_8K, Receiver};

use super::latch::{ControlLatch, Latch, Verdict};
use super::poll::Poller;
use super::stats::{Counters, add};
use super::voice::{CallOrder, CallRecording, Voice, VoiceCounters, VoiceOrder, Voices};
use super::{Flow, IdleListener, RelayConfig, Remote, SessionId, Side, lock};

/// Larger than any datagram a call sends; what fills it was cut off and is dropped.
const BUFFER_LEN: usize = 2_048;

/// Packets a second taken from one party at most: ten times what 10 ms frames need. Ends floods and loops between sessions.
const MAX_RATE: u32 = 1_000;

/// How often silent sessions are looked for.
const IDLE_CHECK: Duration = Duration::from_secs(1);

/// The token of the wake-up pipe; sessions are numbered from 0 and never get there.
const WAKE: u64 = u64::MAX;

/// The sockets of one side.
#[derive(Debug)]
pub(super) struct SideSockets {
    pub(super) pair: PortPair,
    pub(super) rtp: UdpSocket,
    pub(super) rtcp: UdpSocket,
}

#[derive(Debug)]
pub(super) enum Order {
    Open { id: SessionId, sides: Box<[SideSockets; 2]>, counters: Arc<[Counters; 2]> },
    Remote { id: SessionId, side: Side, remote: Option<Remote> },
    Flow { id: SessionId, side: Side, flow: Flow },
    Voice { id: SessionId, side: Side, order: VoiceOrder },
    RecordCall { id: SessionId, order: CallOrder },
    Close { id: SessionId },
}

/// The near end of a worker. Dropping it ends the thread.
#[derive(Debug)]
pub(super) struct WorkerLink {
    // Dropped before the pipe, so that the worker finds the queue closed when the pipe's end wakes it.
    orders: Sender<Order>,
    waker: UnixStream,
    woken: Arc<AtomicBool>,
    pub(super) voices: Arc<VoiceCounters>,
}

impl WorkerLink {
    pub(super) fn start(
        n: usize,
        config: &RelayConfig,
        start: Instant,
        ports: Arc<Mutex<PortAllocator>>,
        idle: Option<IdleListener>,
    ) -> io::Result<Self> {
        let (orders, queue) = channel();
        let (waker, pipe) = UnixStream::pair()?;
        pipe.set_nonblocking(true)?;
        waker.set_nonblocking(true)?;
        let woken = Arc::new(AtomicBool::new(false));
        let mut poller = Poller::new()?;
        poller.add(&pipe, WAKE)?;
        let voices = Arc::<VoiceCounters>::default();
        let worker = Worker {
            poller,
            pipe,
            queue,
            woken: Arc::clone(&woken),
            slots: Vec::new(),
            free: Vec::new(),
            index: HashMap::new(),
            ports,
            start,
            gather: config.gather,
            idle_after: config.idle_after,
            idle,
            voices: Voices::new(Arc::clone(&voices), start),
        };
        std::thread::Builder::new().name(format!("rtp-relay-{n}")).spawn(move || worker.run())?;
        Ok(Self { orders, waker, woken, voices })
    }

    /// Hands over an order; `false` when the worker is gone.
    pub(super) fn send(&self, order: Order) -> bool {
        let sent = self.orders.send(order).is_ok();
        if !self.woken.swap(true, Ordering::AcqRel) {
            // A full pipe wakes the worker as well.
            let _ = (&self.waker).write(&[0]);
        }
        sent
    }
}

pub(super) struct Worker {
    poller: Poller,
    pipe: UnixStream,
    queue: OrderQueue<Order>,
    woken: Arc<AtomicBool>,
    /// Tokens hold the position here, so that a packet finds its session without hashing.
    pub(super) slots: Vec<Option<Carried>>,
    free: Vec<usize>,
    pub(super) index: HashMap<SessionId, usize>,
    ports: Arc<Mutex<PortAllocator>>,
    start: Instant,
    gather: Duration,
    idle_after: Option<Duration>,
    idle: Option<IdleListener>,
    pub(super) voices: Voices,
}

pub(super) struct Carried {
    id: SessionId,
    sides: [Leg; 2],
    counters: Arc<[Counters; 2]>,
    reported_idle: bool,
    pub(super) recording: Option<Box<CallRecording>>,
}

pub(super) struct Leg {
    pub(super) sockets: SideSockets,
    latch: Latch,
    control: ControlLatch,
    muxed: bool,
    flow: Flow,
    receiver: Receiver,
    window: (Instant, u32),
    /// When the party was heard last, by RTP or RTCP; `None` while it has sent nothing since it was described.
    heard: Option<Instant>,
    /// We talk with the party ourselves.
    pub(super) voice: Option<Box<Voice>>,
}

/// A socket of a session as a token: position, side, and whether it is the RTCP socket.
fn token(slot: usize, side: Side, control: bool) -> u64 {
    (slot as u64) << 2 | u64::from(side == Side::B) << 1 | u64::from(control)
}

impl Worker {
    fn run(mut self) {
        let mut ready = Vec::with_capacity(256);
        let mut buffer = [0u8; BUFFER_LEN];
        let mut next_check = Instant::now() + IDLE_CHECK;
        let mut drained = true;
        loop {
            // While packets keep coming only a look, no sleep: a socket reports one packet at a time.
            let timeout = match drained {
                true => {
                    let check = self.idle_after.map(|_| next_check);
                    let next = [check, self.voices.due()].into_iter().flatten().min();
                    next.map(|at| at.saturating_duration_since(Instant::now()))
                }
                false => Some(Duration::ZERO),
            };
            if let Err(error) = self.poller.wait(&mut ready, timeout) {
                tracing::error!(%error, "the media relay cannot wait for packets and stops");
                return;
            }
            let now = Instant::now();
            // Orders first: a packet sent after an order was given must find it carried out. A token of a session closed this way
            // leads nowhere, or to a socket that has nothing to read.
            let woken = ready.contains(&WAKE);
            if woken && !self.obey(now) {
                return;
            }
            for &token in ready.iter().filter(|token| **token != WAKE) {
                self.receive(token, now, &mut buffer);
            }
            if self.voices.due().is_some_and(|at| at <= now) {
                self.speak(now);
            }
            if self.idle_after.is_some() && now >= next_check {
                self.report_idle(now);
                next_check = now + IDLE_CHECK;
            }
            // Packets that come while we pause are fetched together: far fewer waits and wake-ups under load.
            if ready.is_empty() && !drained && !self.gather.is_zero() {
                std::thread::sleep(self.gather);
            }
            drained = ready.is_empty();
        }
    }

    /// Passes one packet on.
    fn receive(&mut self, token: u64, now: Instant, buffer: &mut [u8; BUFFER_LEN]) {
        let (slot, b, control) = ((token >> 2) as usize, token & 2 != 0, token & 1 != 0);
        let Some(Some(session)) = self.slots.get_mut(slot) else { return };
        let [first, second] = &mut session.sides;
        let [counters_a, counters_b] = &*session.counters;
        let (from, to, counters) = if b { (second, first, counters_b) } else { (first, second, counters_a) };
        let socket = if control { &from.sockets.rtcp } else { &from.sockets.rtp };
        let Ok((len, source)) = socket.recv_from(buffer) else { return };
        let Some(packet) = buffer.get(..len).filter(|packet| packet.len() < BUFFER_LEN) else {
            return add(&counters.dropped_other, 1);
        };
        let verdict = match control {
            true => from.control.accept(source, &from.latch, packet),
            false => from.latch.accept(source, now, packet),
        };
        match verdict {
            Verdict::Media(header) => {
                from.receiver.observe(now, &header, CLOCK_8K);
                counters.note_packet(len, now.saturating_duration_since(self.start));
                counters.lost.store(from.receiver.lost(), Ordering::Relaxed);
                counters.jitter.store(from.receiver.jitter(), Ordering::Relaxed);
                from.heard = Some(now);
                session.reported_idle = false;
            }
            Verdict::Control => from.heard = Some(now),
            Verdict::Foreign => return add(&counters.dropped_foreign, 1),
            Verdict::Malformed => return add(&counters.dropped_other, 1),
        }
        // Counted after the verdict, so that a stranger's flood does not use up the party's share.
        if !from.within_rate(now) {
            return add(&counters.dropped_other, 1);
        }
        if let (Verdict::Media(header), Some(recording)) = (verdict, &mut session.recording) {
            recording.hear(now, b, &header, packet);
        }
        if from.voice.is_some() || to.voice.is_some() {
            if let (Verdict::Media(header), Some(voice)) = (verdict, &mut from.voice) {
                voice.receive(now, &header, packet);
            }
        } else if !to.send(packet, matches!(verdict, Verdict::Control)) {
            add(&counters.dropped_other, 1);
        }
    }

    /// Carries out the waiting orders; `false` when there will be no more.
    fn obey(&mut self, now: Instant) -> bool {
        // Emptied before the flag falls: an order sent from here on writes to the pipe again.
        let _ = self.pipe.read(&mut [0; 64]);
        self.woken.swap(false, Ordering::AcqRel);
        loop {
            match self.queue.try_recv() {
                Ok(Order::Open { id, sides, counters }) => self.open(id, *sides, counters, now),
                Ok(Order::Remote { id, side, remote }) => {
                    if let Some(leg) = self.leg(id, side) {
                        leg.heard = None;
                        leg.latch.expect(remote.map(|r| r.rtp));
                        leg.control.expect(remote.map(|r| r.rtcp));
                        leg.muxed = remote.is_some_and(|r| r.rtp == r.rtcp);
                    }
                }
                Ok(Order::Flow { id, side, flow }) => {
                    if let Some(leg) = self.leg(id, side) {
                        leg.flow = flow;
                    }
                }
                Ok(Order::Voice { id, side, order }) => self.obey_voice(id, side, order, now),
                Ok(Order::RecordCall { id, order }) => self.obey_call(id, order, now),
                Ok(Order::Close { id }) => self.close(id, now),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn leg(&mut self, id: SessionId, side: Side) -> Option<&mut Leg> {
        let session = self.slots.get_mut(*self.index.get(&id)?)?.as_mut()?;
        Some(session.leg(side))
    }

    fn open(&mut self, id: SessionId, sides: [SideSockets; 2], counters: Arc<[Counters; 2]>, now: Instant) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        let sides = sides.map(|sockets| Leg {
            sockets,
            latch: Latch::default(),
            control: ControlLatch::default(),
            muxed: false,
            flow: Flow::Open,
            receiver: Receiver::default(),
            window: (now, 0),
            heard: None,
            voice: None,
        });
        for (leg, side) in sides.iter().zip([Side::A, Side::B]) {
            let sockets = [(&leg.sockets.rtp, false), (&leg.sockets.rtcp, true)];
            for (socket, control) in sockets {
                if let Err(error) = self.poller.add(socket, token(slot, side, control)) {
                    tracing::error!(%error, ?id, "a media socket cannot be watched; the session stays silent");
                }
            }
        }
        self.index.insert(id, slot);
        if let Some(place) = self.slots.get_mut(slot) {
            *place = Some(Carried { id, sides, counters, reported_idle: false, recording: None });
        }
    }

    fn close(&mut self, id: SessionId, now: Instant) {
        let Some(slot) = self.index.remove(&id) else { return };
        let Some(mut session) = self.slots.get_mut(slot).and_then(Option::take) else { return };
        self.free.push(slot);
        self.voices.end_recording(slot, &mut session);
        for (mut leg, side) in session.sides.into_iter().zip([Side::A, Side::B]) {
            self.voices.detach(slot, side, &mut leg);
            // Closing the descriptor would do on Linux; the portable poller holds a copy of it.
            let _ = self.poller.remove(&leg.sockets.rtp, token(slot, side, false));
            let _ = self.poller.remove(&leg.sockets.rtcp, token(slot, side, true));
            let pair = leg.sockets.pair;
            drop(leg);
            lock(&self.ports).release(now, pair);
        }
    }

    fn report_idle(&mut self, now: Instant) {
        let (Some(limit), Some(listener)) = (self.idle_after, &self.idle) else { return };
        for session in self.slots.iter_mut().flatten() {
            let silent = |leg: &Leg| leg.heard.is_some_and(|heard| now.saturating_duration_since(heard) >= limit);
            if !session.reported_idle && session.sides.iter().any(silent) {
                session.reported_idle = listener.try_send(session.id).is_ok();
            }
        }
    }
}

impl Carried {
    pub(super) fn leg(&mut self, side: Side) -> &mut Leg {
        let [a, b] = &mut self.sides;
        if side == Side::A { a } else { b }
    }
}

impl Leg {
    /// Where the party hears us; `None` while it is muted or its address is unknown.
    pub(super) fn listens_at(&self) -> Option<SocketAddr> {
        self.latch.destination().filter(|_| self.flow == Flow::Open)
    }

    fn within_rate(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.window.0) >= Duration::from_secs(1) {
            self.window = (now, 0);
        }
        self.window.1 += 1;
        self.window.1 <= MAX_RATE
    }

    /// Sends to the party; `false` when the packet could not be sent. Muted and unknown destinations are no failure.
    fn send(&self, packet: &[u8], control: bool) -> bool {
        let (socket, destination) = match control && !self.muxed {
            true => (&self.sockets.rtcp, self.control.destination()),
            false => (&self.sockets.rtp, self.latch.destination()),
        };
        match destination {
            Some(destination) if self.flow == Flow::Open || control => socket.send_to(packet, destination).is_ok(),
            _ => true,
        }
    }
}

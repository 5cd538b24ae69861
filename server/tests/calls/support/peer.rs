//! A SIP phone made for tests, beside the real ones: it does exactly what it is told, when it is told, also what no phone would do.
//! It serves as the carrier as well. It shares no code with the server.

use std::collections::{HashSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use md5::{Digest, Md5};

use super::audio::Audio;
use super::company::Line;
use super::message::Message;

/// How long a message may take that is due at once: long enough for a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(10);
/// After this a request that nothing has answered is sent again.
const T1: Duration = Duration::from_millis(500);

/// A word that no other part of this process uses.
pub(crate) fn unique() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    format!("{:x}x{:x}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A phone, or a carrier, on a UDP port of its own.
#[derive(Debug)]
pub(crate) struct Peer {
    socket: UdpSocket,
    server: SocketAddr,
    /// What stands in the user part of its own URI.
    pub(crate) user: String,
    seen: HashSet<String>,
    unanswered: Vec<Unanswered>,
    mailbox: VecDeque<Message>,
    trace: Vec<String>,
}

/// A request that is sent again until something answers it, as UDP demands (RFC 3261 §17.1).
#[derive(Debug)]
struct Unanswered {
    id: String,
    cseq: String,
    request: String,
    due: Instant,
    interval: Duration,
}

/// A call of a [`Peer`].
#[derive(Debug)]
pub(crate) struct Call {
    id: String,
    /// From or To with our tag.
    local: String,
    /// From or To with the tag of the other side.
    remote: String,
    /// The other side's Contact.
    target: String,
    cseq: u32,
    branch: String,
    /// The INVITE: ours, or the one that came.
    invite: Message,
    /// What was said last about audio.
    pub(crate) far_audio: Option<SocketAddr>,
    pub(crate) audio: Audio,
}

impl Peer {
    /// A peer on a free port.
    pub(crate) fn new(server: SocketAddr, user: &str) -> Self {
        Self::on(server, user, 0)
    }

    /// A peer on this port.
    pub(crate) fn on(server: SocketAddr, user: &str, port: u16) -> Self {
        Self::at(server, user, SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    }

    /// A peer whose messages come from this address.
    pub(crate) fn at(server: SocketAddr, user: &str, address: SocketAddr) -> Self {
        let socket = UdpSocket::bind(address).expect("a socket for SIP");
        let (seen, unanswered, mailbox, trace) = (HashSet::new(), Vec::new(), VecDeque::new(), Vec::new());
        Self { socket, server, user: user.to_owned(), seen, unanswered, mailbox, trace }
    }

    /// A phone that is registered.
    #[track_caller]
    pub(crate) fn registered(server: SocketAddr, line: &Line) -> Self {
        let mut peer = Self::new(server, &line.username);
        assert_eq!(peer.register(line, &line.password, 600).status(), Some(200), "{}", peer.story());
        peer
    }

    pub(crate) fn port(&self) -> u16 {
        self.socket.local_addr().expect("the socket's address").port()
    }

    fn contact(&self) -> String {
        format!("<sip:{}@127.0.0.1:{}>", self.user, self.port())
    }

    fn via(&self, branch: &str) -> String {
        format!("Via: SIP/2.0/UDP 127.0.0.1:{};branch={branch};rport\r\n", self.port())
    }

    /// What was sent and received so far, and what lies unread.
    pub(crate) fn story(&self) -> String {
        let mut story = format!("--- what {} saw:\n{}", self.user, self.trace.join("\n"));
        self.socket.set_nonblocking(true).ok();
        let mut buffer = [0; 65_535];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            story += &format!("\nunread: {}", String::from_utf8_lossy(&buffer[..length]));
        }
        self.socket.set_nonblocking(false).ok();
        story
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.trace.push(format!(">>> {}", String::from_utf8_lossy(bytes)));
        self.socket.send_to(bytes, self.server).expect("a datagram is sent");
    }

    /// Sends a request, and again while it is waited for an answer.
    fn request(&mut self, request: String) {
        let message = Message::read(request.as_bytes()).expect("a request");
        let (id, cseq) = (message.header("Call-ID").to_owned(), message.header("CSeq").to_owned());
        self.send(&request);
        let interval = T1;
        self.unanswered.push(Unanswered { id, cseq, request, due: Instant::now() + interval, interval });
    }

    /// Sends again what is due; how long until the next.
    fn repeat(&mut self) -> Option<Duration> {
        let now = Instant::now();
        let mut again = Vec::new();
        for unanswered in self.unanswered.iter_mut().filter(|unanswered| unanswered.due <= now) {
            unanswered.interval *= 2;
            unanswered.due = now + unanswered.interval;
            again.push(unanswered.request.clone());
        }
        for request in again {
            self.send(request);
        }
        self.unanswered.iter().map(|unanswered| unanswered.due.saturating_duration_since(now)).min()
    }

    fn receive(&mut self, wait: Duration) -> Option<Message> {
        let wait = self.repeat().map_or(wait, |due| due.min(wait));
        self.socket.set_read_timeout(Some(wait.max(Duration::from_millis(1)))).expect("a timeout");
        let mut buffer = [0; 65_535];
        let length = self.socket.recv(&mut buffer).ok()?;
        let message = Message::read(&buffer[..length])?;
        self.trace.push(format!("<<< {}", String::from_utf8_lossy(&buffer[..length])));
        if message.status().is_some() {
            let same = |u: &Unanswered| u.id == message.header("Call-ID") && u.cseq == message.header("CSeq");
            self.unanswered.retain(|unanswered| !same(unanswered));
        }
        self.seen.insert(message.identity()).then_some(message)
    }

    /// The first message that fits, once it is there.
    #[track_caller]
    pub(crate) fn wait(&mut self, what: &str, fits: impl Fn(&Message) -> bool) -> Message {
        self.wait_for(SOON, what, fits)
    }

    /// The first message that fits, waiting up to `limit`.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, limit: Duration, what: &str, fits: impl Fn(&Message) -> bool) -> Message {
        let found = self.wait_maybe(limit, fits);
        found.unwrap_or_else(|| panic!("{} got no {what} within {limit:?}\n{}", self.user, self.story()))
    }

    /// The first message that fits, if one comes.
    pub(crate) fn wait_maybe(&mut self, limit: Duration, fits: impl Fn(&Message) -> bool) -> Option<Message> {
        let deadline = Instant::now() + limit;
        if let Some(place) = self.mailbox.iter().position(&fits) {
            return self.mailbox.remove(place);
        }
        while Instant::now() < deadline {
            match self.receive(deadline.saturating_duration_since(Instant::now())) {
                Some(message) if fits(&message) => return Some(message),
                Some(message) => self.mailbox.push_back(message),
                None => {}
            }
        }
        None
    }

    /// Sends a request out of a dialog and gives its final response.
    #[track_caller]
    pub(crate) fn ask(&mut self, method: &str, uri: &str, extra: &str) -> Message {
        let id = unique();
        let request = format!(
            "{method} {uri} SIP/2.0\r\n{}Max-Forwards: 70\r\nFrom: <sip:{user}@127.0.0.1>;tag={id}\r\nTo: <sip:{user}@127.0.0.1>\r\n\
             Call-ID: {id}\r\nCSeq: 1 {method}\r\n{extra}Content-Length: 0\r\n\r\n",
            self.via(&format!("z9hG4bK{id}")),
            user = self.user,
        );
        self.request(request);
        self.wait("final response", |m| m.header("Call-ID") == id && m.status().is_some_and(|status| status >= 200))
    }

    /// Registers with a password, which may be wrong; the last response.
    #[track_caller]
    pub(crate) fn register(&mut self, line: &Line, password: &str, expires: u32) -> Message {
        let uri = format!("sip:{}", self.server);
        let contact = format!("Contact: {}\r\nExpires: {expires}\r\n", self.contact());
        let challenge = self.ask("REGISTER", &uri, &contact);
        if challenge.status() != Some(401) {
            return challenge;
        }
        let proof = proof(challenge.header("WWW-Authenticate"), "REGISTER", &uri, &line.username, password);
        self.ask("REGISTER", &uri, &format!("{contact}Authorization: {proof}\r\n"))
    }

    /// Sends an INVITE.
    pub(crate) fn invite(&mut self, number: &str) -> Call {
        self.invite_with(number, "")
    }

    /// Calls as a registered phone, which is asked for its password.
    #[track_caller]
    pub(crate) fn dial(&mut self, number: &str, line: &Line) -> Call {
        let mut first = self.invite(number);
        let challenge = first.expect(self, 401);
        let value = challenge.header("WWW-Authenticate");
        let uri = format!("sip:{number}@{}", self.server);
        let proof = proof(value, "INVITE", &uri, &line.username, &line.password);
        self.invite_with(number, &format!("Authorization: {proof}\r\n"))
    }

    /// Calls a number as a phone that knows no telephone events.
    pub(crate) fn invite_without_events(&mut self, number: &str) -> Call {
        let audio = Audio::new();
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {} RTP/AVP 0\r\n",
            audio.port()
        );
        let body = format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len());
        self.invite_saying(number, "", audio, &body)
    }

    fn invite_with(&mut self, number: &str, extra: &str) -> Call {
        let audio = Audio::new();
        let body = body(&audio);
        self.invite_saying(number, extra, audio, &body)
    }

    /// Calls an address that somebody has registered, for a number.
    pub(crate) fn invite_for(&mut self, contact: &str, number: &str) -> Call {
        let audio = Audio::new();
        let body = body(&audio);
        self.invite_at(contact, number, "", audio, &body)
    }

    /// Answers a request. `tagged` is the To with a tag of ours, for a request that has none there.
    pub(crate) fn respond(&mut self, request: &Message, tagged: &str, start: &str, rest: &str) {
        let to = if request.header("To").contains("tag=") { request.header("To") } else { tagged };
        self.send(format!(
            "SIP/2.0 {start}\r\n{}{}From: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\n{rest}",
            request.lines("Via"),
            request.lines("Record-Route"),
            request.header("From"),
            request.header("Call-ID"),
            request.header("CSeq"),
        ));
    }

    fn invite_saying(&mut self, number: &str, extra: &str, audio: Audio, body: &str) -> Call {
        let target = format!("sip:{number}@{}", self.server);
        self.invite_at(&target, number, extra, audio, body)
    }

    fn invite_at(&mut self, target: &str, number: &str, extra: &str, audio: Audio, body: &str) -> Call {
        let id = unique();
        let branch = format!("z9hG4bK{id}");
        let local = format!("<sip:{}@127.0.0.1>;tag={id}", self.user);
        let remote = format!("<sip:{number}@{}>", self.server);
        let target = target.to_owned();
        let text = format!(
            "INVITE {target} SIP/2.0\r\n{}Max-Forwards: 70\r\nFrom: {local}\r\nTo: {remote}\r\nCall-ID: {id}\r\nCSeq: 1 INVITE\r\n\
             Contact: {}\r\n{extra}{}",
            self.via(&branch),
            self.contact(),
            body,
        );
        let invite = Message::read(text.as_bytes()).expect("an INVITE");
        self.request(text);
        Call { id, local, remote, target, cseq: 1, branch, invite, far_audio: None, audio }
    }

    /// Waits for an INVITE.
    #[track_caller]
    pub(crate) fn incoming(&mut self) -> Call {
        self.incoming_for(SOON)
    }

    /// Waits for an INVITE up to `limit`.
    #[track_caller]
    pub(crate) fn incoming_for(&mut self, limit: Duration) -> Call {
        let invite = self.wait_for(limit, "INVITE", |m| m.method() == "INVITE");
        Call::from(invite)
    }

    /// An INVITE, if one comes.
    pub(crate) fn maybe_incoming(&mut self, limit: Duration) -> Option<Call> {
        self.wait_maybe(limit, |m| m.method() == "INVITE").map(Call::from)
    }
}

impl From<Message> for Call {
    fn from(invite: Message) -> Self {
        Self {
            id: invite.header("Call-ID").to_owned(),
            local: format!("{};tag={}", invite.header("To"), unique()),
            remote: invite.header("From").to_owned(),
            target: invite.contact().to_owned(),
            cseq: 100,
            branch: String::new(),
            far_audio: invite.audio(),
            invite,
            audio: Audio::new(),
        }
    }
}

impl Call {
    /// Its Call-ID on this side of the server.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The INVITE that came, or that was sent.
    pub(crate) fn invite(&self) -> &Message {
        &self.invite
    }

    /// Waits for a response to the INVITE. A 2xx or a refusal is acknowledged.
    #[track_caller]
    pub(crate) fn expect(&mut self, peer: &mut Peer, status: u16) -> Message {
        self.expect_for(peer, SOON, status)
    }

    /// The same, waiting up to `limit`. Provisional responses are passed over when a final one is expected.
    #[track_caller]
    pub(crate) fn expect_for(&mut self, peer: &mut Peer, limit: Duration, status: u16) -> Message {
        let id = self.id.clone();
        let found = peer.wait_for(limit, &format!("{status} to its INVITE"), |m| {
            let ours = m.header("Call-ID") == id && m.header("CSeq").ends_with("INVITE");
            ours && m.status().is_some_and(|s| s == status || s >= 200)
        });
        assert_eq!(found.status(), Some(status), "{}", peer.story());
        if status >= 200 {
            self.acknowledge(peer, &found);
        }
        found
    }

    /// Acknowledges a final response.
    pub(crate) fn acknowledge(&mut self, peer: &mut Peer, response: &Message) {
        self.remote = response.header("To").to_owned();
        let accepted = response.status().is_some_and(|status| status < 300);
        if accepted {
            self.target = response.contact().to_owned();
            self.far_audio = response.audio();
        }
        let branch = if accepted { format!("z9hG4bK{}", unique()) } else { self.branch.clone() };
        let request = self.request(peer, "ACK", 1, &branch);
        peer.send(request);
    }

    fn request(&self, peer: &Peer, method: &str, cseq: u32, branch: &str) -> String {
        format!(
            "{method} {} SIP/2.0\r\n{}Max-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n\
             Content-Length: 0\r\n\r\n",
            self.target,
            peer.via(branch),
            self.local,
            self.remote,
            self.id,
        )
    }

    fn respond(&self, peer: &mut Peer, request: &Message, start: &str, rest: &str) {
        peer.respond(request, &self.local, start, rest);
    }

    /// Says that it rings.
    pub(crate) fn ring(&self, peer: &mut Peer) {
        let rest = format!("Contact: {}\r\nContent-Length: 0\r\n\r\n", peer.contact());
        self.respond(peer, &self.invite, "180 Ringing", &rest);
    }

    /// Answers, without waiting for the ACK.
    pub(crate) fn answer_only(&self, peer: &mut Peer) {
        let rest = format!("Contact: {}\r\n{}", peer.contact(), body(&self.audio));
        self.respond(peer, &self.invite, "200 OK", &rest);
    }

    /// Answers and waits for the ACK.
    #[track_caller]
    pub(crate) fn answer(&self, peer: &mut Peer) {
        self.answer_only(peer);
        self.await_ack(peer);
    }

    /// Waits for the ACK.
    #[track_caller]
    pub(crate) fn await_ack(&self, peer: &mut Peer) {
        peer.wait("ACK", |m| m.method() == "ACK" && m.header("Call-ID") == self.id);
    }

    /// Refuses and waits for the ACK.
    #[track_caller]
    pub(crate) fn refuse(&self, peer: &mut Peer, status: &str) {
        self.respond(peer, &self.invite, status, "Content-Length: 0\r\n\r\n");
        self.await_ack(peer);
    }

    /// Asks for a password as a proxy does, and waits for the ACK.
    #[track_caller]
    pub(crate) fn challenge(&self, peer: &mut Peer, nonce: &str) {
        let rest = format!("Proxy-Authenticate: {}\r\nContent-Length: 0\r\n\r\n", challenge(nonce));
        self.respond(peer, &self.invite, "407 Proxy Authentication Required", &rest);
        self.await_ack(peer);
    }

    /// Cancels its INVITE and waits for both answers.
    #[track_caller]
    pub(crate) fn cancel(&mut self, peer: &mut Peer) {
        self.cancel_only(peer);
        let id = self.id.clone();
        peer.wait("200 to CANCEL", |m| {
            m.header("Call-ID") == id && m.header("CSeq") == "1 CANCEL" && m.status() == Some(200)
        });
        self.expect(peer, 487);
    }

    /// Sends a CANCEL.
    pub(crate) fn cancel_only(&self, peer: &mut Peer) {
        // The Request-URI, From, To and branch of the INVITE (RFC 3261 §9.1).
        let text = format!(
            "CANCEL {} SIP/2.0\r\n{}Max-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 1 CANCEL\r\nContent-Length: 0\r\n\r\n",
            self.invite.uri(),
            peer.via(&self.branch),
            self.local,
            self.invite.header("To"),
            self.id,
        );
        peer.request(text);
    }

    /// Waits until the other side cancels, and ends the INVITE.
    #[track_caller]
    pub(crate) fn cancelled(&self, peer: &mut Peer, limit: Duration) {
        assert!(self.maybe_cancelled(peer, limit).is_some(), "no CANCEL; {}", peer.story());
        self.refuse(peer, "487 Request Terminated");
    }

    /// A CANCEL, if one comes. It is answered, the INVITE is not.
    pub(crate) fn maybe_cancelled(&self, peer: &mut Peer, limit: Duration) -> Option<Message> {
        let cancel = peer.wait_maybe(limit, |m| m.method() == "CANCEL" && m.header("Call-ID") == self.id)?;
        self.respond(peer, &cancel, "200 OK", "Content-Length: 0\r\n\r\n");
        Some(cancel)
    }

    /// Hangs up and waits for the answer.
    #[track_caller]
    pub(crate) fn hang_up(&mut self, peer: &mut Peer) {
        self.hang_up_only(peer);
        let wanted = format!("{} BYE", self.cseq);
        peer.wait("200 to BYE", |m| {
            m.header("Call-ID") == self.id && m.header("CSeq") == wanted && m.status() == Some(200)
        });
    }

    /// Makes a new offer in the call, with this direction.
    #[track_caller]
    pub(crate) fn reinvite(&mut self, peer: &mut Peer, direction: &str) {
        self.cseq += 1;
        let branch = format!("z9hG4bK{}", unique());
        let offer = described(&self.audio, direction).replace("o=- 1 1 ", &format!("o=- 1 {} ", self.cseq));
        let contact = format!("Contact: {}\r\n{offer}", peer.contact());
        let request = self.request(peer, "INVITE", self.cseq, &branch);
        peer.request(request.replace("Content-Length: 0\r\n\r\n", &contact));
        let wanted = format!("{} INVITE", self.cseq);
        peer.wait("200 to a new offer", |m| {
            m.header("Call-ID") == self.id && m.header("CSeq") == wanted && m.status() == Some(200)
        });
        let ack = self.request(peer, "ACK", self.cseq, &format!("z9hG4bK{}", unique()));
        peer.send(ack);
    }

    /// Tells a key by INFO.
    #[track_caller]
    pub(crate) fn info(&mut self, peer: &mut Peer, key: char) {
        self.cseq += 1;
        let body = format!("Signal={key}\r\nDuration=160\r\n");
        let request = self.request(peer, "INFO", self.cseq, &format!("z9hG4bK{}", unique()));
        let typed = format!("Content-Type: application/dtmf-relay\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        peer.request(request.replace("Content-Length: 0\r\n\r\n", &typed));
        let wanted = format!("{} INFO", self.cseq);
        peer.wait("200 to INFO", |m| {
            m.header("Call-ID") == self.id && m.header("CSeq") == wanted && m.status() == Some(200)
        });
    }

    /// Sends a request with these headers in the call, and gives its final response.
    #[track_caller]
    pub(crate) fn ask(&mut self, peer: &mut Peer, method: &str, headers: &str) -> Message {
        self.cseq += 1;
        let request = self.request(peer, method, self.cseq, &format!("z9hG4bK{}", unique()));
        peer.request(request.replace("Content-Length: 0\r\n", &format!("{headers}Content-Length: 0\r\n")));
        let wanted = format!("{} {method}", self.cseq);
        peer.wait("final response", |m| {
            let ours = m.header("Call-ID") == self.id && m.header("CSeq") == wanted;
            ours && m.status().is_some_and(|status| status >= 200)
        })
    }

    /// Waits for a request of the other side in the call, and says yes.
    #[track_caller]
    pub(crate) fn asked(&self, peer: &mut Peer, method: &str) -> Message {
        let request = peer.wait(method, |m| m.method() == method && m.header("Call-ID") == self.id);
        self.respond(peer, &request, "200 OK", "Content-Length: 0\r\n\r\n");
        request
    }

    /// Sends a BYE.
    pub(crate) fn hang_up_only(&mut self, peer: &mut Peer) {
        self.cseq += 1;
        let request = self.request(peer, "BYE", self.cseq, &format!("z9hG4bK{}", unique()));
        peer.request(request);
    }

    /// Waits for the other side's BYE and answers it; the BYE.
    #[track_caller]
    pub(crate) fn hung_up(&self, peer: &mut Peer) -> Message {
        self.hung_up_within(peer, SOON)
    }

    /// The same, waiting up to `limit`.
    #[track_caller]
    pub(crate) fn hung_up_within(&self, peer: &mut Peer, limit: Duration) -> Message {
        let bye = peer.wait_for(limit, "BYE", |m| m.method() == "BYE" && m.header("Call-ID") == self.id);
        self.respond(peer, &bye, "200 OK", "Content-Length: 0\r\n\r\n");
        bye
    }

    /// Never acknowledges the answer, and waits for the BYE that ends the call all the same; the BYE.
    #[track_caller]
    pub(crate) fn unconfirmed(&mut self, peer: &mut Peer, limit: Duration) -> Message {
        let id = self.id.clone();
        let answer = peer.wait("200 to its INVITE", |m| m.header("Call-ID") == id && m.status() == Some(200));
        self.remote = answer.header("To").to_owned();
        self.hung_up_within(peer, limit)
    }

    /// Sends a tone to the other side from now on.
    #[track_caller]
    pub(crate) fn talk(&mut self, frequency: f64) {
        let to = self.far_audio.expect("the other side said where it wants audio");
        self.audio.talk(to, frequency);
    }
}

fn body(audio: &Audio) -> String {
    described(audio, "a=sendrecv")
}

fn described(audio: &Audio, direction: &str) -> String {
    let sdp = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {} RTP/AVP 0 101\r\n\
         a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n{direction}\r\n",
        audio.port()
    );
    format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len())
}

fn md5(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A challenge of the tests' carrier.
pub(crate) fn challenge(nonce: &str) -> String {
    format!("Digest realm=\"carrier.example\", nonce=\"{nonce}\", qop=\"auth\"")
}

/// The nonce and its count, when a header proves this password of this user for a request (RFC 2617 with `qop=auth`).
pub(crate) fn proven(value: &str, method: &str, username: &str, password: &str) -> Option<(String, String)> {
    let param = |name: &str| {
        let pairs = value.strip_prefix("Digest ")?.split(", ");
        pairs.filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, v)| v.trim_matches('"'))
    };
    let (nonce, nc, cnonce) = (param("nonce")?, param("nc")?, param("cnonce")?);
    let ha1 = md5(&format!("{username}:{}:{password}", param("realm")?));
    let ha2 = md5(&format!("{method}:{}", param("uri")?));
    let right = md5(&format!("{ha1}:{nonce}:{nc}:{cnonce}:auth:{ha2}")) == param("response")?;
    (right && param("username") == Some(username)).then(|| (nonce.to_owned(), nc.to_owned()))
}

/// The value of an Authorization header (RFC 2617 with `qop=auth`).
pub(crate) fn proof(challenge: &str, method: &str, uri: &str, username: &str, password: &str) -> String {
    let param = |name: &str| {
        let begin = challenge.find(&format!("{name}=\""))? + name.len() + 2;
        challenge[begin..].split('"').next()
    };
    let (realm, nonce) = (param("realm").expect("a realm"), param("nonce").expect("a nonce"));
    let (ha1, ha2) = (md5(&format!("{username}:{realm}:{password}")), md5(&format!("{method}:{uri}")));
    let cnonce = unique();
    let response = md5(&format!("{ha1}:{nonce}:00000001:{cnonce}:auth:{ha2}"));
    format!(
        "Digest username=\"{username}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\", \
         algorithm=MD5, qop=auth, nc=00000001, cnonce=\"{cnonce}\""
    )
}

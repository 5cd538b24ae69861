//! The sockets, on the loopback interface.

use crate::support::*;
use bytes::Bytes;
use dialplane_signaling::net::{Event, Options, Received, SendError, Sockets};
use dialplane_signaling::sip::flow::{Flow, Protocol, Transmit};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

fn anywhere() -> SocketAddr {
    address("127.0.0.1:0")
}

fn transmit(flow: Flow, bytes: Bytes) -> Transmit {
    Transmit { flow, fallback: None, bytes, tx: None }
}

async fn received(sockets: &mut Sockets) -> Received {
    match sockets.recv().await {
        Event::Received(received) => received,
        other => panic!("{other:?}"),
    }
}

fn opened(options: Options) -> (Sockets, SocketAddr) {
    let mut sockets = Sockets::new(options);
    let address = sockets.listen_tcp(anywhere()).unwrap();
    (sockets, address)
}

/// Reads exactly what `expected` is.
async fn expect(stream: &mut TcpStream, expected: &[u8]) {
    let mut buffer = vec![0; expected.len()];
    stream.read_exact(&mut buffer).await.unwrap();
    assert_eq!(buffer, expected);
}

#[tokio::test]
async fn datagrams_go_both_ways_and_keep_alives_are_silent() {
    let mut sockets = Sockets::new(Options::default());
    let local = sockets.listen_udp(anywhere()).unwrap();
    let phone = UdpSocket::bind(anywhere()).await.unwrap();
    let request = Peer::new("c").request("OPTIONS");
    for bytes in [&b"\r\n\r\n"[..], &b"\0"[..], &request, &request] {
        phone.send_to(bytes, local).await.unwrap();
    }
    let first = received(&mut sockets).await;
    assert_eq!(first.bytes, request);
    assert_eq!(first.flow, Flow::to(Protocol::Udp, local, phone.local_addr().unwrap()));
    assert_eq!(received(&mut sockets).await, first);
    assert_eq!(sockets.try_recv(), None);
    sockets.send(transmit(first.flow, Bytes::from_static(b"answer"))).unwrap();
    let mut buffer = [0; 64];
    let (length, from) = phone.recv_from(&mut buffer).await.unwrap();
    assert_eq!((&buffer[..length], from), (&b"answer"[..], local));
}

#[tokio::test]
async fn a_request_over_tcp_is_framed_wherever_it_was_cut_and_answered_on_its_connection() {
    let (mut sockets, address) = opened(Options::default());
    let request = Peer::new("c").request("OPTIONS");
    let mut phone = TcpStream::connect(address).await.unwrap();
    phone.set_nodelay(true).unwrap();
    for cut in [1, 7, 100, request.len() - 1] {
        phone.write_all(&request[..cut]).await.unwrap();
        tokio::task::yield_now().await;
        phone.write_all(&request[cut..]).await.unwrap();
        let got = received(&mut sockets).await;
        assert_eq!(got.bytes, request);
        assert_eq!(got.flow.remote, phone.local_addr().unwrap());
        sockets.send(transmit(got.flow, Bytes::from_static(b"answer"))).unwrap();
        expect(&mut phone, b"answer").await;
    }
    let many: Vec<u8> = std::iter::repeat_n(&request[..], 100).flatten().copied().collect();
    phone.write_all(&many).await.unwrap();
    for _ in 0..100 {
        assert_eq!(received(&mut sockets).await.bytes, request);
    }
    assert_eq!(sockets.connections(), 1);
}

#[tokio::test]
async fn a_double_line_end_gets_one_back() {
    let (mut sockets, address) = opened(Options::default());
    let mut phone = TcpStream::connect(address).await.unwrap();
    phone.write_all(b"\r\n\r\n").await.unwrap();
    tokio::select! {
        event = sockets.recv() => panic!("{event:?}"),
        () = expect(&mut phone, b"\r\n") => {}
    }
}

#[tokio::test]
async fn connections_reset_in_the_middle_of_a_message_leave_nothing() {
    let (mut sockets, address) = opened(Options::default());
    let request = Peer::new("c").request("INVITE");
    let attacker = tokio::spawn(async move {
        for round in 0..1000 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(&request[..1 + round % (request.len() - 1)]).await.unwrap();
            // Closing with unread data or a zero linger sends RST instead of FIN.
            socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
        }
    });
    let mut closed = 0;
    while closed < 1000 {
        match sockets.recv().await {
            Event::Closed(_) => closed += 1,
            other => panic!("{other:?}"),
        }
    }
    attacker.await.unwrap();
    assert_eq!(sockets.connections(), 0);
    assert_eq!(sockets.try_recv(), None);
}

#[tokio::test]
async fn garbage_closes_the_connection() {
    let (mut sockets, address) = opened(Options::default());
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h\r\n\r\n").await.unwrap();
    assert!(matches!(sockets.recv().await, Event::Closed(_)));
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_message_that_does_not_become_complete_closes_the_connection() {
    let (mut sockets, address) = opened(Options { message_timeout: Duration::from_millis(200), ..Options::default() });
    let mut stream = TcpStream::connect(address).await.unwrap();
    let drip = tokio::spawn(async move {
        // A byte now and then must not count as progress.
        for byte in Peer::new("c").request("INVITE").iter() {
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it was let through");
    });
    assert!(matches!(sockets.recv().await, Event::Closed(_)));
    drip.await.unwrap();
}

#[tokio::test]
async fn one_address_may_hold_only_so_many_connections() {
    let (mut sockets, address) = opened(Options { connections_per_ip: 2, ..Options::default() });
    let request = Peer::new("c").request("OPTIONS");
    let mut phones = vec![];
    for _ in 0..2 {
        let mut phone = TcpStream::connect(address).await.unwrap();
        phone.write_all(&request).await.unwrap();
        received(&mut sockets).await;
        phones.push(phone);
    }
    let mut third = TcpStream::connect(address).await.unwrap();
    let mut buffer = [0; 1];
    tokio::select! {
        event = sockets.recv() => panic!("{event:?}"),
        read = third.read(&mut buffer) => assert_eq!(read.unwrap_or(0), 0),
    }
    drop(phones.pop());
    assert!(matches!(sockets.recv().await, Event::Closed(_)));
    let mut fourth = TcpStream::connect(address).await.unwrap();
    fourth.write_all(&request).await.unwrap();
    received(&mut sockets).await;
}

#[tokio::test]
async fn a_connection_of_ours_is_opened_once_and_used_again() {
    let trunk = TcpListener::bind(anywhere()).await.unwrap();
    let mut sockets = Sockets::new(Options::default());
    let flow = Flow::to(Protocol::Tcp, anywhere(), trunk.local_addr().unwrap());
    sockets.send(transmit(flow, Bytes::from_static(b"one"))).unwrap();
    sockets.send(transmit(flow, Bytes::from_static(b"two"))).unwrap();
    let (mut stream, _) = trunk.accept().await.unwrap();
    expect(&mut stream, b"onetwo").await;
    let request = Peer::new("c").request("OPTIONS");
    stream.write_all(&request).await.unwrap();
    assert_eq!(received(&mut sockets).await.bytes, request);
    assert_eq!(sockets.connections(), 1);
}

#[tokio::test]
async fn what_waits_for_a_connection_that_cannot_be_opened_is_reported() {
    let unused = TcpListener::bind(anywhere()).await.unwrap();
    let remote = unused.local_addr().unwrap();
    drop(unused);
    let (now, mut endpoint) = endpoint();
    let mut sockets = Sockets::new(Options::default());
    let flow = Flow::to(Protocol::Tcp, anywhere(), remote);
    let invite = our_invite(&mut endpoint, &flow, "c");
    let tx = endpoint.send_request(now, invite, flow).unwrap();
    sockets.send(sent(&mut endpoint)).unwrap();
    assert_eq!(sockets.recv().await, Event::SendFailed(tx));
    assert!(matches!(sockets.recv().await, Event::Closed(_)));
    endpoint.transport_failed(now, tx);
    assert_eq!(drain(&mut endpoint), ["transport error"]);
    assert_eq!(sockets.connections(), 0);
}

#[tokio::test]
async fn an_answer_finds_its_way_when_the_connection_has_closed() {
    let phone = TcpListener::bind(anywhere()).await.unwrap();
    let (mut sockets, address) = opened(Options::default());
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&Peer::new("c").request("OPTIONS")).await.unwrap();
    let got = received(&mut sockets).await;
    drop(stream);
    assert!(matches!(sockets.recv().await, Event::Closed(_)));
    let lost = transmit(got.flow, Bytes::from_static(b"answer"));
    assert!(matches!(sockets.send(lost.clone()), Err(SendError::Closed)));
    sockets.send(Transmit { fallback: Some(phone.local_addr().unwrap()), ..lost }).unwrap();
    let (mut stream, _) = phone.accept().await.unwrap();
    expect(&mut stream, b"answer").await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_cut_and_others_are_served() {
    let (mut sockets, address) = opened(Options { write_queue: 4, ..Options::default() });
    let request = Peer::new("c").request("OPTIONS");
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(&request).await.unwrap();
    let slow_flow = received(&mut sockets).await.flow;
    let mut good = TcpStream::connect(address).await.unwrap();
    good.write_all(&request).await.unwrap();
    let good_flow = received(&mut sockets).await.flow;
    let large = Bytes::from(vec![b'x'; 1 << 20]);
    let mut refused = None;
    for _ in 0..200 {
        if let Err(error) = sockets.send(transmit(slow_flow, large.clone())) {
            refused = Some(error);
            break;
        }
        sockets.send(transmit(good_flow, Bytes::from_static(b"x"))).unwrap();
        expect(&mut good, b"x").await;
    }
    assert!(matches!(refused, Some(SendError::TooSlow)), "{refused:?}");
    assert_eq!(sockets.recv().await, Event::Closed(slow_flow.connection.unwrap()));
    assert_eq!(sockets.connections(), 1);
}

#[tokio::test]
async fn others_may_bring_connections_in() {
    let mut sockets = Sockets::new(Options { connections_per_ip: 1, ..Options::default() });
    let gate = sockets.gate();
    let browser = tokio::spawn(async move {
        let (local, remote) = (address("192.0.2.1:443"), address("198.51.100.9:50000"));
        let mut link = gate.open(Protocol::Wss, local, remote).await.unwrap();
        assert!(link.inlet().received(Bytes::from_static(b"from a browser")).await);
        let answer = link.next().await.unwrap();
        let mut second = gate.open(Protocol::Wss, local, remote).await.unwrap();
        assert_eq!(second.next().await, None);
        answer
    });
    let got = received(&mut sockets).await;
    assert_eq!((got.flow.protocol, &got.bytes[..]), (Protocol::Wss, &b"from a browser"[..]));
    sockets.send(transmit(got.flow, Bytes::from_static(b"answer"))).unwrap();
    assert!(matches!(sockets.recv().await, Event::Closed(_)));
    assert_eq!(&browser.await.unwrap()[..], b"answer");
    assert_eq!(sockets.connections(), 0);
}

#[tokio::test]
async fn a_closed_connection_ends_its_link() {
    let (mut sockets, address) = opened(Options::default());
    let mut phone = TcpStream::connect(address).await.unwrap();
    phone.write_all(&Peer::new("c").request("OPTIONS")).await.unwrap();
    let flow = received(&mut sockets).await.flow;
    sockets.close(flow.connection.unwrap());
    assert_eq!(phone.read(&mut [0; 1]).await.unwrap(), 0);
    assert_eq!(sockets.recv().await, Event::Closed(flow.connection.unwrap()));
    assert!(matches!(sockets.send(transmit(flow, Bytes::from_static(b"x"))), Err(SendError::Closed)));
}

#[tokio::test]
async fn connections_of_other_protocols_are_opened_by_their_dialer() {
    let mut sockets = Sockets::new(Options::default());
    let flow = Flow::to(Protocol::Tls, anywhere(), address("192.0.2.50:5061"));
    let refused = sockets.send(transmit(flow, Bytes::from_static(b"one")));
    assert!(matches!(refused, Err(SendError::NoSocket(Protocol::Tls))));
    let (dialed, mut dials) = tokio::sync::mpsc::channel(1);
    sockets.dial_with(Box::new(move |link, address| dialed.try_send((link, address)).unwrap()));
    sockets.send(transmit(flow, Bytes::from_static(b"one"))).unwrap();
    let (mut link, address) = dials.recv().await.unwrap();
    assert_eq!(address, flow.remote);
    assert_eq!(link.next().await.unwrap(), Bytes::from_static(b"one"));
    drop(link);
    assert!(matches!(sockets.recv().await, Event::Closed(_)));
}

#[tokio::test]
async fn a_flood_of_keep_alives_does_not_hide_a_message() {
    let mut sockets = Sockets::new(Options::default());
    let local = sockets.listen_udp(anywhere()).unwrap();
    let phone = UdpSocket::bind(anywhere()).await.unwrap();
    for _ in 0..200 {
        phone.send_to(b"\r\n\r\n", local).await.unwrap();
    }
    let request = Peer::new("c").request("OPTIONS");
    phone.send_to(&request, local).await.unwrap();
    assert_eq!(received(&mut sockets).await.bytes, request);
}

#[tokio::test]
async fn a_flood_leaves_other_tasks_their_turn() {
    let mut sockets = Sockets::new(Options::default());
    let local = sockets.listen_udp(anywhere()).unwrap();
    let phone = UdpSocket::bind(anywhere()).await.unwrap();
    let request = Peer::new("c").request("OPTIONS");
    for _ in 0..300 {
        phone.send_to(&request, local).await.unwrap();
    }
    let mut other = tokio::spawn(async {});
    let mut before = 0;
    while !other.is_finished() {
        tokio::select! {
            biased;
            _ = sockets.recv() => before += 1,
            _ = &mut other => break,
        }
        assert!(before < 300, "nothing else ran while there were datagrams");
    }
}

//! Waiting for readable sockets: `epoll` on Linux, `poll` elsewhere. Level-triggered, so one `recv` per reported socket is enough and
//! no extra system call is spent on finding a socket empty.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::Timespec;

#[cfg(target_os = "linux")]
pub(super) use linux::Poller;
#[cfg(not(target_os = "linux"))]
pub(super) use portable::Poller;

/// Sockets reported by one wait at most.
const BATCH: usize = 256;

fn timespec(timeout: Option<Duration>) -> Option<Timespec> {
    timeout.and_then(|t| Timespec::try_from(t).ok())
}

#[cfg(target_os = "linux")]
mod linux {
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;

    use rustix::event::epoll;

    use super::*;

    /// A set of sockets, each with a token of the caller's choice.
    pub(in super::super) struct Poller {
        epoll: OwnedFd,
    }

    impl Poller {
        pub(in super::super) fn new() -> io::Result<Self> {
            let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
            Ok(Self { epoll })
        }

        pub(in super::super) fn add(&mut self, socket: &impl AsFd, token: u64) -> io::Result<()> {
            Ok(epoll::add(&self.epoll, socket, epoll::EventData::new_u64(token), epoll::EventFlags::IN)?)
        }

        pub(in super::super) fn remove(&mut self, socket: &impl AsFd, _token: u64) -> io::Result<()> {
            Ok(epoll::delete(&self.epoll, socket)?)
        }

        /// Waits for readable sockets and writes their tokens to `tokens`, replacing what was there.
        pub(in super::super) fn wait(&mut self, tokens: &mut Vec<u64>, timeout: Option<Duration>) -> io::Result<()> {
            tokens.clear();
            let mut ready = [const { MaybeUninit::uninit() }; BATCH];
            let events = match epoll::wait(&self.epoll, &mut ready, timespec(timeout).as_ref()) {
                Ok((events, _)) => events,
                Err(rustix::io::Errno::INTR) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            tokens.extend(events.iter().map(|event| event.data.u64()));
            Ok(())
        }
    }
}

/// For development machines that are not Linux: every wait passes the whole list of sockets to the kernel.
#[cfg_attr(target_os = "linux", cfg(test))]
mod portable {
    use std::os::fd::OwnedFd;

    use rustix::event::{PollFd, PollFlags, poll};

    use super::*;

    /// A set of sockets, each with a token of the caller's choice.
    #[derive(Default)]
    pub(in super::super) struct Poller {
        sockets: Vec<(u64, OwnedFd)>,
    }

    impl Poller {
        pub(in super::super) fn new() -> io::Result<Self> {
            Ok(Self::default())
        }

        pub(in super::super) fn add(&mut self, socket: &impl AsFd, token: u64) -> io::Result<()> {
            self.sockets.push((token, socket.as_fd().try_clone_to_owned()?));
            Ok(())
        }

        pub(in super::super) fn remove(&mut self, _socket: &impl AsFd, token: u64) -> io::Result<()> {
            self.sockets.retain(|(other, _)| *other != token);
            Ok(())
        }

        /// Waits for readable sockets and writes their tokens to `tokens`, replacing what was there.
        pub(in super::super) fn wait(&mut self, tokens: &mut Vec<u64>, timeout: Option<Duration>) -> io::Result<()> {
            tokens.clear();
            let mut set: Vec<_> = self.sockets.iter().map(|(_, s)| PollFd::new(s, PollFlags::IN)).collect();
            match poll(&mut set, timespec(timeout).as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let ready = set.iter().zip(&self.sockets).filter(|(polled, _)| !polled.revents().is_empty());
            tokens.extend(ready.map(|(_, (token, _))| *token).take(BATCH));
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    macro_rules! behaves {
        ($name:ident, $poller:ty) => {
            #[test]
            fn $name() {
                use std::io::{Read, Write};
                let (mut near, mut far) = UnixStream::pair().unwrap();
                let (idle, _idle_far) = UnixStream::pair().unwrap();
                let mut poller = <$poller>::new().unwrap();
                poller.add(&near, 7).unwrap();
                poller.add(&idle, 8).unwrap();
                let mut tokens = vec![99];
                let short = Some(Duration::from_millis(1));
                poller.wait(&mut tokens, short).unwrap();
                assert!(tokens.is_empty(), "{tokens:?}");
                far.write_all(b"xy").unwrap();
                for _ in 0..2 {
                    poller.wait(&mut tokens, None).unwrap();
                    assert_eq!(tokens, [7], "reported until it was read");
                    near.read_exact(&mut [0]).unwrap();
                }
                far.write_all(b"z").unwrap();
                poller.remove(&near, 7).unwrap();
                poller.wait(&mut tokens, short).unwrap();
                assert!(tokens.is_empty(), "{tokens:?}");
            }
        };
    }

    #[cfg(target_os = "linux")]
    behaves!(epoll_reports_readable_sockets_until_they_are_read, super::linux::Poller);
    behaves!(poll_reports_readable_sockets_until_they_are_read, super::portable::Poller);
}

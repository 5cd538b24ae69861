//! Ports that no other test and no other process of this test binary uses at the same time.

use std::net::{Ipv4Addr, TcpListener};

/// Below the range the system hands out by itself, so that a socket on port 0 never lands in a block.
const FIRST: u16 = 10_000;
const BLOCK: u16 = 200;
const BLOCKS: u16 = 110;

/// Consecutive ports, reserved until dropped. The first port of each block is the reservation itself: a TCP listener, which works
/// between processes as well and is gone with the process that made it.
#[derive(Debug)]
pub(crate) struct Ports {
    first: u16,
    _locks: Vec<TcpListener>,
}

impl Ports {
    /// One block.
    pub(crate) fn reserve() -> Self {
        Self::reserve_blocks(1)
    }

    /// `count` blocks in a row.
    pub(crate) fn reserve_blocks(count: u16) -> Self {
        // Processes begin at different places, so that they rarely try the same blocks.
        let begin = std::process::id() as u16 % (BLOCKS - count);
        for attempt in 0..=(BLOCKS - count) {
            let block = (begin + attempt) % (BLOCKS - count + 1);
            let first = FIRST + block * BLOCK;
            let locks: Result<Vec<_>, _> = (0..count).map(|n| lock(first + n * BLOCK)).collect();
            if let Ok(locks) = locks {
                return Self { first, _locks: locks };
            }
        }
        panic!("no block of ports is free");
    }

    /// A single port of the block, by its number from 0 to 97.
    pub(crate) fn single(&self, n: u16) -> u16 {
        assert!(n < 98, "single ports are the lower half of the block");
        self.first + 1 + n
    }

    /// Even ports for media: the upper half of the first block and all of the others but their first port, which is harmless
    /// because its reservation is TCP.
    pub(crate) fn media(&self) -> (u16, u16) {
        (self.first + 100, self.first + self._locks.len() as u16 * BLOCK - 1)
    }
}

fn lock(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
}

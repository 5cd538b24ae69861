//! The core as its users have it: commands through the engine, on the store in memory.

mod accounts;
mod callbacks;
mod calls;
mod conformance;
mod flows;
mod leads;
mod memory_store;
mod offers;
mod people;
mod queues;
mod reports;
mod world;

//! Floor 3 from outside: what is decided, in which words, and what becomes of it over a real socket.

// The lint's leave for tests does not reach the helpers of an integration test.
#![allow(clippy::unwrap_used)]

mod books;
mod causes;
mod http;
mod kinds;
mod letters;
mod mail;
mod notices;
mod outbox;
mod report;
mod retention;
mod runner;
mod smtp;
mod status;
mod status_drills;
mod support;
mod tickets;
mod voices;
mod web;
mod weekly;

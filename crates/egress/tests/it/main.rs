//! The way out against real sockets on loopback.

mod addresses;
mod file;
mod limits;
mod oauth;
mod redirects;
mod server;

//! The way out against real sockets on loopback.

mod addresses;
mod file;
mod limits;
mod oauth;
mod oauth_sign_in;
mod oauth_token;
mod redirects;
mod server;

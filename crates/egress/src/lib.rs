//! The only outbound socket: guarded resolver, HTTP client, checked streams, OAuth grants.

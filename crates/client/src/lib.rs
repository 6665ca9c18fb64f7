//! The API as a caller sees it: in process or over HTTPS.

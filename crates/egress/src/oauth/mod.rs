//! OAuth 2.0 as a client: the grants of RFC 6749, PKCE (RFC 7636), device codes (RFC 8628), assertions
//! instead of secrets (RFC 7523), discovery (RFC 8414), the issuer in answers (RFC 9207), and the
//! identity endpoints of cloud hosts.
//!
//! An answer is read the same way everywhere: bounded in size and time, no redirects, JSON or
//! nothing, and of what the server says in free text not a word is kept: it may repeat what we sent.

mod answer;
mod assertion;
mod authorization;
mod certificate;
mod device;
mod error;
mod identity;
mod keys;
mod metadata;
mod token;

pub use assertion::{Algorithm, Assertion, assertion};
pub use authorization::{
    Authorization, Callback, IdentityClaims, authorization_url, callback_read, challenge,
    identity_claims,
};
pub use certificate::{Certificate, CertificateError};
pub use device::{DeviceCode, DeviceRequest, device_request};
pub use error::OAuthError;
pub use identity::{ManagedIdentity, identity_token};
pub use keys::issuer_keys;
pub use metadata::{ServerMetadata, metadata_discover};
pub use token::{
    Audience, ClientCredentials, ClientProof, Grant, Token, TokenRequest, client_credentials,
    token_request,
};

//! The process-wide TLS provider.

/// Makes ring the TLS provider of this process; calling it again does nothing.
pub fn crypto_install() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Losing a race means that somebody else installed a provider: nothing to repair.
        let _already_installed = rustls::crypto::ring::default_provider().install_default();
    }
}

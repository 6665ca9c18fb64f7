//! Checked addresses and streams for protocols other than HTTP.

use std::net::SocketAddr;

use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::Egress;
use crate::error::EgressError;
use crate::guard::{self, Wire};
use crate::policy::Policy;

impl Egress {
    /// An address of `host` that may be reached, for drivers that dial themselves.
    ///
    /// The driver must connect to this address and use the name only for TLS.
    /// [`Policy::names`] says whether it may talk in plain text.
    ///
    /// # Errors
    /// If the name does not resolve or no address may be reached.
    pub async fn resolve(
        &self,
        policy: &Policy,
        host: &str,
        port: u16,
    ) -> Result<SocketAddr, EgressError> {
        let addresses = self.addresses(policy, host, port).await?;
        addresses
            .first()
            .copied()
            .ok_or_else(|| EgressError::Resolve { host: host.to_owned(), source: None })
    }

    /// Opens a stream to the first address of `host` that may be reached and answers.
    ///
    /// # Errors
    /// If no address may be reached or none answers in time.
    pub async fn connect(
        &self,
        policy: &Policy,
        host: &str,
        port: u16,
    ) -> Result<TcpStream, EgressError> {
        let limit = self.config().connect_timeout;
        let dial = async {
            let mut last = None;
            for address in self.addresses(policy, host, port).await? {
                match TcpStream::connect(address).await {
                    Ok(stream) => {
                        // Only a delay hint: a socket that cannot take it still works.
                        let _hint = stream.set_nodelay(true);
                        return Ok(stream);
                    }
                    Err(source) => last = Some(source),
                }
            }
            let source = last.unwrap_or_else(|| std::io::ErrorKind::AddrNotAvailable.into());
            Err(EgressError::Connect { host: host.to_owned(), source: Box::new(source) })
        };
        timeout(limit, dial).await.unwrap_or_else(|_| {
            Err(EgressError::Timeout { host: host.to_owned(), seconds: limit.as_secs() })
        })
    }

    async fn addresses(
        &self,
        policy: &Policy,
        host: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>, EgressError> {
        let limit = self.config().connect_timeout;
        timeout(limit, guard::resolve(&self.config().lookup, policy, host, port, Wire::Secured))
            .await
            .unwrap_or_else(|_| {
                Err(EgressError::Timeout { host: host.to_owned(), seconds: limit.as_secs() })
            })
    }
}

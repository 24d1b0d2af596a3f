//! The client for programs without an asynchronous runtime: the same calls, each waited for.

use std::future::Future;

use kmip::ProtocolVersion;
use tokio::runtime::Runtime;

use crate::client;
use crate::configuration::Configuration;
use crate::error::Error;
use crate::operations::Request;

/// A connected client that waits for every answer.
pub struct Client {
    runtime: Runtime,
    client: client::Client,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// As [`client::Client::connect`].
    pub fn connect(configuration: &Configuration) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| Error::Connect {
            endpoint: configuration.endpoint(),
            explanation: format!("the system gives no event queue ({error})"),
        })?;
        let client = runtime.block_on(client::Client::connect(configuration))?;
        Ok(Self { runtime, client })
    }

    /// The version of the protocol that both sides speak.
    #[must_use]
    pub const fn version(&self) -> ProtocolVersion {
        self.client.version()
    }

    /// Performs one operation.
    ///
    /// # Errors
    /// As [`client::Client::call`].
    pub fn call<R: Request>(&mut self, request: &R) -> Result<R::Response, Error> {
        self.runtime.block_on(self.client.call(request))
    }

    /// Waits for any call of the asynchronous client: `client.wait(async |client| client.get(&id).await)`.
    pub fn wait<T>(&mut self, call: impl AsyncFnOnce(&mut client::Client) -> T) -> T {
        self.runtime.block_on(Self::run(&mut self.client, call))
    }

    fn run<T>(client: &mut client::Client, call: impl AsyncFnOnce(&mut client::Client) -> T) -> impl Future<Output = T> {
        call(client)
    }
}

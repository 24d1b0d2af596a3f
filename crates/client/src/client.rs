//! A client: a connection, a version, and calls.

use kmip::codec::{DecodeError, Value};
use kmip::credential::{Authentication, Credential};
use kmip::enumerations::ResultStatus;
use kmip::message::{RequestHeader, ResponseMessage, VersionNumbers, write_request_item};
use kmip::operation::Operation;
use kmip::payload::discover_versions::{DiscoverVersionsRequest, DiscoverVersionsResponse};
use kmip::result_reason::ResultReason;
use kmip::{ProtocolVersion, tag};
use ttlv_codec::{Limits, Reader, Writer};
use zeroize::Zeroizing;

use crate::batch::{Batch, BatchResults};
use crate::configuration::Configuration;
use crate::connection::Connection;
use crate::error::{Error, OperationError};
use crate::operations::Request;

/// The versions offered to a server, the preferred first. 3.0 is a draft: it is spoken when the configuration asks for it.
pub const OFFERED: [ProtocolVersion; 7] = [
    ProtocolVersion::V2_1,
    ProtocolVersion::V2_0,
    ProtocolVersion::V1_4,
    ProtocolVersion::V1_3,
    ProtocolVersion::V1_2,
    ProtocolVersion::V1_1,
    ProtocolVersion::V1_0,
];

/// The version in which a server is asked for its versions: the first that has the question.
const ASKING: ProtocolVersion = ProtocolVersion::V1_1;

/// A connected client. It does one thing at a time; connect several for more. It does not reconnect by itself, since only the
/// caller knows whether a request whose outcome is unknown may be sent again.
pub struct Client {
    connection: Connection,
    version: ProtocolVersion,
    credential: Option<Credential>,
    limits: Limits,
}

impl Client {
    /// Connects, and agrees on the newest version that both sides know, unless the configuration names one.
    ///
    /// # Errors
    /// If there is no connection, or no common version.
    pub async fn connect(configuration: &Configuration) -> Result<Self, Error> {
        let connection = Connection::open(configuration).await?;
        let mut client = Self {
            connection,
            version: configuration.version.unwrap_or(ASKING),
            credential: configuration.credential.clone(),
            limits: Limits {
                length: configuration.limits.response_length_max,
                // The shortest item has 16 bytes: a response within the length cannot have more.
                items: configuration.limits.response_length_max / 16,
                ..Limits::default()
            },
        };
        if configuration.version.is_none() {
            client.version = client.negotiate().await?;
        }
        Ok(client)
    }

    /// The version of the protocol that both sides speak.
    #[must_use]
    pub const fn version(&self) -> ProtocolVersion {
        self.version
    }

    /// Asks for the versions that the server knows, in the server's order of preference.
    ///
    /// # Errors
    /// If the server does not answer, or speaks only 1.0, which has no such question.
    pub async fn server_versions(&mut self) -> Result<Vec<VersionNumbers>, Error> {
        Ok(self.call(&DiscoverVersionsRequest { protocol_versions: Vec::new() }).await?.protocol_versions)
    }

    /// Closes the connection in the orderly way. Dropping the client closes it, too.
    pub async fn close(mut self) {
        self.connection.close().await;
    }

    /// Performs one operation.
    ///
    /// # Errors
    /// If the operation fails, with the server's reason, or there is no answer that can be understood.
    pub async fn call<R: Request>(&mut self, request: &R) -> Result<R::Response, Error> {
        self.call_as(R::OPERATION, request).await
    }

    /// Performs one operation with payloads of the caller's own types: for operations that this library has no type for.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn call_as<Q: Value, A: Value>(&mut self, operation: Operation, request: &Q) -> Result<A, Error> {
        let message = self.message(1, None, |writer, version| {
            write_request_item(writer, version, operation, None, request);
        });
        let response = self.connection.exchange(&message).await?;
        let response = ResponseMessage::read(&response, &self.limits)?;
        let [item] = response.items.as_slice() else {
            return Err(Error::Mismatch("one batch item was expected"));
        };
        if item.result_status != ResultStatus::Success {
            return Err(OperationError {
                operation: Some(item.operation.unwrap_or(operation)),
                status: item.result_status,
                reason: item.result_reason.unwrap_or(ResultReason::GeneralFailure),
                message: item.result_message.clone(),
            }
            .into());
        }
        if item.operation.is_some_and(|answered| answered != operation) {
            return Err(Error::Mismatch("it is to another operation"));
        }
        let payload = |error| Error::Payload { operation, error };
        match &item.payload {
            Some(item) => A::read(item, response.version).map_err(payload),
            // A server may leave an empty payload out.
            None => read_empty(response.version).map_err(payload),
        }
    }

    /// An empty batch, in the version of this connection.
    #[must_use]
    pub fn batch(&self) -> Batch {
        Batch::new(self.version)
    }

    /// Performs the operations of a batch in one exchange.
    ///
    /// # Errors
    /// If there is no answer that can be understood. Operations that fail are in the results.
    pub async fn send(&mut self, batch: Batch) -> Result<BatchResults, Error> {
        let message = self.message(batch.count(), Some(&batch), |writer, _| writer.raw(batch.items()));
        let response = self.connection.exchange(&message).await?;
        BatchResults::read(response, &batch, &self.limits)
    }

    /// Sends the bytes of a whole Request Message as they are and returns the bytes of the answer, unread: for tests of servers.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.connection.exchange(request).await
    }

    fn message(
        &self,
        batch_count: i32,
        batch: Option<&Batch>,
        items: impl FnOnce(&mut Writer, ProtocolVersion),
    ) -> Zeroizing<Vec<u8>> {
        let mut header = RequestHeader::new(self.version, batch_count);
        header.authentication = self.credential.clone().map(|credential| Authentication { credentials: vec![credential] });
        if let Some(batch) = batch {
            batch.configure(&mut header);
        }
        let mut writer = Writer::with_capacity(512);
        writer.structure(tag::RequestMessage, |writer| {
            header.write(writer, tag::RequestHeader, self.version);
            items(writer, self.version);
        });
        Zeroizing::new(writer.finish())
    }

    /// The newest version that both sides know (1.4, section 4.26). A server that does not know the question speaks 1.0.
    async fn negotiate(&mut self) -> Result<ProtocolVersion, Error> {
        let question = DiscoverVersionsRequest { protocol_versions: OFFERED.into_iter().map(Into::into).collect() };
        let answer: DiscoverVersionsResponse = match self.call(&question).await {
            Ok(answer) => answer,
            Err(Error::Operation(error)) if speaks_only_1_0(&error) => return Ok(ProtocolVersion::V1_0),
            Err(error) => return Err(error),
        };
        choose(&answer.protocol_versions)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.connection.endpoint())
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// Whether a refusal of Discover Versions means that the server knows neither the operation nor the version that introduced it.
fn speaks_only_1_0(error: &OperationError) -> bool {
    [ResultReason::OperationNotSupported, ResultReason::InvalidMessage, ResultReason::UnsupportedProtocolVersion]
        .contains(&error.reason)
}

/// The newest version in a server's list that is offered here.
fn choose(server: &[VersionNumbers]) -> Result<ProtocolVersion, Error> {
    OFFERED.into_iter().find(|version| server.contains(&(*version).into())).ok_or_else(|| {
        Error::NoCommonVersion(server.iter().map(|numbers| format!("{}.{}", numbers.major, numbers.minor)).collect())
    })
}

/// A payload without fields.
pub(crate) fn read_empty<A: Value>(version: ProtocolVersion) -> Result<A, DecodeError> {
    let mut writer = Writer::new();
    writer.structure(tag::ResponsePayload, |_| {});
    let bytes = writer.finish();
    match Reader::new(&bytes).next_item()? {
        Some(item) => A::read(&item, version),
        None => Err(DecodeError { offset: 0, kind: kmip::DecodeErrorKind::Missing(tag::ResponsePayload) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_common_version_wins() {
        let list = |numbers: &[(i32, i32)]| -> Vec<VersionNumbers> {
            numbers.iter().map(|(major, minor)| VersionNumbers { major: *major, minor: *minor }).collect()
        };
        assert_eq!(choose(&list(&[(1, 0), (1, 2), (9, 9)])).unwrap(), ProtocolVersion::V1_2);
        assert_eq!(choose(&list(&[(3, 0), (2, 1)])).unwrap(), ProtocolVersion::V2_1);
        let none = choose(&list(&[(9, 9)])).unwrap_err();
        assert!(none.to_string().contains("names 9.9"), "{none}");
    }
}

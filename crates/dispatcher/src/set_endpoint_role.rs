//! Set Endpoint Role: the server takes the client's role on the connection, and the client the server's (2.1, section 6.1.54).
//!
//! From then on the server sends requests over the connection: a Put for each new object of the client, a Notify for each change of
//! one (`notice.rs`). The client answers, and asks for nothing more on this connection.

use kmip::codec::Value as _;
use kmip::enumerations::EndpointRole;
use kmip::operation::Operation as Code;
use kmip::payload::set_endpoint_role::{SetEndpointRoleRequest, SetEndpointRoleResponse};
use kmip::result_reason::ResultReason;
use store::Store;

use crate::batch::Run;
use crate::direct::{Effect, Reply};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::view::View;

pub(crate) async fn set_endpoint_role<S: Store>(engine: &Engine<S>, run: &Run<'_>, _: &View<'_, S>) -> Result<Reply> {
    let version = run.request.message.version;
    let SetEndpointRoleRequest { endpoint_role } = SetEndpointRoleRequest::read(&run.item.payload, version)?;
    let reply = Reply::success(Code::SetEndpointRole, &SetEndpointRoleResponse { endpoint_role }, version);
    match endpoint_role {
        // That is its role.
        EndpointRole::Server => Ok(reply),
        EndpointRole::Client if run.request.grant.is_some() => {
            // The connection would outlive the ticket.
            Err(Error::new(ResultReason::PermissionDenied, "A ticket does not allow the server to take the client's role"))
        }
        EndpointRole::Client => {
            engine.channels.check_room(&run.request.actor)?;
            Ok(reply.with(Effect::ExchangeRoles))
        }
        _ => Err(Error::invalid_field("Endpoint Role has an unknown value")),
    }
}

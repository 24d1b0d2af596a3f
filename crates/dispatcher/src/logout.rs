//! Logout: a ticket is not valid any more (2.1, section 6.1.31).

use kmip::codec::Value as _;
use kmip::operation::Operation as Code;
use kmip::payload::logout::{LogoutRequest, LogoutResponse};
use store::Store;

use crate::batch::Run;
use crate::direct::{Effect, Reply};
use crate::engine::Engine;
use crate::error::Result;
use crate::view::View;

pub(crate) async fn logout<S: Store>(engine: &Engine<S>, run: &Run<'_>, _: &View<'_, S>) -> Result<Reply> {
    let version = run.request.message.version;
    let request = LogoutRequest::read(&run.item.payload, version)?;
    let generation = engine.environment.authenticator.generation();
    let ticket = engine.tickets.own(&request.ticket, &run.request.actor, run.request.now_us, generation)?;
    Ok(Reply::success(Code::Logout, &LogoutResponse {}, version).with(Effect::Withdraw(ticket)))
}

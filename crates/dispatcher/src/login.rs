//! Login: a ticket, which later requests show instead of the credentials of this one (2.1, section 6.1.30).

use kmip::codec::Value as _;
use kmip::operation::Operation as Code;
use kmip::payload::login::{LoginRequest, LoginResponse};
use store::Store;

use crate::batch::Run;
use crate::direct::{Effect, Reply};
use crate::engine::Engine;
use crate::error::Result;
use crate::ticket::Wish;
use crate::view::View;

pub(crate) async fn login<S: Store>(engine: &Engine<S>, run: &Run<'_>, _: &View<'_, S>) -> Result<Reply> {
    let version = run.request.message.version;
    let request = LoginRequest::read(&run.item.payload, version)?;
    let wish = Wish {
        lease_time_s: request.lease_time.map(|time| time.seconds_from(run.request.now_us)),
        request_count: request.request_count,
        usage_limits: request.usage_limits,
        rights: None,
    };
    let (issued, ticket) = engine.tickets.make(run, wish, &engine.settings.tickets, &*engine.environment.random)?;
    Ok(Reply::success(Code::Login, &LoginResponse { ticket }, version).with(Effect::Issue(Box::new(issued))))
}

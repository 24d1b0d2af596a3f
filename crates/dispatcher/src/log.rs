//! Log: a message of the client goes into the log of the server (2.1, section 6.1.29): the audit log, beside what was done and by whom,
//! with the same proof that nobody altered it.

use kmip::payload::log::{LogRequest, LogResponse};
use policy::Permission;

use crate::error::{Error, Result};
use crate::operation::{Context, Done, Loaded, Operation, Plan};

/// The longest message, in bytes: a line of a log, which is kept for years, and no document.
const MESSAGE_MAX: usize = 4_096;

pub(crate) struct Log;

impl Operation for Log {
    type Request = LogRequest;
    type Response = LogResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::Log;
    /// Nothing is released, but the record is all there is: without it the message was not logged.
    const RELEASES_MATERIAL: bool = true;

    fn plan(request: &LogRequest, _: &Context<'_>) -> Result<Plan> {
        if request.log_message.len() > MESSAGE_MAX {
            return Err(Error::invalid_field(format!("Log Message must not have more than {MESSAGE_MAX} bytes")));
        }
        Ok(Plan::default())
    }

    fn handle(request: &LogRequest, _: Loaded, (): &(), _: &Context<'_>) -> Result<Done<LogResponse>> {
        Ok(Done { message: Some(request.log_message.clone()), ..Done::reply(LogResponse {}) })
    }
}

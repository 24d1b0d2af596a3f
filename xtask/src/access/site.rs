//! A server of our own with clients of several tenants, and objects in every state.

use super::requests::{VERSION, message};
use crate::Outcome;
use crate::server::{DevServer, free_port};
use benches::connection::{Connection, Identity};
use certs::{Authority, ClientProfile, Validity};
use kmip::ProtocolVersion;
use kmip::codec::from_bytes;
use kmip::message::ResponseMessage;
use kmip::payload::create::CreateResponse;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use ttlv_codec::Limits;

/// How soon a new policy has to hold on connections that are open.
const POLICY_WITHIN: Duration = Duration::from_secs(5);

/// A running server and the authority of its clients.
pub(crate) struct Site {
    server: DevServer,
    folder: PathBuf,
    address: String,
    authority: Authority,
}

/// What came back for an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    /// The Result Reason's number, of a failure.
    pub(crate) reason: Option<u32>,
    /// The Result Message.
    pub(crate) text: String,
    /// The Response Payload.
    pub(crate) payload: Vec<u8>,
}

/// A client's connection.
pub(crate) struct Client {
    connection: Connection,
    response: Vec<u8>,
}

fn text(error: impl ToString) -> String {
    error.to_string()
}

impl Site {
    /// A server with a policy.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn start(directory: &Path, policy: &str) -> Result<Self, String> {
        let port = free_port()?;
        // The first start makes the files, the policy beside them.
        drop(DevServer::start(directory, port, &[])?);
        let folder = directory.join("dev");
        std::fs::write(folder.join("policy.toml"), policy).map_err(text)?;
        let server = DevServer::start(directory, port, &[])?;
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).map_err(|error| format!("{name}: {error}"));
        let authority = Authority::read(&read("ca.pem")?, &read("ca-key.pem")?).map_err(text)?;
        Ok(Self { server, folder, address: format!("127.0.0.1:{port}"), authority })
    }

    /// The number of the server's process.
    pub(crate) fn process(&self) -> u32 {
        self.server.process()
    }

    /// The certificate of the authority, which serves as one to register.
    pub(crate) fn certificate(&self) -> String {
        self.authority.certificate_der().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// A new connection of a client, whose certificate has an organizational unit if it is of another tenant.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn client(&self, name: &str, unit: Option<&str>) -> Result<Client, String> {
        let mut profile = ClientProfile::named(name, Validity::days(1));
        profile.organizational_units = unit.iter().map(|unit| (*unit).to_owned()).collect();
        let issued = self.authority.client(&profile).map_err(text)?;
        let folder = self.folder.join(format!("{name}@{}", unit.unwrap_or("here")));
        std::fs::create_dir_all(&folder).map_err(text)?;
        let identity = Identity {
            authorities: self.folder.join("ca.pem"),
            certificate: folder.join("cert.pem"),
            key: folder.join("key.pem"),
        };
        std::fs::write(&identity.certificate, &issued.certificate_pem).map_err(text)?;
        std::fs::write(&identity.key, issued.key_pem.as_bytes()).map_err(text)?;
        let connection = Connection::open(&identity.client().map_err(text)?, &self.address).map_err(text)?;
        Ok(Client { connection, response: Vec::new() })
    }

    /// Lets another policy hold, and waits until an open connection tells so: `probe` says whether it does.
    ///
    /// # Errors
    /// When it does not in time.
    pub(crate) fn change_policy(
        &self,
        policy: &str,
        mut probe: impl FnMut() -> Result<bool, String>,
    ) -> Result<Duration, String> {
        std::fs::write(self.folder.join("policy.toml"), policy).map_err(text)?;
        let process = i32::try_from(self.server.process()).ok().and_then(rustix::process::Pid::from_raw);
        let begun = Instant::now();
        rustix::process::kill_process(process.ok_or("no process")?, rustix::process::Signal::HUP).map_err(text)?;
        while !probe()? {
            if begun.elapsed() > POLICY_WITHIN {
                return Err(format!(
                    "the policy does not hold after {POLICY_WITHIN:?}; the log ends:\n{}",
                    self.server.log_end()
                ));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(begun.elapsed())
    }
}

impl Client {
    /// Sends a message and takes what comes back.
    ///
    /// # Errors
    /// When nothing does.
    pub(crate) fn send(&mut self, message: &[u8]) -> Result<&[u8], String> {
        self.connection.exchange(message, &mut self.response).map_err(text)?;
        Ok(&self.response)
    }

    /// Asks one thing.
    ///
    /// # Errors
    /// When no message comes back.
    pub(crate) fn ask(&mut self, version: ProtocolVersion, operation: &str, payload: &str) -> Result<Item, String> {
        let message = message(version, &[(operation, payload.to_owned())])?;
        let items = items(self.send(&message)?)?;
        items.into_iter().next().ok_or_else(|| format!("{operation}: no item came back"))
    }

    /// Does what has to succeed.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) fn act(&mut self, operation: &str, payload: &str) -> Outcome {
        self.done(VERSION, operation, payload).map(drop)
    }

    /// Makes an object, whose identifier comes back.
    ///
    /// # Errors
    /// When it is not made.
    pub(crate) fn make(&mut self, version: ProtocolVersion, operation: &str, payload: &str) -> Result<String, String> {
        let payload = self.done(version, operation, payload)?;
        let item = ttlv_codec::Reader::new(&payload).next_item().map_err(text)?.ok_or("no payload")?;
        // Every operation that makes one object answers like Create, but for the Object Type.
        match from_bytes::<CreateResponse>(item.raw(), version) {
            Ok(response) => Ok(response.unique_identifier.0),
            Err(_) => from_bytes::<kmip::payload::register::RegisterResponse>(item.raw(), version)
                .map(|response| response.unique_identifier.0)
                .map_err(text),
        }
    }

    fn done(&mut self, version: ProtocolVersion, operation: &str, payload: &str) -> Result<Vec<u8>, String> {
        let item = self.ask(version, operation, payload)?;
        match item.reason {
            None => Ok(item.payload),
            Some(reason) => Err(format!("{operation}: {reason:#x} {}: {payload}", item.text)),
        }
    }
}

/// The items of a response.
///
/// # Errors
/// When it is none.
pub(crate) fn items(response: &[u8]) -> Result<Vec<Item>, String> {
    let message = ResponseMessage::read(response, &Limits { length: 64 << 20, items: 1 << 20, ..Limits::default() });
    let items = message.map_err(|error| format!("{error:?}"))?.items.into_iter().map(|item| Item {
        reason: item.result_reason.map(|reason| reason.0),
        text: item.result_message.unwrap_or_default(),
        payload: item.payload.map(|payload| payload.raw().to_vec()).unwrap_or_default(),
    });
    Ok(items.collect())
}

/// What has to be done to a new object that it is in a state, whose letter is that of the matrix.
pub(crate) fn steps(state: char) -> &'static [(&'static str, &'static str)] {
    const ACTIVATE: (&str, &str) = ("Activate", "<i>ID</i>");
    const RETIRE: (&str, &str) = ("Revoke", "<i>ID</i><s RevocationReason><e RevocationReasonCode>CessationOfOperation</e></s>");
    const COMPROMISE: (&str, &str) = ("Revoke", "<i>ID</i><s RevocationReason><e RevocationReasonCode>KeyCompromise</e></s>");
    const DESTROY: (&str, &str) = ("Destroy", "<i>ID</i>");
    match state {
        'A' => &[ACTIVATE],
        'D' => &[ACTIVATE, RETIRE],
        'C' => &[COMPROMISE],
        'X' => &[DESTROY],
        'Y' => &[COMPROMISE, DESTROY],
        _ => &[],
    }
}

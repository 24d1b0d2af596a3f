//! The administrative Unix socket: both ends.

use crate::admin::{Administration, Caller, Command, Reply};
use crate::config::{AdminConfig, Config};
use crate::database::{self, Outcome, Progress, Work};
use crate::duties::{Duties, NoDuty};
use crate::files::{DirectoryLock, FileError};
use crate::live::AuditLog;
use crate::local_users;
use crate::throttle::{Leave, Throttle};
use crate::users::Users;
use std::fs::{File, Permissions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tracing::{debug, warn};
use zeroize::Zeroizing;

/// Bytes of a command: a signing request is the largest.
const COMMAND_LENGTH_MAX: usize = 128 * 1024;
/// Bytes of a reply: the list of users is the largest.
const REPLY_LENGTH_MAX: u64 = 64 * 1024 * 1024;
/// Time for sending a command, and for taking its reply.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);
/// Commands at one time: an administrator and a script. As many again of those that the configuration names beside the owner and root.
const COMMANDS_MAX: usize = 8;
/// Connections of users that are not known yet, at one time, beside those of the owner and root.
const STRANGERS_MAX: usize = 16;
/// Time for a command of somebody who may give none.
const STRANGER_TIMEOUT: Duration = Duration::from_secs(2);
/// Records of strangers' attempts in one second: they must not fill the log. The rest is counted in the next one.
const STRANGERS_RECORDED: u32 = 1;
/// Lines of progress that wait to be sent.
const PROGRESS_WAITING_MAX: usize = 4;
/// Bytes of a socket's path the system takes on Linux, with its end.
const PATH_LENGTH_MAX: usize = 108;

/// Why a command could not be given.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The users file.
    #[error(transparent)]
    Users(#[from] crate::users::UserError),
    /// The server does not answer.
    #[error("a server holds the files, or they are not for this user, and the socket {} does not answer: {cause}", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What happened.
        cause: io::Error,
    },
    /// The server refused.
    #[error("{0}")]
    Refused(String),
}

/// A path short enough for the system: a long one is reached through a descriptor of its folder, which must stay open meanwhile.
fn short(path: &Path) -> io::Result<(PathBuf, Option<File>)> {
    if path.as_os_str().len() < PATH_LENGTH_MAX {
        return Ok((path.to_owned(), None));
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the socket's path has no file name"));
    };
    let folder = File::open(folder)?;
    Ok((Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name), Some(folder)))
}

/// Opens the socket: for the owner alone, unless others are named; those that nobody named are told so. The caller holds the
/// directory's lock: a socket that is there already is a dead server's.
///
/// # Errors
/// When it cannot be made.
pub fn bind(config: &AdminConfig) -> Result<UnixListener, FileError> {
    let path = &config.socket;
    let mode = if config.administrators.is_empty() && config.auditors.is_empty() { 0o600 } else { 0o666 };
    let opened = (|| {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let (short, _folder) = short(path)?;
        let listener = UnixListener::bind(short)?;
        std::fs::set_permissions(path, Permissions::from_mode(mode))?;
        Ok(listener)
    })();
    opened.map_err(FileError::new("open the administrative socket", path))
}

/// Serves commands until the task is aborted.
pub async fn run(listener: UnixListener, administration: Arc<Administration>, duties: Duties) {
    let (at_home, named) = (Arc::new(Semaphore::new(COMMANDS_MAX)), Arc::new(Semaphore::new(COMMANDS_MAX)));
    let strangers = Arc::new(Semaphore::new(STRANGERS_MAX));
    let (duties, throttle) = (Arc::new(duties), Arc::new(Throttle::new(STRANGERS_RECORDED)));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!(%error, "an administrative connection cannot be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (uid, gid) = match stream.peer_cred() {
            Ok(peer) => (peer.uid(), peer.gid()),
            Err(error) => {
                warn!(%error, "administrative connection refused: the peer's user is unknown");
                continue;
            }
        };
        // Whoever floods the socket does not keep the owner and root away.
        let is_at_home = uid == 0 || uid == rustix::process::getuid().as_raw();
        let waiting = if is_at_home { None } else { Some(Arc::clone(&strangers).try_acquire_owned()) };
        let Ok(waiting) = waiting.transpose() else { continue };
        let (slots, administration) = (Arc::clone(if is_at_home { &at_home } else { &named }), Arc::clone(&administration));
        let (duties, throttle) = (Arc::clone(&duties), Arc::clone(&throttle));
        tokio::spawn(async move {
            // The system's users may be in a directory service.
            let caller = tokio::task::spawn_blocking(move || Caller::of(&duties, &local_users::user(uid, Some(gid)))).await;
            let served = match caller {
                Ok(Ok(caller)) => {
                    drop(waiting);
                    let Ok(_slot) = slots.try_acquire_owned() else { return };
                    exchange(stream, administration, caller).await
                }
                Ok(Err(cause)) => turn_away(stream, administration, cause, &throttle).await,
                Err(error) => Err(io::Error::other(error)),
            };
            if let Err(error) = served {
                debug!(%error, "administrative connection broke");
            }
        });
    }
}

/// Tells somebody that he may do nothing here, and records what he tried.
async fn turn_away(
    mut stream: UnixStream,
    administration: Arc<Administration>,
    cause: NoDuty,
    throttle: &Throttle,
) -> io::Result<()> {
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    // What is not read at the end would break the answer.
    let line = tokio::time::timeout(STRANGER_TIMEOUT, read_line(&mut stream)).await.map_err(late)??;
    let reply = match throttle.ask() {
        None => Reply::Refused { error: cause.to_string() },
        Some(Leave { withheld }) => {
            let refusing = tokio::task::spawn_blocking(move || {
                let told = line.and_then(|line| serde_json::from_slice::<Command>(&line).ok()).map(|command| command.told());
                let (name, mut about) = told.map_or(("admin connect", Vec::new()), |told| (told.name, told.about));
                about.extend((withheld > 0).then(|| format!("and {withheld} attempts that have no record")));
                let (NoDuty::Nobody(user) | NoDuty::Both { user, .. }) = &cause;
                administration.refuse(&format!("local user {user}"), name, about, cause.to_string())
            });
            refusing.await.map_err(io::Error::other)?
        }
    };
    send_reply(&mut stream, &reply).await?;
    stream.shutdown().await
}

async fn exchange(mut stream: UnixStream, administration: Arc<Administration>, caller: Caller) -> io::Result<()> {
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    let Some(line) = tokio::time::timeout(COMMAND_TIMEOUT, read_line(&mut stream)).await.map_err(late)?? else { return Ok(()) };
    // Hashing a password and reading files take their time, a whole store may take minutes; not on a thread that serves sockets.
    let (tell, mut told) = mpsc::channel(PROGRESS_WAITING_MAX);
    let mut working = tokio::task::spawn_blocking(move || {
        // Where nobody takes it, the next line tells more.
        let mut progress = Progress::through(move |line| drop(tell.try_send(line)));
        match serde_json::from_slice::<Command>(&line) {
            Ok(command) => administration.perform(&caller, command, &mut progress),
            Err(error) => Reply::Refused { error: format!("not a command of this version: {error}") },
        }
    });
    let reply = loop {
        tokio::select! {
            biased;
            Some(line) = told.recv() => send_reply(&mut stream, &Reply::Progress { line }).await?,
            reply = &mut working => break reply.map_err(|_| io::Error::other("the command failed"))?,
        }
    };
    send_reply(&mut stream, &reply).await?;
    stream.shutdown().await
}

async fn send_reply(stream: &mut UnixStream, reply: &Reply) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(reply)?;
    bytes.push(b'\n');
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    tokio::time::timeout(COMMAND_TIMEOUT, stream.write_all(&bytes)).await.map_err(late)?
}

/// Reads a command; `None`: the other end is gone.
async fn read_line(stream: &mut UnixStream) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut line = Zeroizing::new(vec![0; COMMAND_LENGTH_MAX]);
    let mut length = 0;
    loop {
        if let Some(end) = line[..length].iter().position(|byte| *byte == b'\n') {
            line.truncate(end);
            return Ok(Some(line));
        }
        match stream.read(&mut line[length..]).await? {
            0 => return Ok(None),
            count => length += count,
        }
    }
}

/// The lock of a server's files; `None`: the server runs, or they are not for this user, who asks the server then.
fn lock(config: &Config) -> Result<Option<DirectoryLock>, FileError> {
    match DirectoryLock::take(config.folder()) {
        Err(error) if error.cause.kind() == io::ErrorKind::PermissionDenied => Ok(None),
        taken => taken,
    }
}

/// Who this process works on the files for. The system guards these; a server that does not run asks the same of its owner.
fn own_caller(config: &Config) -> Result<Caller, CommandError> {
    let duties = Duties::read(&config.admin).map_err(CommandError::Refused)?;
    Caller::of(&duties, &local_users::own()).map_err(|cause| CommandError::Refused(cause.to_string()))
}

/// Where commands are recorded that are given to the files.
fn log_on_files(config: &Config) -> AuditLog {
    let files = config.clone();
    AuditLog::new(move |entry| database::note_on_files(&files, entry))
}

/// Gives a command to the server of a configuration if it runs, else performs it on the files, under the lock.
///
/// # Errors
/// When files or socket fail, or the command is refused.
pub fn give(config: &Config, command: Command) -> Result<Reply, CommandError> {
    let Some(_lock) = lock(config)? else { return ask(config, &command, Some(COMMAND_TIMEOUT)) };
    let caller = own_caller(config)?;
    let users = Arc::new(Users::open(&config.users, config.secret_seal(), &config.credentials)?);
    let audit_log = Some(log_on_files(config));
    let administration = Administration { config: config.clone(), users, live: None, audit_log };
    accepted(administration.perform(&caller, command, &mut Progress::silent()))
}

/// Does something with the whole store: the running server does it, or this process on the files, under the lock.
///
/// # Errors
/// When files or socket fail, or the command is refused.
pub fn work_on_store(config: &Config, work: Work) -> Result<Outcome, CommandError> {
    if let Some(_lock) = lock(config)? {
        let caller = own_caller(config)?;
        let (name, needed) = work.told();
        if let Err(error) = caller.may(name, needed) {
            let refused = ::audit::Outcome::Failure(kmip::result_reason::ResultReason::PermissionDenied.0);
            let _ = log_on_files(config).record_as(&caller.name, name, Vec::new(), refused);
            return Err(CommandError::Refused(error));
        }
        return database::work_on_files(config, &caller.name, &work).map_err(CommandError::Refused);
    }
    // However long it takes.
    match ask(config, &Command::Db { work }, None)? {
        Reply::Db { outcome } => Ok(outcome),
        other => Err(CommandError::Refused(format!("the server gave another reply than an outcome: {other:?}"))),
    }
}

/// Gives a command to the running server.
fn ask(config: &Config, command: &Command, patience: Option<Duration>) -> Result<Reply, CommandError> {
    let path = config.admin.socket.clone();
    accepted(send(&path, command, patience).map_err(|cause| CommandError::Socket { path, cause })?)
}

fn accepted(reply: Reply) -> Result<Reply, CommandError> {
    match reply {
        Reply::Refused { error } => Err(CommandError::Refused(error)),
        reply => Ok(reply),
    }
}

fn send(path: &Path, command: &Command, patience: Option<Duration>) -> io::Result<Reply> {
    let (short, _folder) = short(path)?;
    let mut stream = BlockingStream::connect(short)?;
    stream.set_read_timeout(patience)?;
    stream.set_write_timeout(Some(COMMAND_TIMEOUT))?;
    let mut bytes = Zeroizing::new(serde_json::to_vec(command)?);
    bytes.push(b'\n');
    stream.write_all(&bytes)?;
    let mut replies = BufReader::new(stream.take(REPLY_LENGTH_MAX));
    let mut progress = Progress::new();
    loop {
        let mut line = String::new();
        replies.read_line(&mut line)?;
        match serde_json::from_str(&line)? {
            Reply::Progress { line } => progress.repeat(line),
            reply => return Ok(reply),
        }
    }
}

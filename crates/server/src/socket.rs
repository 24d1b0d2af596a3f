//! The administrative Unix socket: both ends.

use crate::admin::{Administration, Command, Reply};
use crate::config::Config;
use crate::database::{self, Outcome, Progress, Work};
use crate::files::{DirectoryLock, FileError};
use crate::live::AuditLog;
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
/// Commands at one time: an administrator and a script.
const COMMANDS_MAX: usize = 8;
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
    /// The server runs and does not answer.
    #[error("the server runs, but its socket {} does not answer: {cause}", path.display())]
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

/// Opens the socket for the owner alone. The caller holds the directory's lock: a socket that is there already is a dead server's.
///
/// # Errors
/// When it cannot be made.
pub fn bind(path: &Path) -> Result<UnixListener, FileError> {
    let opened = (|| {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let (short, _folder) = short(path)?;
        let listener = UnixListener::bind(short)?;
        std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
        Ok(listener)
    })();
    opened.map_err(FileError::new("open the administrative socket", path))
}

/// Serves commands until the task is aborted.
pub async fn run(listener: UnixListener, administration: Arc<Administration>) {
    let slots = Arc::new(Semaphore::new(COMMANDS_MAX));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!(%error, "an administrative connection cannot be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let actor = match check_peer(&stream) {
            Ok(user) => format!("administrator (system user {user})"),
            Err(error) => {
                warn!(%error, "administrative connection refused");
                continue;
            }
        };
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else { continue };
        let administration = Arc::clone(&administration);
        tokio::spawn(async move {
            let _slot = slot;
            if let Err(error) = exchange(stream, administration, actor).await {
                debug!(%error, "administrative connection broke");
            }
        });
    }
}

/// The file's mode keeps others out already; this holds also where it was loosened, and over shared file systems.
fn check_peer(stream: &UnixStream) -> Result<u32, String> {
    let peer = stream.peer_cred().map_err(|error| format!("the peer's user is unknown: {error}"))?.uid();
    let own = rustix::process::getuid().as_raw();
    if peer == own || peer == 0 { Ok(peer) } else { Err(format!("user {peer} is neither {own} nor root")) }
}

async fn exchange(mut stream: UnixStream, administration: Arc<Administration>, actor: String) -> io::Result<()> {
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    let Some(line) = tokio::time::timeout(COMMAND_TIMEOUT, read_line(&mut stream)).await.map_err(late)?? else { return Ok(()) };
    // Hashing a password and reading files take their time, a whole store may take minutes; not on a thread that serves sockets.
    let (tell, mut told) = mpsc::channel(PROGRESS_WAITING_MAX);
    let mut working = tokio::task::spawn_blocking(move || {
        // Where nobody takes it, the next line tells more.
        let mut progress = Progress::through(move |line| drop(tell.try_send(line)));
        match serde_json::from_slice::<Command>(&line) {
            Ok(command) => administration.perform(&actor, command, &mut progress),
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

/// Gives a command to the server of a configuration if it runs, else performs it on the files, under the lock.
///
/// # Errors
/// When files or socket fail, or the command is refused.
pub fn give(config: &Config, command: Command) -> Result<Reply, CommandError> {
    let reply = match DirectoryLock::take(config.folder())? {
        Some(_lock) => {
            let users = Arc::new(Users::read(&config.users)?);
            let files = config.clone();
            let audit_log = Some(AuditLog::new(move |entry| database::note_on_files(&files, entry)));
            let actor = database::local_administrator();
            let administration = Administration { config: config.clone(), users, live: None, audit_log };
            administration.perform(&actor, command, &mut Progress::silent())
        }
        None => return ask(config, &command, Some(COMMAND_TIMEOUT)),
    };
    accepted(reply)
}

/// Does something with the whole store: the running server does it, or this process on the files, under the lock.
///
/// # Errors
/// When files or socket fail, or the command is refused.
pub fn work_on_store(config: &Config, work: Work) -> Result<Outcome, CommandError> {
    if let Some(_lock) = DirectoryLock::take(config.folder())? {
        return database::work_on_files(config, &work).map_err(CommandError::Refused);
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

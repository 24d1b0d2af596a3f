//! The disk as a file system that programs can use: the requests of the kernel, mounting and unmounting.

use super::contents::{BLOCK, Contents};
use super::directory::Directory;
use super::disk::{Disk, Node};
use crate::Outcome;
use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, LockOwner,
    MountOption, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen,
    ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};
use rustix::process::{getgid, getuid};
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;

/// The kernel is the only one who changes anything: what it knows stays true.
const FOR_GOOD: Duration = Duration::from_secs(3600);

/// How long unmounting may take.
const UNMOUNT: Duration = Duration::from_secs(5);

/// Permission bits of a mode.
const PERMISSIONS: u32 = 0o7777;

/// `FALLOC_FL_KEEP_SIZE`.
const KEEP_SIZE: i32 = 1;

/// Fails by name when something is missing that mounting needs.
fn requirements() -> Outcome {
    if !Path::new("/dev/fuse").exists() {
        return Err("there is no /dev/fuse: load the kernel module fuse; a container needs --device /dev/fuse and the \
                    capability SYS_ADMIN"
            .to_owned());
    }
    match Command::new("fusermount3").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        _ => Err("fusermount3 does not run: install the package fuse3 (cargo xtask setup does)".to_owned()),
    }
}

/// A directory to mount on. Whatever becomes of this process, nothing stays mounted and the directory goes away.
#[derive(Debug)]
pub(crate) struct MountPoint {
    /// Waits for the end of this process, however it comes about, and cleans up if it was sudden.
    watcher: Child,
    path: PathBuf,
    directory: TempDir,
}

impl MountPoint {
    /// Makes a temporary directory and something that watches over it.
    pub(crate) fn new() -> Result<Self, String> {
        requirements()?;
        let directory = tempfile::tempdir().map_err(|error| format!("temporary directory: {error}"))?;
        let path = directory.path().join("disk");
        std::fs::create_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let script = "cat; fusermount3 -u -z -q \"$0/disk\"; rm -rf --one-file-system \"$0\"";
        let mut watcher = Command::new("sh");
        watcher.args(["-c", script]).arg(directory.path()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // A process group of its own: an interrupt from the keyboard does not end it.
        let watcher = watcher.process_group(0).spawn().map_err(|error| format!("sh: {error}"))?;
        Ok(Self { watcher, path, directory })
    }

    /// A directory beside the mounted one, on an ordinary file system, for what must not be forgotten.
    pub(crate) fn beside(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for MountPoint {
    fn drop(&mut self) {
        drop(self.watcher.stdin.take());
        let _ = self.watcher.wait();
    }
}

/// A disk that is mounted.
#[derive(Debug)]
pub(crate) struct Volume {
    disk: Arc<Mutex<Disk>>,
    session: Option<BackgroundSession>,
    path: PathBuf,
}

impl Volume {
    /// Mounts a disk.
    pub(crate) fn mount(disk: Disk, point: &MountPoint) -> Result<Self, String> {
        let disk = Arc::new(Mutex::new(disk));
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("volatile".into()), MountOption::DefaultPermissions];
        let session = fuser::spawn_mount(Bridge { disk: Arc::clone(&disk), listings: Mutex::default() }, &point.path, &config);
        let session = session.map_err(|error| format!("mounting on {}: {error}", point.path.display()))?;
        Ok(Self { disk, session: Some(session), path: point.path.clone() })
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The disk, while it is in use.
    pub(crate) fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Unmounts. No process may use the file system any more.
    pub(crate) fn unmount(mut self) -> Result<Disk, String> {
        self.end()?;
        Ok(self.disk().clone())
    }

    fn end(&mut self) -> Outcome {
        let Some(session) = self.session.take() else { return Ok(()) };
        let first = session.umount_and_join();
        let begun = Instant::now();
        while is_mounted(&self.path) {
            if begun.elapsed() > UNMOUNT {
                return Err(format!("{} cannot be unmounted: {first:?}", self.path.display()));
            }
            let _ = Command::new("fusermount3").args(["-u", "-z", "-q"]).arg(&self.path).status();
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // After a failure; unmount says what went wrong.
        let _ = self.end();
    }
}

fn is_mounted(path: &Path) -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mounts.lines().any(|line| line.split(' ').nth(1).is_some_and(|mounted| Path::new(mounted) == path))
}

/// What a directory held when it was opened: entries keep their places while others go.
type Listing = Vec<(u64, FileType, OsString)>;

/// Requests of the kernel become operations on the disk.
#[derive(Debug)]
struct Bridge {
    disk: Arc<Mutex<Disk>>,
    listings: Mutex<(u64, HashMap<u64, Listing>)>,
}

impl Bridge {
    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listings(&self) -> MutexGuard<'_, (u64, HashMap<u64, Listing>)> {
        self.listings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(disk: &Disk, number: u64, reply: ReplyEntry) {
        match attributes(disk, number) {
            Ok(attributes) => reply.entry(&FOR_GOOD, &attributes, Generation(0)),
            Err(error) => reply.error(error),
        }
    }
}

fn attributes(disk: &Disk, number: u64) -> Result<FileAttr, Errno> {
    let inode = disk.inode(number)?;
    let (kind, nlink) = match inode.node {
        Node::File(_) => (FileType::RegularFile, 1),
        Node::Directory(_) => (FileType::Directory, 2),
    };
    Ok(FileAttr {
        ino: INodeNo(number),
        size: inode.length(),
        blocks: inode.allocated() * (BLOCK as u64 / 512),
        atime: inode.modified,
        mtime: inode.modified,
        ctime: inode.modified,
        crtime: inode.modified,
        kind,
        perm: inode.mode,
        nlink,
        uid: getuid().as_raw(),
        gid: getgid().as_raw(),
        rdev: 0,
        blksize: BLOCK as u32,
        flags: 0,
    })
}

fn finish(outcome: Result<(), Errno>, reply: ReplyEmpty) {
    match outcome {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error),
    }
}

impl Filesystem for Bridge {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let disk = self.disk();
        match disk.lookup(parent.0, name) {
            Ok(number) => Self::enter(&disk, number, reply),
            Err(error) => reply.error(error),
        }
    }

    fn getattr(&self, _: &Request, number: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match attributes(&self.disk(), number.0) {
            Ok(attributes) => reply.attr(&FOR_GOOD, &attributes),
            Err(error) => reply.error(error),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        number: INodeNo,
        mode: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<fuser::BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let mut disk = self.disk();
        let mode = mode.map_or(Ok(()), |mode| disk.set_mode(number.0, (mode & PERMISSIONS) as u16));
        let size = size.map_or(Ok(()), |size| disk.set_length(number.0, size));
        match mode.and(size).and_then(|()| attributes(&disk, number.0)) {
            Ok(attributes) => reply.attr(&FOR_GOOD, &attributes),
            Err(error) => reply.error(error),
        }
    }

    fn mkdir(&self, _: &Request, parent: INodeNo, name: &OsStr, mode: u32, umask: u32, reply: ReplyEntry) {
        let mut disk = self.disk();
        let mode = (mode & !umask & PERMISSIONS) as u16;
        match disk.make(parent.0, name, Node::Directory(Directory::default()), mode) {
            Ok(number) => Self::enter(&disk, number, reply),
            Err(error) => reply.error(error),
        }
    }

    fn create(&self, _: &Request, parent: INodeNo, name: &OsStr, mode: u32, umask: u32, _: i32, reply: ReplyCreate) {
        let mut disk = self.disk();
        let mode = (mode & !umask & PERMISSIONS) as u16;
        let made = disk.make(parent.0, name, Node::File(Contents::default()), mode);
        match made.and_then(|number| attributes(&disk, number)) {
            Ok(attributes) => {
                reply.created(&FOR_GOOD, &attributes, Generation(0), FileHandle(0), FopenFlags::FOPEN_DIRECT_IO);
            }
            Err(error) => reply.error(error),
        }
    }

    fn open(&self, _: &Request, number: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.disk().open(number.0) {
            Ok(()) => reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO),
            Err(error) => reply.error(error),
        }
    }

    fn release(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        self.disk().close(number.0);
        reply.ok();
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        finish(self.disk().unlink(parent.0, name, false), reply);
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        finish(self.disk().unlink(parent.0, name, true), reply);
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if !RenameFlags::RENAME_NOREPLACE.contains(flags) {
            return reply.error(Errno::EINVAL);
        }
        finish(self.disk().rename((parent.0, name), (new_parent.0, new_name), flags.is_empty()), reply);
    }

    fn read(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let data = self.disk().read(number.0, offset, size as usize);
        match data {
            Ok(data) => reply.data(&data),
            Err(error) => reply.error(error),
        }
    }

    fn write(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.disk().write(number.0, offset, data) {
            Ok(length) => reply.written(length as u32),
            Err(error) => reply.error(error),
        }
    }

    fn fallocate(&self, _: &Request, number: INodeNo, _: FileHandle, offset: u64, length: u64, mode: i32, reply: ReplyEmpty) {
        if mode & !KEEP_SIZE != 0 {
            return reply.error(Errno::EOPNOTSUPP);
        }
        finish(self.disk().allocate(number.0, offset, length, mode == KEEP_SIZE), reply);
    }

    fn fsync(&self, _: &Request, number: INodeNo, _: FileHandle, data_only: bool, reply: ReplyEmpty) {
        finish(self.disk().sync(number.0, data_only), reply);
    }

    fn fsyncdir(&self, _: &Request, number: INodeNo, _: FileHandle, data_only: bool, reply: ReplyEmpty) {
        finish(self.disk().sync(number.0, data_only), reply);
    }

    fn opendir(&self, _: &Request, number: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let listing = {
            let mut disk = self.disk();
            disk.open(number.0).and_then(|()| list(&disk, number.0))
        };
        match listing {
            Ok(listing) => {
                let mut listings = self.listings();
                listings.0 += 1;
                let handle = listings.0;
                listings.1.insert(handle, listing);
                reply.opened(FileHandle(handle), FopenFlags::empty());
            }
            Err(error) => reply.error(error),
        }
    }

    fn readdir(&self, _: &Request, _: INodeNo, handle: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        if self.disk().is_off() {
            return reply.error(Errno::EIO);
        }
        let listings = self.listings();
        let Some(listing) = listings.1.get(&handle.0) else { return reply.error(Errno::EBADF) };
        for (at, (number, kind, name)) in listing.iter().enumerate().skip(offset as usize) {
            if reply.add(INodeNo(*number), at as u64 + 1, *kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn releasedir(&self, _: &Request, number: INodeNo, handle: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        self.listings().1.remove(&handle.0);
        self.disk().close(number.0);
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        match self.disk().room() {
            Ok((capacity, free)) => reply.statfs(capacity, free, free, 1 << 20, 1 << 20, BLOCK as u32, 255, BLOCK as u32),
            Err(error) => reply.error(error),
        }
    }
}

fn list(disk: &Disk, number: u64) -> Result<Listing, Errno> {
    let Node::Directory(directory) = &disk.inode(number)?.node else { return Err(Errno::ENOTDIR) };
    let this = [(number, FileType::Directory, ".".into()), (number, FileType::Directory, "..".into())];
    let names = directory.names().map(|(name, child)| {
        let kind = match disk.inode(child).map(|inode| &inode.node) {
            Ok(Node::Directory(_)) => FileType::Directory,
            _ => FileType::RegularFile,
        };
        (child, kind, name.clone())
    });
    Ok(this.into_iter().chain(names).collect())
}

//! A file system that forgets what was not synced, for tests of what survives a power cut.
//!
//! It lives in the memory of this process and is mounted through FUSE, so that any program can use it without knowing. The
//! kernel keeps nothing back: every write is a request, every file is opened for direct input and output.
//!
//! What a power cut leaves is as little as POSIX promises:
//! - A file's data and length are durable after fsync or fdatasync of the file, whose failure makes nothing durable, ever.
//! - A name is durable after fsync of its directory. An fsync of the file does not make its name durable.
//! - Of the rest, each block of 4 KiB may survive on its own, in its last version or one before it, so that writes are torn
//!   and reordered between syncs; of the operations on one directory a prefix survives.
//!
//! Permissions and times are not under test: they are kept as they were given.

mod contents;
mod directory;
mod disk;
mod mount;
mod plan;
mod random;
#[cfg(test)]
mod tests;

pub(crate) use disk::{Disk, Survival};
pub(crate) use mount::{MountPoint, Volume};
pub(crate) use plan::{CLASSES, Class, Fault, Kind};
pub(crate) use random::Random;

//! The disk: inodes, the operations on them, and the power cut.

use super::Random;
use super::contents::{BLOCK, Contents};
use super::directory::Directory;
use super::plan::{Class, Fault, Plan, Verdict};
use fuser::Errno;
use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// The inode of the root directory.
pub(super) const ROOT: u64 = 1;

/// The size of a disk that was not given another one: 8 GiB, in blocks.
const CAPACITY: u64 = (8 << 30) / BLOCK as u64;

/// What a power cut leaves of what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Survival {
    Nothing,
    /// Each block with a probability of one half, and some of the operations on each directory.
    Some,
    All,
}

/// A file or directory.
#[derive(Clone, Debug)]
pub(super) struct Inode {
    pub(super) node: Node,
    pub(super) mode: u16,
    pub(super) modified: SystemTime,
    /// Where it was named last, for messages and for the directories whose syncs are ignored.
    parent: u64,
    name: OsString,
    /// How many names it has now.
    links: u32,
    /// How often it is open.
    opened: u32,
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    File(Contents),
    Directory(Directory),
}

/// A disk in memory. Copies share the blocks, so that many runs can begin with one image.
#[derive(Debug)]
pub(crate) struct Disk {
    inodes: HashMap<u64, Inode>,
    next: u64,
    /// In blocks.
    capacity: u64,
    used: u64,
    /// The directory in whose files fdatasync does nothing.
    ignore_data_syncs_of: Option<OsString>,
    pub(super) plan: Plan,
}

impl Clone for Disk {
    fn clone(&self) -> Self {
        Self {
            inodes: self.inodes.clone(),
            next: self.next,
            capacity: self.capacity,
            used: self.used,
            ignore_data_syncs_of: self.ignore_data_syncs_of.clone(),
            plan: Plan::default(),
        }
    }
}

impl Disk {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let root = Inode {
            node: Node::Directory(Directory::default()),
            mode: 0o755,
            modified: SystemTime::now(),
            parent: ROOT,
            name: OsString::new(),
            links: 1,
            opened: 0,
        };
        let inodes = HashMap::from([(ROOT, root)]);
        Self { inodes, next: ROOT + 1, capacity: CAPACITY, used: 0, ignore_data_syncs_of: None, plan: Plan::default() }
    }

    /// fdatasync of files in directories of this name succeeds and does nothing.
    pub(crate) fn ignore_data_syncs_of(&mut self, directory: &str) {
        self.ignore_data_syncs_of = Some(directory.into());
    }

    /// Leaves room for so many bytes more than are used now.
    pub(crate) fn set_room(&mut self, bytes: u64) {
        self.capacity = self.used + bytes / BLOCK as u64;
    }

    /// As much room as a new disk has.
    pub(crate) fn enlarge(&mut self) {
        self.capacity = CAPACITY;
    }

    /// Counts operations from here on, and lets one of them fail.
    pub(crate) fn arm(&mut self, fault: Option<Fault>) {
        self.plan.arm(fault);
    }

    /// Lets the power fail after so many more changes: everything answers EIO from then on.
    pub(crate) fn cut_after(&mut self, changes: u64) {
        self.plan.cut_after(changes);
    }

    /// Lets the power fail now, if it has not yet.
    pub(crate) fn cut_now(&mut self) {
        self.plan.cut();
    }

    /// Whether the power has failed.
    pub(crate) fn is_off(&self) -> bool {
        self.plan.is_off()
    }

    /// How many operations of each class there have been since it was armed.
    pub(crate) fn counts(&self) -> [u64; super::CLASSES.len()] {
        self.plan.counts()
    }

    /// What was made to fail.
    pub(crate) fn fired(&self) -> &[String] {
        &self.plan.fired
    }

    /// What is found when the power is back.
    pub(crate) fn after_power_cut(&self, survival: Survival, random: &mut Random) -> Self {
        let mut disk = self.clone();
        // The order of a hash map would make one seed give different results.
        let mut numbers: Vec<u64> = disk.inodes.keys().copied().collect();
        numbers.sort_unstable();
        for number in numbers {
            let Some(inode) = disk.inodes.get_mut(&number) else { continue };
            match &mut inode.node {
                Node::File(contents) => contents.cut(survival, random),
                Node::Directory(directory) => directory.cut(survival, random),
            }
            (inode.links, inode.opened) = (0, 0);
        }
        disk.forget_unreachable();
        disk
    }

    /// Drops what no name leads to, and counts links and blocks anew.
    fn forget_unreachable(&mut self) {
        let (mut reached, mut waiting) = (HashSet::from([ROOT]), vec![ROOT]);
        let mut links: Vec<(u64, u64, OsString)> = Vec::new();
        while let Some(number) = waiting.pop() {
            let Some(Inode { node: Node::Directory(directory), .. }) = self.inodes.get(&number) else { continue };
            for (name, child) in directory.names() {
                links.push((child, number, name.clone()));
                if reached.insert(child) {
                    waiting.push(child);
                }
            }
        }
        self.inodes.retain(|number, _| reached.contains(number));
        for (child, parent, name) in links {
            if let Some(inode) = self.inodes.get_mut(&child) {
                (inode.links, inode.parent, inode.name) = (inode.links + 1, parent, name);
            }
        }
        self.used = self.inodes.values().map(Inode::allocated).sum();
    }

    /// Writes everything that is on it into a directory that does not exist yet, to be looked at.
    pub(crate) fn export(&self, directory: &Path) -> io::Result<()> {
        self.export_directory(ROOT, directory)
    }

    fn export_directory(&self, number: u64, path: &Path) -> io::Result<()> {
        std::fs::create_dir(path)?;
        let Some(Inode { node: Node::Directory(directory), .. }) = self.inodes.get(&number) else { return Ok(()) };
        for (name, child) in directory.names() {
            match self.inodes.get(&child).map(|inode| &inode.node) {
                Some(Node::File(contents)) => {
                    std::fs::write(path.join(name), contents.read(0, usize::try_from(contents.length()).unwrap_or(0)))?;
                }
                _ => self.export_directory(child, &path.join(name))?,
            }
        }
        Ok(())
    }

    pub(super) fn inode(&self, number: u64) -> Result<&Inode, Errno> {
        self.inodes.get(&number).ok_or(Errno::ENOENT)
    }

    fn inode_mut(&mut self, number: u64) -> Result<&mut Inode, Errno> {
        self.inodes.get_mut(&number).ok_or(Errno::ENOENT)
    }

    fn directory(&mut self, number: u64) -> Result<&mut Directory, Errno> {
        match &mut self.inode_mut(number)?.node {
            Node::Directory(directory) => Ok(directory),
            Node::File(_) => Err(Errno::ENOTDIR),
        }
    }

    fn contents(&mut self, number: u64) -> Result<&mut Contents, Errno> {
        match &mut self.inode_mut(number)?.node {
            Node::File(contents) => Ok(contents),
            Node::Directory(_) => Err(Errno::EISDIR),
        }
    }

    /// The path of an inode, for messages.
    pub(crate) fn path(&self, mut number: u64) -> String {
        let mut names = Vec::new();
        while let Some(inode) = self.inodes.get(&number).filter(|_| number != ROOT && names.len() < 64) {
            names.push(inode.name.to_string_lossy().into_owned());
            number = inode.parent;
        }
        names.reverse();
        names.join("/")
    }

    fn admit(&mut self, class: Class, number: u64, name: Option<&OsStr>) -> Result<Verdict, Errno> {
        let mut plan = std::mem::take(&mut self.plan);
        let verdict = plan.admit(class, || {
            let path = self.path(number);
            name.map_or(path.clone(), |name| format!("{path}/{}", name.to_string_lossy()))
        });
        self.plan = plan;
        verdict
    }

    pub(super) fn lookup(&self, parent: u64, name: &OsStr) -> Result<u64, Errno> {
        self.plan.read()?;
        match &self.inode(parent)?.node {
            Node::Directory(directory) => directory.find(name).ok_or(Errno::ENOENT),
            Node::File(_) => Err(Errno::ENOTDIR),
        }
    }

    /// Makes a file or an empty directory, and opens the file.
    pub(super) fn make(&mut self, parent: u64, name: &OsStr, node: Node, mode: u16) -> Result<u64, Errno> {
        self.admit(Class::Open, parent, Some(name))?;
        if self.directory(parent)?.find(name).is_some() {
            return Err(Errno::EEXIST);
        }
        let number = self.next;
        self.next += 1;
        let opened = u32::from(matches!(node, Node::File(_)));
        let inode = Inode { node, mode, modified: SystemTime::now(), parent, name: name.to_owned(), links: 1, opened };
        self.inodes.insert(number, inode);
        self.directory(parent)?.apply(vec![(name.to_owned(), Some(number))]);
        Ok(number)
    }

    pub(super) fn open(&mut self, number: u64) -> Result<(), Errno> {
        self.admit(Class::Open, number, None)?;
        self.inode_mut(number)?.opened += 1;
        Ok(())
    }

    pub(super) fn close(&mut self, number: u64) {
        if let Ok(inode) = self.inode_mut(number) {
            inode.opened = inode.opened.saturating_sub(1);
            self.free(number);
        }
    }

    pub(super) fn unlink(&mut self, parent: u64, name: &OsStr, empty_directory: bool) -> Result<(), Errno> {
        self.plan.change()?;
        let number = self.directory(parent)?.find(name).ok_or(Errno::ENOENT)?;
        match (&self.inode(number)?.node, empty_directory) {
            (Node::Directory(_), false) => return Err(Errno::EISDIR),
            (Node::File(_), true) => return Err(Errno::ENOTDIR),
            (Node::Directory(directory), true) if !directory.is_empty() => return Err(Errno::ENOTEMPTY),
            _ => {}
        }
        self.directory(parent)?.apply(vec![(name.to_owned(), None)]);
        self.drop_link(number)
    }

    pub(super) fn rename(&mut self, from: (u64, &OsStr), to: (u64, &OsStr), replace: bool) -> Result<(), Errno> {
        self.admit(Class::Rename, from.0, Some(from.1))?;
        let number = self.directory(from.0)?.find(from.1).ok_or(Errno::ENOENT)?;
        let replaced = self.directory(to.0)?.find(to.1);
        match replaced {
            Some(other) if other == number => return Ok(()),
            Some(_) if !replace => return Err(Errno::EEXIST),
            Some(other) => match (&self.inode(number)?.node, &self.inode(other)?.node) {
                (Node::Directory(_), Node::Directory(directory)) if !directory.is_empty() => return Err(Errno::ENOTEMPTY),
                (Node::Directory(_), Node::File(_)) => return Err(Errno::ENOTDIR),
                (Node::File(_), Node::Directory(_)) => return Err(Errno::EISDIR),
                _ => {}
            },
            None => {}
        }
        let (old, new) = ((from.1.to_owned(), None), (to.1.to_owned(), Some(number)));
        if from.0 == to.0 {
            self.directory(from.0)?.apply(vec![old, new]);
        } else {
            // Two directories, two syncs: until both are done, both names or none may be there.
            self.directory(to.0)?.apply(vec![new]);
            self.directory(from.0)?.apply(vec![old]);
        }
        let inode = self.inode_mut(number)?;
        (inode.parent, inode.name) = (to.0, to.1.to_owned());
        replaced.map_or(Ok(()), |other| self.drop_link(other))
    }

    fn drop_link(&mut self, number: u64) -> Result<(), Errno> {
        let inode = self.inode_mut(number)?;
        inode.links = inode.links.saturating_sub(1);
        self.free(number);
        Ok(())
    }

    /// A file without a name that nobody has open takes no room any more. (A power cut may bring it back until its
    /// directory is synced; the room is given away at once all the same, as file systems do when they are asked how much
    /// there is.)
    fn free(&mut self, number: u64) {
        if let Some(inode) = self.inodes.get(&number)
            && inode.links == 0
            && inode.opened == 0
        {
            self.used = self.used.saturating_sub(inode.allocated());
        }
    }

    pub(super) fn read(&self, number: u64, offset: u64, length: usize) -> Result<Vec<u8>, Errno> {
        self.plan.read()?;
        match &self.inode(number)?.node {
            Node::File(contents) => Ok(contents.read(offset, length)),
            Node::Directory(_) => Err(Errno::EISDIR),
        }
    }

    /// Writes, perhaps only the beginning; returns how many bytes.
    pub(super) fn write(&mut self, number: u64, offset: u64, data: &[u8]) -> Result<usize, Errno> {
        let length = match self.admit(Class::Write, number, None)? {
            Verdict::Go => data.len(),
            Verdict::Half => data.len().div_ceil(2),
        };
        let room = self.capacity.saturating_sub(self.used);
        let contents = self.contents(number)?;
        let mut length = length as u64;
        if contents.missing(offset, length) > room {
            // As much as fits: whole blocks from the beginning.
            let mut end = offset / BLOCK as u64 * BLOCK as u64;
            while contents.missing(offset, (end + BLOCK as u64).saturating_sub(offset)) <= room {
                end += BLOCK as u64;
            }
            length = end.saturating_sub(offset);
            if length == 0 {
                return Err(Errno::ENOSPC);
            }
        }
        let missing = contents.missing(offset, length);
        contents.write(offset, &data[..length as usize]);
        self.used += missing;
        self.inode_mut(number)?.modified = SystemTime::now();
        Ok(length as usize)
    }

    pub(super) fn allocate(&mut self, number: u64, offset: u64, length: u64, keep_length: bool) -> Result<(), Errno> {
        if self.admit(Class::Write, number, None)? == Verdict::Half {
            return Err(Errno::ENOSPC);
        }
        let room = self.capacity.saturating_sub(self.used);
        let contents = self.contents(number)?;
        if contents.missing(offset, length) > room {
            return Err(Errno::ENOSPC);
        }
        let before = contents.allocated();
        contents.allocate(offset, length, keep_length);
        self.used += contents.allocated() - before;
        Ok(())
    }

    pub(super) fn set_length(&mut self, number: u64, length: u64) -> Result<(), Errno> {
        if self.admit(Class::Write, number, None)? == Verdict::Half {
            return Err(Errno::ENOSPC);
        }
        let contents = self.contents(number)?;
        let before = contents.allocated();
        contents.set_length(length);
        let after = contents.allocated();
        self.used = (self.used + after).saturating_sub(before);
        self.inode_mut(number)?.modified = SystemTime::now();
        Ok(())
    }

    pub(super) fn set_mode(&mut self, number: u64, mode: u16) -> Result<(), Errno> {
        self.plan.change()?;
        self.inode_mut(number)?.mode = mode;
        Ok(())
    }

    /// fsync, or fdatasync, which differ only for those that are ignored: both make the length durable.
    pub(super) fn sync(&mut self, number: u64, data_only: bool) -> Result<(), Errno> {
        if let Err(error) = self.admit(Class::Sync, number, None) {
            if !self.is_off()
                && let Ok(contents) = self.contents(number)
            {
                contents.fail_sync();
            }
            return Err(error);
        }
        if data_only && self.ignore_data_syncs_of.as_ref().is_some_and(|ignored| self.is_in(number, ignored)) {
            return Ok(());
        }
        match &mut self.inode_mut(number)?.node {
            Node::File(contents) => contents.sync(),
            Node::Directory(directory) => directory.sync(),
        }
        Ok(())
    }

    /// Whether a file lies directly in a directory of this name.
    fn is_in(&self, number: u64, directory: &OsStr) -> bool {
        let Some(inode) = self.inodes.get(&number).filter(|inode| matches!(inode.node, Node::File(_))) else { return false };
        self.inodes.get(&inode.parent).is_some_and(|parent| parent.name == *directory)
    }

    /// Capacity and free room, in blocks.
    pub(super) fn room(&self) -> Result<(u64, u64), Errno> {
        self.plan.read()?;
        Ok((self.capacity, self.capacity.saturating_sub(self.used)))
    }
}

impl Inode {
    pub(super) fn allocated(&self) -> u64 {
        match &self.node {
            Node::File(contents) => contents.allocated(),
            Node::Directory(_) => 0,
        }
    }

    pub(super) fn length(&self) -> u64 {
        match &self.node {
            Node::File(contents) => contents.length(),
            Node::Directory(_) => 0,
        }
    }
}

//! What survives a power cut, and what does not.

use super::disk::Node;
use super::*;
use fuser::Errno;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::Write;

const ROOT: u64 = super::disk::ROOT;

/// A disk with an empty file in its root directory, durable.
fn with_file(name: &str) -> (Disk, u64) {
    let mut disk = Disk::new();
    let file = make(&mut disk, name);
    disk.sync(ROOT, false).expect("sync");
    (disk, file)
}

fn make(disk: &mut Disk, name: &str) -> u64 {
    disk.make(ROOT, OsStr::new(name), Node::File(Default::default()), 0o600).expect("create")
}

fn cut(disk: &Disk, survival: Survival, seed: u64) -> Disk {
    disk.after_power_cut(survival, &mut Random::new(seed))
}

/// All bytes of a file of the root directory; `None`: it is not there.
fn read(disk: &Disk, name: &str) -> Option<Vec<u8>> {
    let number = disk.lookup(ROOT, OsStr::new(name)).ok()?;
    Some(disk.read(number, 0, 1 << 30).expect("read"))
}

#[test]
fn what_was_synced_survives_and_the_rest_does_not() {
    let (mut disk, file) = with_file("a");
    disk.write(file, 0, b"durable").expect("write");
    disk.sync(file, false).expect("sync");
    disk.write(file, 3, b"forgotten").expect("write");
    assert_eq!(read(&disk, "a").expect("a"), b"durforgotten");
    assert_eq!(read(&cut(&disk, Survival::Nothing, 1), "a").expect("a"), b"durable");
    assert_eq!(read(&cut(&disk, Survival::All, 1), "a").expect("a"), b"durforgotten");
}

#[test]
fn what_survived_one_cut_survives_the_next() {
    let (mut disk, file) = with_file("a");
    disk.write(file, 0, &[7; 40_000]).expect("write");
    for seed in 0..20 {
        let once = cut(&disk, Survival::Some, seed);
        assert_eq!(read(&once, "a"), read(&cut(&once, Survival::Nothing, seed), "a"));
    }
}

#[test]
fn an_unsynced_write_is_torn_at_blocks_and_in_any_order() {
    let (mut disk, file) = with_file("a");
    disk.write(file, 0, &[1; 3 * 4096]).expect("write");
    disk.sync(file, false).expect("sync");
    disk.write(file, 0, &[2; 3 * 4096]).expect("write");
    let mut seen = std::collections::HashSet::new();
    for seed in 0..200 {
        let data = read(&cut(&disk, Survival::Some, seed), "a").expect("a");
        assert_eq!(data.len(), 3 * 4096);
        let blocks: Vec<u8> = data.chunks(4096).map(|block| block[0]).collect();
        assert!(data.chunks(4096).all(|block| block.iter().all(|byte| *byte == block[0])), "a block is whole");
        seen.insert(blocks);
    }
    assert_eq!(seen.len(), 8, "every combination happens: {seen:?}");
}

#[test]
fn the_length_survives_only_with_a_sync() {
    let (mut disk, file) = with_file("a");
    disk.write(file, 0, &[1; 10_000]).expect("write");
    disk.sync(file, false).expect("sync");
    disk.set_length(file, 5).expect("truncate");
    assert_eq!(read(&cut(&disk, Survival::Nothing, 1), "a").expect("a"), [1; 10_000]);
    disk.sync(file, false).expect("sync");
    disk.write(file, 8, b"x").expect("write");
    assert_eq!(read(&disk, "a").expect("a"), [1, 1, 1, 1, 1, 0, 0, 0, b'x'], "what was cut off does not come back");
    assert_eq!(read(&cut(&disk, Survival::Nothing, 1), "a").expect("a"), [1; 5]);
}

#[test]
fn a_name_survives_only_with_a_sync_of_its_directory() {
    let mut disk = Disk::new();
    let file = make(&mut disk, "a");
    disk.write(file, 0, b"1").expect("write");
    disk.sync(file, false).expect("sync");
    assert_eq!(read(&cut(&disk, Survival::Nothing, 1), "a"), None, "fsync of the file does not make its name durable");
    disk.sync(ROOT, false).expect("sync");
    disk.rename((ROOT, OsStr::new("a")), (ROOT, OsStr::new("b")), true).expect("rename");
    disk.unlink(ROOT, OsStr::new("b"), false).expect("unlink");
    let after = cut(&disk, Survival::Nothing, 1);
    assert_eq!((read(&after, "a"), read(&after, "b")), (Some(b"1".to_vec()), None));
    let mut seen = std::collections::HashSet::new();
    for seed in 0..50 {
        let after = cut(&disk, Survival::Some, seed);
        seen.insert((read(&after, "a").is_some(), read(&after, "b").is_some()));
    }
    let prefixes = [(true, false), (false, true), (false, false)];
    assert_eq!(seen, prefixes.into_iter().collect(), "before, renamed, or gone; never both");
    disk.sync(ROOT, false).expect("sync");
    assert_eq!(read(&cut(&disk, Survival::Nothing, 1), "a"), None);
}

#[test]
fn a_sync_that_failed_is_not_made_good_by_the_next() {
    let (mut disk, file) = with_file("a");
    disk.write(file, 0, b"first").expect("write");
    disk.arm(Some(Fault { class: Class::Sync, number: 1, kind: Kind::InputOutput }));
    assert_eq!(disk.sync(file, false), Err(Errno::EIO));
    disk.sync(file, false).expect("the next one succeeds");
    assert_eq!(read(&cut(&disk, Survival::Nothing, 1), "a").expect("a"), b"");
    disk.write(file, 0, b"again").expect("write");
    disk.write(file, 5, b"!").expect("write");
    disk.sync(file, false).expect("sync");
    assert_eq!(read(&cut(&disk, Survival::Nothing, 1), "a").expect("a"), b"again!");
}

#[test]
fn the_operation_that_was_chosen_fails() {
    let (mut disk, file) = with_file("a");
    disk.arm(Some(Fault { class: Class::Write, number: 2, kind: Kind::Short }));
    assert_eq!(disk.write(file, 0, &[1; 10]), Ok(10));
    assert_eq!(disk.write(file, 0, &[2; 10]), Ok(5), "half of it");
    assert_eq!(disk.write(file, 0, &[3; 10]), Err(Errno::ENOSPC), "and the next one meets a full disk");
    assert_eq!(disk.write(file, 0, &[4; 10]), Ok(10));
    assert_eq!(disk.fired().len(), 2);
    disk.arm(Some(Fault { class: Class::Rename, number: 1, kind: Kind::NoSpace }));
    disk.sync(file, false).expect("another class");
    assert_eq!(disk.rename((ROOT, OsStr::new("a")), (ROOT, OsStr::new("b")), true), Err(Errno::ENOSPC));
    disk.rename((ROOT, OsStr::new("a")), (ROOT, OsStr::new("b")), true).expect("only once");
    assert_eq!(disk.counts(), [0, 1, 2, 0]);
}

#[test]
fn after_the_power_has_failed_nothing_is_answered_or_changed() {
    let (mut disk, file) = with_file("a");
    disk.cut_after(1);
    disk.write(file, 0, b"before").expect("write");
    assert_eq!(disk.sync(file, false), Err(Errno::EIO));
    assert!(disk.is_off());
    assert_eq!(disk.write(file, 0, b"after"), Err(Errno::EIO));
    assert_eq!(disk.read(file, 0, 10), Err(Errno::EIO));
    assert_eq!(disk.lookup(ROOT, OsStr::new("a")), Err(Errno::EIO));
    assert_eq!(read(&cut(&disk, Survival::All, 1), "a").expect("a"), b"before");
}

#[test]
fn a_full_disk_takes_what_fits_and_has_room_again() {
    let (mut disk, file) = with_file("a");
    disk.write(file, 0, &[1; 4096]).expect("write");
    disk.set_room(2 * 4096);
    assert_eq!(disk.write(file, 4000, &[2; 5 * 4096]), Ok(96 + 2 * 4096));
    assert_eq!(disk.write(file, 4 * 4096, b"x"), Err(Errno::ENOSPC));
    assert_eq!(disk.write(file, 0, &[3; 4096]), Ok(4096), "what is there already needs no room");
    assert_eq!(disk.room(), Ok((3, 0)));
    disk.unlink(ROOT, OsStr::new("a"), false).expect("unlink");
    assert_eq!(disk.room(), Ok((3, 0)), "it is still open");
    disk.close(file);
    assert_eq!(disk.room(), Ok((3, 3)));
}

#[test]
fn preallocated_room_is_zeros_and_durable_only_with_a_sync() {
    let (mut disk, file) = with_file("a");
    disk.allocate(file, 0, 10_000, false).expect("allocate");
    assert_eq!(read(&disk, "a").expect("a"), [0; 10_000]);
    assert_eq!(read(&cut(&disk, Survival::Nothing, 1), "a").expect("a"), b"");
    disk.sync(file, false).expect("sync");
    assert_eq!(read(&cut(&disk, Survival::Nothing, 1), "a").expect("a"), [0; 10_000]);
}

#[test]
fn what_is_on_it_can_be_looked_at() {
    let (mut disk, file) = with_file("a");
    disk.write(file, 1, b"x").expect("write");
    let directory = disk.make(ROOT, OsStr::new("d"), Node::Directory(Default::default()), 0o700).expect("mkdir");
    disk.make(directory, OsStr::new("empty"), Node::File(Default::default()), 0o600).expect("create");
    let out = tempfile::tempdir().expect("directory");
    disk.export(&out.path().join("out")).expect("export");
    assert_eq!(fs::read(out.path().join("out/a")).expect("a"), b"\0x");
    assert_eq!(fs::read(out.path().join("out/d/empty")).expect("empty"), b"");
}

#[test]
fn data_syncs_can_be_ignored_in_one_directory() {
    let (mut disk, file) = with_file("a");
    let journal = disk.make(ROOT, OsStr::new("journal"), Node::Directory(Default::default()), 0o700).expect("mkdir");
    let inside = disk.make(journal, OsStr::new("1"), Node::File(Default::default()), 0o600).expect("create");
    disk.sync(journal, false).expect("sync");
    disk.sync(ROOT, false).expect("sync");
    disk.ignore_data_syncs_of("journal");
    for number in [file, inside] {
        disk.write(number, 0, b"x").expect("write");
        disk.sync(number, true).expect("sync");
    }
    let after = cut(&disk, Survival::Nothing, 1);
    assert_eq!(after.read(file, 0, 10).expect("read"), b"x");
    assert_eq!(after.read(inside, 0, 10).expect("the name is durable, a sync of the directory is not ignored"), b"");
    disk.sync(inside, false).expect("fsync");
    assert_eq!(cut(&disk, Survival::Nothing, 1).read(inside, 0, 10).expect("fsync is not ignored"), b"x");
}

#[test]
fn programs_can_use_it_and_lose_what_they_did_not_sync() {
    let point = MountPoint::new().expect("mount point");
    let volume = Volume::mount(Disk::new(), &point).expect("mount");
    let path = volume.path().to_owned();
    fs::create_dir(path.join("d")).expect("mkdir");
    let mut file = OpenOptions::new().create(true).append(true).open(path.join("d/new")).expect("create");
    file.write_all(&[1; 3_000_000]).expect("write");
    file.write_all(b"end").expect("append");
    file.sync_data().expect("fdatasync");
    fs::rename(path.join("d/new"), path.join("d/file")).expect("rename");
    File::open(path.join("d")).and_then(|directory| directory.sync_all()).expect("fsync of the directory");
    File::open(&path).and_then(|directory| directory.sync_all()).expect("fsync of the root");
    assert_eq!(fs::read(path.join("d/file")).expect("read").len(), 3_000_003);
    for number in 0..500 {
        fs::write(path.join(format!("d/{number}")), b"forgotten").expect("write");
    }
    assert_eq!(fs::read_dir(path.join("d")).expect("list").count(), 501);
    file.write_all(b"forgotten").expect("append");
    let locked = File::open(path.join("d/file")).expect("open");
    locked.try_lock().expect("flock");
    assert!(File::open(path.join("d/file")).expect("open").try_lock().is_err(), "locks work");
    drop((file, locked));
    let disk = volume.unmount().expect("unmount");
    let volume = Volume::mount(cut(&disk, Survival::Nothing, 1), &point).expect("mount again");
    let data = fs::read(path.join("d/file")).expect("read");
    assert!(data.len() == 3_000_003 && data.ends_with(b"\x01end") && data[..3_000_000].iter().all(|byte| *byte == 1));
    assert_eq!(fs::read_dir(path.join("d")).expect("list").count(), 1);
    fs::remove_dir_all(path.join("d")).expect("remove");
    assert_eq!(fs::read_dir(&path).expect("list").count(), 0);
    volume.disk().cut_now();
    assert_eq!(File::create(path.join("x")).unwrap_err().raw_os_error(), Some(5));
    drop(volume);
    let beside = point.beside().to_owned();
    drop(point);
    assert!(!beside.exists());
}

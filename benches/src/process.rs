//! What a process of this machine has used, from /proc.

use std::fs;
use std::io;
use std::time::Duration;

/// Linux counts processor time for users in hundredths of a second, on every processor that rustls runs on.
const TICK: Duration = Duration::from_millis(10);

/// Memory of a process in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// In RAM now.
    pub resident: u64,
    /// The most there ever was.
    pub peak: u64,
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{what} is not as expected"))
}

/// The processor time of all threads, also of those that ended: user and system.
///
/// # Errors
/// If there is no such process.
pub fn cpu(process: u32) -> io::Result<Duration> {
    let path = format!("/proc/{process}/stat");
    ticks(&fs::read_to_string(&path)?).map(|ticks| TICK * ticks).ok_or_else(|| malformed(&path))
}

/// Fields 14 and 15; the second is the program's name in brackets, which may hold anything.
fn ticks(stat: &str) -> Option<u32> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    user.checked_add(system)
}

/// The memory of a process.
///
/// # Errors
/// If there is no such process.
pub fn memory(process: u32) -> io::Result<Memory> {
    let path = format!("/proc/{process}/status");
    let status = fs::read_to_string(&path)?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kibibytes| kibibytes << 10)
    };
    match (field("VmRSS:"), field("VmHWM:")) {
        (Some(resident), Some(peak)) => Ok(Memory { resident, peak }),
        _ => Err(malformed(&path)),
    }
}

/// The load of the machine: the runnable threads, averaged over a minute, as the system says it.
///
/// # Errors
/// If the system does not say it.
pub fn load_average() -> io::Result<String> {
    let text = fs::read_to_string("/proc/loadavg")?;
    text.split_ascii_whitespace().next().map(ToOwned::to_owned).ok_or_else(|| malformed("/proc/loadavg"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_program_may_hold_anything() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 4 0 100 1000 10";
        assert_eq!(ticks(stat), Some(300));
        assert_eq!(ticks("7 (a) S 1"), None);
    }

    #[test]
    fn a_process_grows_older_and_larger() {
        let process = std::process::id();
        let (before, started) = (cpu(process).unwrap(), std::time::Instant::now());
        while cpu(process).unwrap() == before {
            assert!(started.elapsed() < Duration::from_secs(30), "no tick in half a minute of work");
        }
        let memory = memory(process).unwrap();
        assert!(memory.resident > 0 && memory.peak >= memory.resident);
        assert!(cpu(u32::MAX).is_err());
    }
}

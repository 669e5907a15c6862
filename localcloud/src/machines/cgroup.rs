//! A machine's own control group: one place to freeze, to kill and to count what runs in it.
//!
//! Works with the unified hierarchy and with the older ones side by side, whichever the host has mounted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Longest wait for all processes to stand still.
const FREEZE: Duration = Duration::from_secs(1);

/// Hierarchies of the older kind that a container with systemd in it needs or that count its memory and processes.
const OLDER: [&str; 3] = ["name=systemd", "memory", "pids"];

/// The folders of one machine's control group, one a hierarchy.
#[derive(Clone, Debug)]
pub(super) struct Cgroup {
    folders: Vec<PathBuf>,
    /// The one in the unified hierarchy, which can freeze and kill.
    unified: Option<PathBuf>,
}

impl Cgroup {
    pub(super) fn create(name: &str) -> io::Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo")?;
        let (older, unified) = hierarchies(&mounts);
        let unified = unified.map(|root| root.join(name));
        let folders: Vec<PathBuf> = older
            .iter()
            .map(|root| root.join(name))
            .chain(unified.clone())
            .collect();
        for folder in &folders {
            fs::create_dir_all(folder)?;
        }
        Ok(Self { folders, unified })
    }

    /// The files that a process writes `0` to in order to enter.
    pub(super) fn entrances(&self) -> impl Iterator<Item = PathBuf> {
        self.folders
            .iter()
            .map(|folder| folder.join("cgroup.procs"))
    }

    /// Stops all processes where they stand; returns whether the host can do that.
    pub(super) async fn freeze(&self) -> io::Result<bool> {
        if !self.control("cgroup.freeze", "1")? {
            return Ok(false);
        }
        // The kernel gathers the processes by and by. One in a long call of the kernel is not waited for forever.
        let deadline = Instant::now() + FREEZE;
        while !self.is_frozen()? && Instant::now() < deadline {
            sleep(Duration::from_millis(2)).await;
        }
        Ok(true)
    }

    fn is_frozen(&self) -> io::Result<bool> {
        let Some(folder) = &self.unified else {
            return Ok(false);
        };
        let events = fs::read_to_string(folder.join("cgroup.events"))?;
        Ok(events.lines().any(|line| line == "frozen 1"))
    }

    pub(super) fn thaw(&self) -> io::Result<bool> {
        self.control("cgroup.freeze", "0")
    }

    /// Kills all processes at once (Linux 5.14); returns whether the host can do that.
    pub(super) fn kill(&self) -> io::Result<bool> {
        self.control("cgroup.kill", "1")
    }

    fn control(&self, file: &str, text: &str) -> io::Result<bool> {
        match self.unified.as_ref().map(|folder| folder.join(file)) {
            Some(path) if path.exists() => fs::write(path, text).map(|()| true),
            _ => Ok(false),
        }
    }

    pub(super) fn remove(&self) -> io::Result<()> {
        self.folders
            .iter()
            .try_for_each(|folder| remove_tree(folder))
    }
}

/// Removes every control group whose name begins so, and returns the names.
pub(super) fn sweep(prefix: &str) -> io::Result<Vec<String>> {
    let (older, unified) = hierarchies(&fs::read_to_string("/proc/self/mountinfo")?);
    let mut removed = Vec::new();
    for root in older.iter().chain(&unified) {
        for entry in fs::read_dir(root)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(prefix) && entry.file_type()?.is_dir() {
                remove_tree(&entry.path())?;
                removed.push(name);
            }
        }
    }
    removed.sort();
    removed.dedup();
    Ok(removed)
}

/// Removes a group and the groups in it; their files cannot be removed and go with them.
fn remove_tree(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    fs::remove_dir(folder)
}

/// The mount points that count, older ones and the unified one, from the text of a mountinfo (proc(5)).
fn hierarchies(mounts: &str) -> (Vec<PathBuf>, Option<PathBuf>) {
    let mut older = Vec::new();
    let mut unified = None;
    for line in mounts.lines() {
        let Some((before, after)) = line.split_once(" - ") else {
            continue;
        };
        let point = before.split(' ').nth(4).unwrap_or_default();
        let mut words = after.split(' ');
        let kind = words.next().unwrap_or_default();
        let options = words.next_back().unwrap_or_default();
        if kind == "cgroup2" {
            unified = unified.or_else(|| Some(PathBuf::from(point)));
        } else if kind == "cgroup" && options.split(',').any(|option| OLDER.contains(&option)) {
            older.push(PathBuf::from(point));
        }
    }
    (older, unified)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
30 25 0:26 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
31 30 0:27 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset
34 30 0:29 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
35 30 0:30 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
36 30 0:31 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";

    #[test]
    fn both_kinds_of_hierarchy_are_found() {
        let (older, unified) = hierarchies(HYBRID);
        assert_eq!(
            older,
            [
                PathBuf::from("/sys/fs/cgroup/memory"),
                PathBuf::from("/sys/fs/cgroup/systemd")
            ]
        );
        assert_eq!(unified, Some(PathBuf::from("/sys/fs/cgroup/unified")));
    }

    #[test]
    fn a_unified_host_has_one() {
        let line = "28 22 0:25 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate";
        assert_eq!(
            hierarchies(line),
            (Vec::new(), Some(PathBuf::from("/sys/fs/cgroup")))
        );
    }

    #[test]
    fn removing_goes_from_the_inside_out() {
        let folder = tempfile::tempdir().unwrap();
        let group = folder.path().join("group");
        fs::create_dir_all(group.join("init.scope")).unwrap();
        fs::create_dir_all(group.join("system.slice/ssh.service")).unwrap();
        remove_tree(&group).unwrap();
        assert!(!group.exists());
        remove_tree(&group).unwrap();
    }
}

//! The base image: a Debian tree that is built once with mmdebstrap and kept.
//!
//! Owns the recipe and its cache. The recipe is everything that the tree depends on; its hash names the folder, so a
//! changed recipe makes a new tree and an old tree never passes for a new one.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::command;

/// The release that base images are made of.
pub const SUITE: &str = "bookworm";

const PACKAGES: &str = "systemd,systemd-sysv,dbus,openssh-server,sudo,cloud-init,ca-certificates,curl,iproute2,\
                        iputils-ping,netbase,procps,python3";
const UNFINISHED: &str = "building-";
const MIRROR: &str = "http://deb.debian.org/debian";
const SECURITY: &str = "http://deb.debian.org/debian-security";
const CUSTOMIZE: &str = include_str!("base/customize.sh");
const CLOUD_CONFIG: &str = include_str!("base/cloud.cfg");

/// A base image that is ready to boot from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// The root of the tree. Never written to: machines stand on it by overlay.
    pub root: PathBuf,
}

/// Why there is no base image.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("use {path}")]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("build the base image: no space left under {0}; it needs about 1 GiB while it is made")]
    DiskFull(PathBuf),
    #[error(
        "build the base image: Debian's packages cannot be fetched ({said}); check the network and the sources in /etc/apt"
    )]
    NoNetwork { said: String },
    #[error("build the base image: mmdebstrap said: {said}")]
    Build { said: String },
    #[error("start mmdebstrap")]
    Start(#[source] std::io::Error),
}

impl Error {
    fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::File { path, source }
    }
}

/// Where packages come from, and through what: taken from the host, so that machines fetch as their host does.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sources {
    /// Lines of a sources.list.
    lines: Vec<String>,
    /// Lines of an apt.conf.
    options: Vec<String>,
}

/// Returns the base image, building it below `cache` first if this recipe was never built; `progress` gets a line
/// for each stage of a build.
pub async fn ensure(cache: &Path, progress: &mut (dyn FnMut(&str) + Send)) -> Result<Base, Error> {
    let cache = &cache.join("base");
    let sources = look_up_sources().await;
    let folder = cache.join(recipe_hash(&sources));
    let base = Base {
        root: folder.join("root"),
    };
    if base.root.exists() {
        return Ok(base);
    }
    let _lock = lock(cache, progress).await?;
    if !base.root.exists() {
        remove_unfinished(cache)?;
        build(cache, &folder, &sources, progress).await?;
    }
    Ok(base)
}

/// One build at a time; the lock ends with the process that holds it.
async fn lock(cache: &Path, progress: &mut (dyn FnMut(&str) + Send)) -> Result<File, Error> {
    std::fs::create_dir_all(cache).map_err(Error::file(cache))?;
    let path = cache.join("lock");
    let file = File::create(&path).map_err(Error::file(&path))?;
    if file.try_lock().is_ok() {
        return Ok(file);
    }
    progress("waiting for another build of the base image");
    let waited = tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await;
    waited
        .map_err(std::io::Error::other)
        .flatten()
        .map_err(Error::file(&path))
}

async fn build(
    cache: &Path,
    folder: &Path,
    sources: &Sources,
    progress: &mut (dyn FnMut(&str) + Send),
) -> Result<(), Error> {
    let scratch = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .tempdir_in(cache)
        .map_err(Error::file(cache))?;
    let recipe = write_recipe(scratch.path(), sources)?;
    progress("building the base image (Debian 12, once; about half a minute and 350 MB)");
    let log = mmdebstrap(&recipe, progress).await?;
    if let Some(said) = log {
        return Err(explain(&said, cache));
    }
    let made = scratch.path().join("root");
    std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
    std::fs::rename(&made, folder.join("root")).map_err(Error::file(&made))
}

/// Removes what a killed build has left. The caller holds the lock, so nobody builds now.
fn remove_unfinished(cache: &Path) -> Result<(), Error> {
    for entry in std::fs::read_dir(cache).map_err(Error::file(cache))? {
        let entry = entry.map_err(Error::file(cache))?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            std::fs::remove_dir_all(entry.path()).map_err(Error::file(&entry.path()))?;
        }
    }
    Ok(())
}

/// The files and arguments of one build.
struct Recipe {
    config: PathBuf,
    arguments: Vec<String>,
    source_lines: Vec<String>,
}

fn write_recipe(scratch: &Path, sources: &Sources) -> Result<Recipe, Error> {
    let put = |name: &str, text: &str, mode: u32| -> Result<PathBuf, Error> {
        let path = scratch.join(name);
        std::fs::write(&path, text).map_err(Error::file(&path))?;
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(&path, permissions).map_err(Error::file(&path))?;
        Ok(path)
    };
    let hook = put("customize.sh", CUSTOMIZE, 0o755)?;
    let config = put("cloud.cfg", CLOUD_CONFIG, 0o644)?;
    let mut arguments = vec![
        "--mode=root".to_owned(),
        "--variant=apt".to_owned(),
        "--format=directory".to_owned(),
        format!("--include={PACKAGES}"),
        format!("--customize-hook={}", hook.display()),
    ];
    arguments.extend(
        sources
            .options
            .iter()
            .map(|option| format!("--aptopt={option}")),
    );
    arguments.push(SUITE.to_owned());
    arguments.push(scratch.join("root").display().to_string());
    Ok(Recipe {
        config,
        arguments,
        source_lines: sources.lines.clone(),
    })
}

/// Runs mmdebstrap; returns what it said last when it failed.
async fn mmdebstrap(
    recipe: &Recipe,
    progress: &mut (dyn FnMut(&str) + Send),
) -> Result<Option<Vec<String>>, Error> {
    let mut child = Command::new("mmdebstrap")
        .args(&recipe.arguments)
        .args(&recipe.source_lines)
        .env("LOCAL_CLOUD_CONFIG", &recipe.config)
        .env("TMPDIR", "/var/tmp")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(Error::Start)?;
    let mut said = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        let mut lines = BufReader::new(stderr).lines();
        while let Some(line) = lines.next_line().await.map_err(Error::Start)? {
            if let Some(stage) = line.strip_prefix("I: ") {
                progress(stage);
            }
            said.push(line);
        }
    }
    let status = child.wait().await.map_err(Error::Start)?;
    Ok((!status.success()).then_some(said))
}

fn explain(said: &[String], cache: &Path) -> Error {
    let find = |needles: &[&str]| {
        said.iter()
            .find(|line| needles.iter().any(|needle| line.contains(needle)))
    };
    if find(&["No space left on device"]).is_some() {
        return Error::DiskFull(cache.to_owned());
    }
    let unreachable = [
        "Temporary failure resolving",
        "Could not resolve",
        "Could not connect",
        "Failed to fetch",
    ];
    if let Some(line) = find(&unreachable) {
        return Error::NoNetwork {
            said: line.trim().to_owned(),
        };
    }
    let errors: Vec<&str> = said
        .iter()
        .filter(|line| line.starts_with("E: "))
        .map(String::as_str)
        .collect();
    Error::Build {
        said: errors.first().map_or_else(
            || said.last().cloned().unwrap_or_default(),
            |line| (*line).to_owned(),
        ),
    }
}

fn recipe_hash(sources: &Sources) -> String {
    let mut hash = Sha256::new();
    for part in [SUITE, PACKAGES, CUSTOMIZE, CLOUD_CONFIG] {
        hash.update(part);
        hash.update([0]);
    }
    for line in sources.lines.iter().chain(&sources.options) {
        hash.update(line);
        hash.update([0]);
    }
    let first = hash.finalize().into_iter().take(8);
    let number = first.fold(0_u64, |number, byte| (number << 8) | u64::from(byte));
    format!("{number:016x}")
}

/// Reads the host's own sources of this release and its proxies; a host of another release lends only its proxies.
async fn look_up_sources() -> Sources {
    let format = "$(REPO_URI) $(RELEASE) $(COMPONENT)";
    let arguments = ["indextargets", "--format", format, "Created-By: Packages"];
    let targets = command::run("apt-get", &arguments)
        .await
        .unwrap_or_default();
    let proxies = command::run(
        "apt-config",
        &["dump", "Acquire::http::Proxy", "Acquire::https::Proxy"],
    )
    .await;
    Sources {
        lines: source_lines(&targets),
        options: proxy_options(&proxies.unwrap_or_default()),
    }
}

fn source_lines(targets: &str) -> Vec<String> {
    let is_of_suite = |release: &str| {
        release
            .strip_prefix(SUITE)
            .is_some_and(|rest| ["", "-updates", "-security"].contains(&rest))
    };
    let mut lines = Vec::new();
    for target in targets.lines() {
        let words: Vec<&str> = target.split_whitespace().collect();
        if let [address, release, "main"] = words[..]
            && is_of_suite(release)
            && address.starts_with("http")
        {
            lines.push(format!("deb {address} {release} main"));
        }
    }
    lines.dedup();
    if lines
        .iter()
        .any(|line| line.contains(&format!(" {SUITE} ")))
    {
        return lines;
    }
    vec![
        format!("deb {MIRROR} {SUITE} main"),
        format!("deb {MIRROR} {SUITE}-updates main"),
        format!("deb {SECURITY} {SUITE}-security main"),
    ]
}

fn proxy_options(dump: &str) -> Vec<String> {
    let is_set = |line: &&str| line.contains("::Proxy") && !line.contains("\"\"");
    dump.lines()
        .map(str::trim)
        .filter(is_set)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_lends_its_sources_of_this_release() {
        let targets = "http://mirror.example/debian/ bookworm main\n\
                       http://mirror.example/debian/ bookworm contrib\n\
                       http://mirror.example/debian-security/ bookworm-security main\n\
                       https://packages.example/ cloud-sdk-bookworm main\n\
                       file:/srv/repo bookworm main\n";
        assert_eq!(
            source_lines(targets),
            [
                "deb http://mirror.example/debian/ bookworm main",
                "deb http://mirror.example/debian-security/ bookworm-security main"
            ]
        );
    }

    #[test]
    fn a_host_of_another_release_gets_debians_own_mirror() {
        let lines = source_lines("http://archive.ubuntu.com/ubuntu/ noble main\n");
        assert_eq!(lines.len(), 3);
        assert!(
            lines[0].ends_with("deb.debian.org/debian bookworm main"),
            "{lines:?}"
        );
    }

    #[test]
    fn proxies_are_passed_on() {
        let dump =
            "Acquire::http::Proxy \"http://proxy.example:3128\";\nAcquire::https::Proxy \"\";\n";
        assert_eq!(
            proxy_options(dump),
            ["Acquire::http::Proxy \"http://proxy.example:3128\";"]
        );
    }

    #[test]
    fn the_hash_names_the_recipe() {
        let one = Sources {
            lines: source_lines(""),
            options: Vec::new(),
        };
        let other = Sources {
            options: vec!["Acquire::http::Proxy \"http://p\";".to_owned()],
            ..one.clone()
        };
        assert_eq!(recipe_hash(&one), recipe_hash(&one));
        assert_ne!(recipe_hash(&one), recipe_hash(&other));
    }

    #[test]
    fn failures_are_told_apart() {
        let said = |line: &str| {
            explain(
                &[line.to_owned(), "E: run_chroot failed".to_owned()],
                Path::new("/cache"),
            )
        };
        assert!(matches!(
            said("tar: x: Cannot write: No space left on device"),
            Error::DiskFull(_)
        ));
        assert!(matches!(
            said("Err:1 http://x Temporary failure resolving 'x'"),
            Error::NoNetwork { .. }
        ));
        assert_eq!(
            said("something else").to_string(),
            "build the base image: mmdebstrap said: E: run_chroot failed"
        );
    }
}

//! A session's handle. The connection itself lives on a thread of its own, since libssh2's handshake blocks and its
//! ciphers would hold up everything else; see `worker`.

use std::io::{Seek, Write};
use std::path::Path;
use std::sync::Mutex;

use tokio::sync::{mpsc, oneshot};

use crate::ssh::connect::establish;
use crate::ssh::remote::{stream_file, stream_tree};
use crate::ssh::tunnel::Tunnels;
use crate::ssh::worker::{self, Job, Report};
use crate::ssh::{
    Chunk, Command, ConnectError, Error, Exit, HostKey, HostKeys, Known, Output, Remote, Stdin,
    Target, Transfer, Tree, sftp, transfer,
};

/// How many reports may wait for their reader before the other end is slowed down; with 32 KiB each that is 2 MiB.
const REPORTS: usize = 64;

/// One connection; each command gets a channel on it, one after the other.
#[derive(Debug)]
pub struct Session {
    host: String,
    /// For connections beside this one.
    target: Target,
    host_key: HostKey,
    jobs: Mutex<Option<mpsc::UnboundedSender<Job>>>,
    /// Nothing ever comes; its end is the thread's.
    ended: tokio::sync::Mutex<mpsc::Receiver<()>>,
    tunnels: tokio::sync::Mutex<Option<Tunnels>>,
}

impl Session {
    /// The key that the server showed.
    pub fn host_key(&self) -> &HostKey {
        &self.host_key
    }

    async fn sftp_tree(
        &self,
        tree: &Tree,
        folder: &str,
        progress: &mut dyn Output,
    ) -> Result<(), Error> {
        let job = sftp::Job::PutTree {
            tree: tree.clone(),
            folder: folder.to_owned(),
        };
        sftp::perform(self.target.clone(), job, &mut |bytes| {
            progress.sent(bytes, None);
        })
        .await
    }

    fn lost(&self) -> Error {
        Error::Lost {
            host: self.host.clone(),
            source: None,
        }
    }

    fn hand_in(&self, job: Job) -> Result<(), Error> {
        let jobs = self.jobs.lock().map_err(|_| self.lost())?;
        let sender = jobs.as_ref().ok_or_else(|| self.lost())?;
        sender.send(job).map_err(|_| self.lost())
    }
}

/// Starts the thread and waits until it has a connection.
pub(super) async fn open(target: Target) -> Result<Session, ConnectError> {
    let host = target.host.clone();
    let wanted = target.clone();
    let (jobs, queue) = mpsc::unbounded_channel();
    let (greet, greeting) = oneshot::channel();
    let (end, ended) = mpsc::channel(1);
    std::thread::Builder::new()
        .name(format!("ssh {host}"))
        .spawn(move || {
            match establish(&target) {
                Ok(connection) => {
                    let host_key = connection.host_key.clone();
                    if greet.send(Ok(host_key)).is_ok() {
                        worker::serve(connection, &target, queue);
                    }
                }
                Err(error) => drop(greet.send(Err(error))),
            }
            drop(end);
        })
        .map_err(ConnectError::Local)?;
    let host_key = greeting.await.map_err(|_| {
        ConnectError::Local(std::io::Error::other("the connection's thread died"))
    })??;
    let mut target = wanted;
    target.host_keys = HostKeys::Known(vec![Known::Key(host_key.clone())]);
    let tunnels = Tunnels::open(&target).await?;
    target.tunnels.clear();
    Ok(Session {
        host,
        target,
        host_key,
        jobs: Mutex::new(Some(jobs)),
        ended: tokio::sync::Mutex::new(ended),
        tunnels: tokio::sync::Mutex::new(tunnels),
    })
}

impl Remote for Session {
    async fn exec(
        &self,
        command: Command,
        chunk: &mut dyn FnMut(Chunk<'_>),
    ) -> Result<Exit, Error> {
        let total = command.stdin.total();
        let (report, mut reports) = mpsc::channel(REPORTS);
        self.hand_in(Job { command, report })?;
        while let Some(report) = reports.recv().await {
            match report {
                Report::Data(stream, bytes) => chunk(Chunk::Data(stream, &bytes)),
                Report::Sent(bytes) => chunk(Chunk::Sent { bytes, total }),
                Report::Ended(result) => return result,
            }
        }
        Err(self.lost())
    }

    async fn upload(
        &self,
        content: Stdin,
        path: &str,
        mode: u32,
        progress: &mut dyn Output,
    ) -> Result<(), Error> {
        match self.target.transfer {
            Transfer::Stream => stream_file(self, content, path, mode, progress).await,
            Transfer::Scp => transfer::scp_file(self, content, path, mode, progress).await,
            Transfer::Sftp => {
                let total = content.total();
                let path = path.to_owned();
                let job = sftp::Job::Put {
                    content,
                    path,
                    mode,
                };
                sftp::perform(self.target.clone(), job, &mut |bytes| {
                    progress.sent(bytes, total);
                })
                .await
            }
        }
    }

    /// With `sudo` always as a tar stream, since neither scp nor SFTP can become root.
    async fn upload_tree(
        &self,
        tree: &Tree,
        folder: &str,
        sudo: bool,
        progress: &mut dyn Output,
    ) -> Result<(), Error> {
        match self.target.transfer {
            Transfer::Scp if !sudo => transfer::scp_tree(self, tree, folder, progress).await,
            Transfer::Sftp if !sudo => self.sftp_tree(tree, folder, progress).await,
            _ => match stream_tree(self, tree, folder, sudo, progress).await {
                Err(error) if !sudo && transfer::is_missing(&error) => {
                    self.sftp_tree(tree, folder, progress).await
                }
                done => done,
            },
        }
    }

    async fn download(&self, path: &str, into: &mut (dyn Write + Send)) -> Result<(), Error> {
        match self.target.transfer {
            Transfer::Stream => self.fetch(transfer::cat(path), into).await,
            Transfer::Scp => transfer::scp_fetch_file(self, path, into).await,
            Transfer::Sftp => {
                let mut got = tempfile::tempfile().map_err(Error::Write)?;
                let job = sftp::Job::Get {
                    path: path.to_owned(),
                    into: got.try_clone().map_err(Error::Write)?,
                };
                sftp::perform(self.target.clone(), job, &mut |_| {}).await?;
                got.rewind().map_err(Error::Write)?;
                std::io::copy(&mut got, into)
                    .map(drop)
                    .map_err(Error::Write)
            }
        }
    }

    async fn download_tree(&self, folder: &str, into: &Path) -> Result<(), Error> {
        match self.target.transfer {
            Transfer::Stream => self.fetch_tree(transfer::pack(folder), into).await,
            Transfer::Scp => transfer::scp_fetch_tree(self, folder, into).await,
            Transfer::Sftp => {
                let job = sftp::Job::GetTree {
                    folder: folder.to_owned(),
                    into: into.to_owned(),
                };
                sftp::perform(self.target.clone(), job, &mut |_| {}).await
            }
        }
    }

    async fn close(&self) {
        if let Ok(mut jobs) = self.jobs.lock() {
            *jobs = None;
        }
        if let Some(tunnels) = self.tunnels.lock().await.take() {
            tunnels.close().await;
        }
        // Nobody sends anything: it ends with what holds the other side.
        let _: Option<()> = self.ended.lock().await.recv().await;
    }
}

//! A session that is made anew when it was lost, as after a reboot of the machine.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::ssh::{
    Chunk, Command, Error, Exit, HostKeys, Known, Output, Remote, Session, Stdin, Target, Tree,
    connect,
};

/// Commands go over the session as long as it lives; the next one after its loss connects again, once, to a machine that
/// must show the host key of the first connection. How often to try is the caller's matter.
#[derive(Debug)]
pub struct Lasting {
    target: Target,
    session: Mutex<Option<Arc<Session>>>,
}

impl Lasting {
    /// Begins with a session to this target and pins its host key.
    pub fn new(session: Session, mut target: Target) -> Self {
        target.host_keys = HostKeys::Known(vec![Known::Key(session.host_key().clone())]);
        Self {
            target,
            session: Mutex::new(Some(Arc::new(session))),
        }
    }

    async fn current(&self) -> Result<Arc<Session>, Error> {
        let mut slot = self.session.lock().await;
        if let Some(session) = &*slot {
            return Ok(Arc::clone(session));
        }
        let made = connect(self.target.clone()).await;
        let session = Arc::new(made.map_err(Error::Unreachable)?);
        *slot = Some(Arc::clone(&session));
        Ok(session)
    }

    /// Lets go of the session when that is what a result says.
    async fn see<T>(&self, session: &Arc<Session>, result: Result<T, Error>) -> Result<T, Error> {
        if result.as_ref().is_err_and(Error::is_lost) {
            self.forget(session).await;
        }
        result
    }

    /// Lets go of a session, unless another one has taken its place already.
    async fn forget(&self, lost: &Arc<Session>) {
        let mut slot = self.session.lock().await;
        if slot.as_ref().is_some_and(|now| Arc::ptr_eq(now, lost)) {
            *slot = None;
        }
    }
}

impl Remote for Lasting {
    async fn exec(
        &self,
        command: Command,
        chunk: &mut dyn FnMut(Chunk<'_>),
    ) -> Result<Exit, Error> {
        let session = self.current().await?;
        let result = session.exec(command, chunk).await;
        self.see(&session, result).await
    }

    async fn upload(
        &self,
        content: Stdin,
        path: &str,
        mode: u32,
        progress: &mut dyn Output,
    ) -> Result<(), Error> {
        let session = self.current().await?;
        let result = session.upload(content, path, mode, progress).await;
        self.see(&session, result).await
    }

    async fn upload_tree(
        &self,
        tree: &Tree,
        folder: &str,
        sudo: bool,
        progress: &mut dyn Output,
    ) -> Result<(), Error> {
        let session = self.current().await?;
        let result = session.upload_tree(tree, folder, sudo, progress).await;
        self.see(&session, result).await
    }

    async fn download(&self, path: &str, into: &mut (dyn Write + Send)) -> Result<(), Error> {
        let session = self.current().await?;
        let result = session.download(path, into).await;
        self.see(&session, result).await
    }

    async fn download_tree(&self, folder: &str, into: &Path) -> Result<(), Error> {
        let session = self.current().await?;
        let result = session.download_tree(folder, into).await;
        self.see(&session, result).await
    }

    fn target(&self) -> Option<&Target> {
        Some(&self.target)
    }

    async fn close(&self) {
        let session = self.session.lock().await.take();
        if let Some(session) = session {
            session.close().await;
        }
    }
}

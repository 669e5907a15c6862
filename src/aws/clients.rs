//! One set of clients for all builds that go to the same account and region by the same way.

use tokio::sync::Mutex;

use crate::aws::{Access, Aws};
use crate::cloud::Result;

/// The clients that a process has made so far. Whoever asks for the same access gets the same ones: connections,
/// credentials and the rounds of waits are shared.
#[derive(Debug)]
pub struct Clients {
    made: Mutex<Vec<(Access, Aws)>>,
    jitter: u64,
}

impl Clients {
    /// None yet. `jitter` spreads the polls of processes that begin at the same time.
    pub fn new(jitter: u64) -> Self {
        Self {
            made: Mutex::default(),
            jitter,
        }
    }

    /// The clients for that access; made when there are none yet. Errors as [`Aws::connect`] does.
    pub async fn get(&self, access: &Access) -> Result<Aws> {
        let mut made = self.made.lock().await;
        if let Some((_, aws)) = made.iter().find(|(other, _)| other.is_like(access)) {
            return Ok(aws.clone());
        }
        let spread = Access {
            jitter: self.jitter,
            ..access.clone()
        };
        let aws = Aws::connect(&spread).await?;
        made.push((access.clone(), aws.clone()));
        Ok(aws)
    }
}

impl Access {
    /// Whether both lead to the same place in the same way. What replaces the network has no identity.
    fn is_like(&self, other: &Self) -> bool {
        let Self {
            profile,
            region,
            ec2_endpoint,
            keys,
            ends,
            lent,
            files,
            role,
            insecure,
            max_attempts,
            jitter: _,
            fence: _,
            http,
        } = self;
        *profile == other.profile
            && *region == other.region
            && *ec2_endpoint == other.ec2_endpoint
            && *keys == other.keys
            && *ends == other.ends
            && *lent == other.lent
            && *files == other.files
            && *role == other.role
            && *insecure == other.insecure
            && *max_attempts == other.max_attempts
            && http.is_none()
            && other.http.is_none()
    }
}

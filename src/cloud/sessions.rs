//! Sessions of AWS Systems Manager that carry a port of a machine here.

use std::fmt;

use crate::cloud::{InstanceId, Result};

/// A session that has begun, and what Session Manager's plugin is started with for it.
#[derive(Clone, PartialEq, Eq)]
pub struct PortSession {
    pub id: String,
    /// The answer as JSON, with a token that opens the session: it may stand in no argument and no log.
    pub response: String,
    /// What was asked for, as JSON.
    pub request: String,
    pub region: String,
    /// Where the session was asked for.
    pub endpoint: String,
}

impl fmt::Debug for PortSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PortSession")
            .field("id", &self.id)
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

/// Begins and ends sessions.
pub trait Sessions {
    /// Begins a session that carries `port` of a machine to port `local` here, through the document
    /// `AWS-StartPortForwardingSession`. Nothing, with a reason, while the machine's agent has not registered.
    fn start_port_session(
        &self,
        instance: &InstanceId,
        port: u16,
        local: u16,
    ) -> impl Future<Output = Result<std::result::Result<PortSession, String>>>;

    /// The ids of the sessions to a machine that have not ended.
    fn port_sessions(&self, instance: &InstanceId) -> impl Future<Output = Result<Vec<String>>>;

    /// Ends a session; one that has ended already is no error.
    fn end_session(&self, id: &str) -> impl Future<Output = Result<()>>;
}

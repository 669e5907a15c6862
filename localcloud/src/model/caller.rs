//! Whose credentials a call is made with. Keys of no session are all the account's one user's; temporary ones belong to the
//! sessions that `AssumeRole` gave out, and hold as long and as far as those.

use super::{Fault, Request, Service, policy::Policy};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What temporary keys begin with ("IAM identifiers").
pub(super) const TEMPORARY: &str = "ASIA";

/// The credentials of a call, as far as it shows them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    pub access_key: String,
    /// `X-Amz-Security-Token`.
    pub token: Option<String>,
}

/// Somebody in a role.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) token: String,
    /// `AROA…:session`.
    pub(super) id: String,
    /// `arn:aws:sts::…:assumed-role/role/session`.
    pub(super) arn: String,
    pub(super) ends: Timestamp,
    /// It may do what all of these allow.
    pub(super) policies: Vec<Policy>,
}

/// The sessions of the account, by access key.
#[derive(Clone, Debug, Default)]
pub(super) struct Sessions(BTreeMap<String, Session>);

impl Sessions {
    pub(super) fn begin(&mut self, access_key: &str, session: Session) {
        self.0.insert(access_key.to_owned(), session);
    }

    /// The session of a caller that may make this call; nothing for the user.
    pub(super) fn of(
        &self,
        caller: &Caller,
        request: &Request,
        now: Timestamp,
    ) -> Result<Option<Session>, Fault> {
        if !caller.access_key.starts_with(TEMPORARY) {
            return Ok(None);
        }
        let session = self.0.get(&caller.access_key);
        let session = session.filter(|session| caller.token.as_ref() == Some(&session.token));
        let session = session.ok_or_else(|| unknown(request.service))?;
        if session.ends <= now {
            return Err(expired(request.service));
        }
        let action = format!("{}:{}", request.service.prefix(), request.action);
        // Anybody may ask who he is (STS, "GetCallerIdentity").
        let free = action == "sts:GetCallerIdentity";
        if free || session.policies.iter().all(|policy| policy.allows(&action)) {
            return Ok(Some(session.clone()));
        }
        Err(denied(request.service, &session.arn, &action))
    }
}

fn unknown(service: Service) -> Fault {
    let message = "The security token included in the request is invalid";
    match service {
        Service::Ec2 => Fault::new(
            "AuthFailure",
            "AWS was not able to validate the provided access credentials",
        )
        .with_status(401),
        json if json.speaks_json() => Fault::new("UnrecognizedClientException", message),
        _ => Fault::new("InvalidClientTokenId", message).with_status(403),
    }
}

fn expired(service: Service) -> Fault {
    let message = "The security token included in the request is expired";
    match service {
        Service::Ec2 => Fault::new("RequestExpired", "Request has expired."),
        json if json.speaks_json() => Fault::new("ExpiredTokenException", message),
        _ => Fault::new("ExpiredToken", message).with_status(403),
    }
}

fn denied(service: Service, arn: &str, action: &str) -> Fault {
    let why = format!(
        "User: {arn} is not authorized to perform: {action} because no session policy allows the {action} action"
    );
    match service {
        Service::Ec2 => {
            let message = format!("You are not authorized to perform this operation. {why}");
            Fault::new("UnauthorizedOperation", message).with_status(403)
        }
        json if json.speaks_json() => Fault::new("AccessDeniedException", why),
        _ => Fault::new("AccessDenied", why).with_status(403),
    }
}

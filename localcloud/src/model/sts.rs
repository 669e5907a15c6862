//! The security token service: who is asking.

use super::{Fault, Service, Tree, actions::Action, args::Args, state::State};

pub(super) const ACTIONS: &[Action] = &[
    Action::new(Service::Sts, "GetCallerIdentity", "", get_caller_identity),
    Action::new(
        Service::Sts,
        "DecodeAuthorizationMessage",
        "EncodedMessage",
        decode_authorization_message,
    ),
];

#[expect(clippy::unnecessary_wraps, reason = "the shape of every handler")]
fn get_caller_identity(state: &mut State, _args: &Args<'_>) -> Result<Tree, Fault> {
    let account = &state.config.account;
    Ok(Tree::new()
        .put("Arn", format!("arn:aws:iam::{account}:user/local"))
        .put("UserId", "AIDALOCALCLOUD000LOCAL")
        .put("Account", account))
}

/// Nothing is ever denied here, so no message can be one that this account was given.
fn decode_authorization_message(_state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    args.text("EncodedMessage")?;
    Err(Fault::new(
        "InvalidAuthorizationMessageException",
        "Invalid authorization message",
    ))
}

//! One API call and what comes of it, free of any encoding.

use super::{Effect, Fault, Params, Service, Tree};

/// One API call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub service: Service,
    /// The action's name as AWS writes it, `RunInstances`.
    pub action: String,
    /// Always `Params::Map`; anything else is taken for no parameters at all.
    pub params: Params,
}

/// The outcome of one API call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Drawn from the model's seed, so that a run can be repeated to the letter.
    pub request_id: String,
    pub result: Result<Tree, Fault>,
    /// What the world must do now; may be there after a refusal too, for what was due before the call.
    pub effects: Vec<Effect>,
}

//! Parameters of Systems Manager, which hold ids of images among other things.

use crate::cloud::Result;

/// The parameter store of the account and region.
pub trait Parameters {
    /// The value of a parameter (`SSM`, "`GetParameter`"), decrypted where it is a secret; nothing when there is none.
    fn parameter(&self, name: &str) -> impl Future<Output = Result<Option<String>>>;
}

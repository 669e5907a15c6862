//! Roles of machines: an instance profile with one role of the same name.

use jiff::Timestamp;

use crate::cloud::{Result, Tags};

/// Under which path roles and profiles are made, so that a policy can name them and a sweep finds them.
pub const PATH: &str = "/kiln/";

/// A role or a profile that stands under [`PATH`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    pub name: String,
    pub created: Timestamp,
    pub tags: Tags,
}

/// Instance profiles and their roles. Each has a name that is the account's own.
pub trait Profiles {
    /// Whether there is an instance profile of that name, whatever its path.
    fn has_profile(&self, name: &str) -> impl Future<Output = Result<bool>>;

    /// Whether there is a role of that name.
    fn has_role(&self, name: &str) -> impl Future<Output = Result<bool>>;

    /// Makes a role that machines may take on.
    fn create_role(&self, name: &str, tags: &Tags) -> impl Future<Output = Result<()>>;

    /// Sets the policy of a role, in IAM's JSON.
    fn put_policy(&self, role: &str, policy: &str) -> impl Future<Output = Result<()>>;

    /// Makes an empty instance profile.
    fn create_profile(&self, name: &str, tags: &Tags) -> impl Future<Output = Result<()>>;

    /// Puts the role of the same name into a profile.
    fn fill_profile(&self, name: &str) -> impl Future<Output = Result<()>>;

    /// Deletes a profile that [`Profiles::create_profile`] made, and takes its role out of it before.
    fn delete_profile(&self, name: &str) -> impl Future<Output = Result<()>>;

    /// Deletes a role that [`Profiles::create_role`] made, with its policy.
    fn delete_role(&self, name: &str) -> impl Future<Output = Result<()>>;

    /// Every profile under [`PATH`], with its tags.
    fn made_profiles(&self) -> impl Future<Output = Result<Vec<Made>>>;

    /// Every role under [`PATH`], with its tags.
    fn made_roles(&self) -> impl Future<Output = Result<Vec<Made>>>;
}

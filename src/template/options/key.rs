//! Rows of the tables that say which options an object may have, and what becomes of each. docs/compatibility.md shows them;
//! `make compatibility` writes it anew.

/// An option that a table knows.
#[derive(Debug, Clone, Copy)]
pub(in crate::template) struct Key {
    pub name: &'static str,
    pub status: Status,
    /// Whether only this spelling of the name counts.
    pub exact: bool,
}

impl Key {
    /// Whether a name that is written is this one.
    pub(super) fn is(&self, written: &str) -> bool {
        if self.exact {
            self.name == written
        } else {
            self.name.eq_ignore_ascii_case(written)
        }
    }
}

/// What becomes of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::template) enum Status {
    Read,
    /// Accepted without effect any more: why.
    Deprecated(&'static str),
    /// Accepted without effect here: why.
    Idle(&'static str),
    /// Known to Packer and not meant to come: why. An error unless its value is empty.
    Refused(&'static str),
}

/// An option that is read.
pub(in crate::template) const fn on(name: &'static str) -> Key {
    Key {
        name,
        status: Status::Read,
        exact: false,
    }
}

/// An option that Packer itself reads, before a builder, a provisioner or a post-processor sees the rest, and takes in no other
/// spelling: what is left of them, their reader does not know.
pub(in crate::template) const fn own(name: &'static str) -> Key {
    Key {
        name,
        status: Status::Read,
        exact: true,
    }
}

/// An option without effect any more.
pub(in crate::template) const fn old(name: &'static str, why: &'static str) -> Key {
    Key {
        name,
        status: Status::Deprecated(why),
        exact: false,
    }
}

/// An option that kiln has no use for.
pub(in crate::template) const fn idle(name: &'static str, why: &'static str) -> Key {
    Key {
        name,
        status: Status::Idle(why),
        exact: false,
    }
}

/// An option that will not come.
pub(in crate::template) const fn refused(name: &'static str, why: &'static str) -> Key {
    Key {
        name,
        status: Status::Refused(why),
        exact: false,
    }
}

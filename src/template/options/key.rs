//! Rows of the tables that say which options an object may have, and what becomes of each. docs/compatibility.md shows them;
//! `make compatibility` writes it anew.

/// An option that a table knows.
#[derive(Debug, Clone, Copy)]
pub(in crate::template) struct Key {
    pub name: &'static str,
    pub status: Status,
}

/// What becomes of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::template) enum Status {
    Read,
    /// Accepted without effect any more: why.
    Deprecated(&'static str),
    /// Accepted without effect here: why.
    Idle(&'static str),
    /// Known to Packer and not here; an error unless its value is empty.
    NotYet,
    /// Known to Packer and not meant to come: why. An error unless its value is empty.
    Refused(&'static str),
}

/// An option that is read.
pub(in crate::template) const fn on(name: &'static str) -> Key {
    Key {
        name,
        status: Status::Read,
    }
}

/// An option without effect any more.
pub(in crate::template) const fn old(name: &'static str, why: &'static str) -> Key {
    Key {
        name,
        status: Status::Deprecated(why),
    }
}

/// An option that kiln has no use for.
pub(in crate::template) const fn idle(name: &'static str, why: &'static str) -> Key {
    Key {
        name,
        status: Status::Idle(why),
    }
}

/// An option that will come.
pub(in crate::template) const fn not_yet(name: &'static str) -> Key {
    Key {
        name,
        status: Status::NotYet,
    }
}

/// An option that will not come.
pub(in crate::template) const fn refused(name: &'static str, why: &'static str) -> Key {
    Key {
        name,
        status: Status::Refused(why),
    }
}

//! Values that remember where the user wrote them.

use super::Span;
use serde::{Serialize, Serializer};
use std::fmt;

/// Where a value stands: the text that set it and, when that is elsewhere, the option that uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// What to blame: the var file's line when a variable brought the value.
    pub set: Span,
    /// The option in the template that used it, when `set` is in another place.
    pub used: Option<Span>,
}

impl Place {
    /// A value that stands where it is used.
    pub fn at(span: Span) -> Self {
        Self {
            set: span,
            used: None,
        }
    }
}

/// A value with its place. Defaults have no place. Two are equal when their values are.
#[derive(Debug, Clone)]
pub struct Spanned<T> {
    pub value: T,
    pub place: Option<Place>,
}

impl<T> Spanned<T> {
    /// A value that the user wrote.
    pub fn new(value: T, place: Place) -> Self {
        Self {
            value,
            place: Some(place),
        }
    }

    /// A default: nobody wrote it, so an error about it has no label.
    pub fn unplaced(value: T) -> Self {
        Self { value, place: None }
    }

    /// Another value at the same place.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned {
            value: f(self.value),
            place: self.place,
        }
    }

    /// A borrowed value at the same place.
    pub fn as_ref(&self) -> Spanned<&T> {
        Spanned {
            value: &self.value,
            place: self.place,
        }
    }
}

impl<T> std::ops::Deref for Spanned<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Spanned<T> {}

impl<T: fmt::Display> fmt::Display for Spanned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: Serialize> Serialize for Spanned<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

//! `image`: which image goes into service.

use super::super::bake::SourceFilter;
use crate::source::Spanned;
use serde::Serialize;

/// Which image goes into service.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageChoice {
    /// The newest ready image of a family, of the channel if one is named, not quarantined for this service.
    Family {
        family: Spanned<String>,
        channel: Option<Spanned<String>>,
    },
    Id(Spanned<String>),
    /// What a filter finds and is available, but for what is quarantined for this service.
    Filter(SourceFilter),
    /// The one whose id is the value of a parameter of Systems Manager.
    Parameter(Spanned<String>),
    /// What the last run that a manifest tells of has made.
    Manifest(FromManifest),
}

/// A manifest, as `kiln bake` and packer write it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FromManifest {
    pub file: Spanned<String>,
    /// The build that is meant, where a run has several.
    pub name: Option<Spanned<String>>,
    /// What the last run has made, or why nobody knows. An image that the command names goes before it.
    #[serde(skip)]
    pub made: Result<Vec<Made>, Unread>,
}

/// An image of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The name of its build.
    pub build: String,
    pub region: String,
    pub image: String,
}

/// Why a manifest says nothing, and what helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    pub problem: String,
    pub help: String,
}

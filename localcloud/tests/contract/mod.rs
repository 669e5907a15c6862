//! What AWS promises, asked of everything that stands in for it: the model, the model over the wire, and moto.
//!
//! Each row is a fact of AWS's API reference that a roll depends on. The model must keep all of them, called directly and
//! in the protocol's own words. moto, which others wrote, keeps those that do not say so; a row that says how moto
//! differs must fail there, so that the list stays true. The table of it is printed.

mod answer;
mod deploying;
mod dns;
mod limits;
mod moto;
mod network;
mod pools;
pub mod rest;
mod rows;
mod scaling;
pub mod subject;
mod volumes;

use std::fmt::Write as _;
use std::io::Write as _;

use moto::Moto;
use rows::{Row, rows};
use subject::{Direct, OverTheWire, Subject};

/// What a subject made of a row: nothing, or how it differs.
fn outcome(row: &Row, subject: impl Subject + 'static) -> Result<(), String> {
    (row.story)(&mut rows::Stage::new(Box::new(subject)))
}

#[test]
fn the_model_keeps_every_row_and_moto_those_that_it_is_said_to() {
    let moto = Moto::start();
    let mut table = String::from("model  wire   moto     what AWS promises\n");
    let mut wrong = Vec::new();
    for row in rows() {
        let model = outcome(row, Direct::new());
        let wire = outcome(row, OverTheWire::new());
        moto.reset();
        let peer = outcome(row, moto.subject());
        let is_right = model.is_ok() && wire.is_ok() && peer.is_ok() == row.moto.is_none();
        let mark = |outcome: &Result<(), String>| if outcome.is_ok() { "yes" } else { "NO" };
        let other = row.moto.map(|how| format!(" (moto: {how})"));
        writeln!(
            table,
            "{:<7}{:<7}{:<9}{}{}",
            mark(&model),
            mark(&wire),
            if peer.is_ok() { "yes" } else { "differs" },
            row.name,
            other.unwrap_or_default()
        )
        .unwrap();
        if !is_right {
            wrong.push(format!(
                "{}: model {model:?}, wire {wire:?}, moto {peer:?}",
                row.name
            ));
        }
    }
    // Past the tests' own capture, so that whoever runs them sees it.
    std::io::stderr().write_all(table.as_bytes()).unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

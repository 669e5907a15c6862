//! kiln's own binary on a local cloud of real machines. Needs root (or sudo) and what `make deps` installs; without them
//! these tests fail and say so.

mod bake;
mod cloud;
mod dns;
mod imaging;
mod network;
mod provision;
mod reroot;
mod roll;
mod service;
mod spot;
mod ten_rolls;
mod traffic;
mod wrk;

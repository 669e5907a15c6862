//! Putting an image into service: facts, plan (pure), flow, and the way back.
//!
//! What is live is read from the listener, never from a name or a tag. Nothing of the previous group is touched before
//! the next one is proven healthy behind the real load balancer, and every temporary change stands in the journal and in a
//! tag before it is made. DESIGN.md section 8 has the rules; printing and exit are left to `cli`.

mod address;
mod alarms;
mod alone;
mod approval;
mod approve;
mod aside;
mod bury;
mod calm;
mod checks;
mod commit;
mod cut_short;
pub mod doctor;
mod drained;
mod drift;
mod error;
mod examine;
pub mod facts;
mod flow;
mod give_back;
mod ground;
mod health;
mod hold;
mod hook;
mod image;
mod judge;
mod launches;
mod making;
mod mark;
mod names;
mod next_group;
mod office;
pub mod plan;
mod plan_only;
mod probe;
mod refresh_back;
mod refusals;
mod regrow;
mod replace_back;
mod retire;
mod retiring;
mod rollback;
mod rolled_back;
mod room;
mod run_roll;
mod scaling;
mod status;
mod strategy;
mod swap;
mod take;
mod takeback;
mod targets;
mod template;
mod tidy;
mod unsaid;
mod verdict;

pub use address::state_of;
pub use approval::{Approval, NoApproval};
pub use approve::{Answered, approve};
pub use bury::Dead;
pub use error::Error;
pub use hold::{clear as clear_hold, set as set_hold};
pub use plan::{Decision, Plan, Refusal};
pub use plan_only::plan_only;
pub use probe::{Answer, Ask, HttpProbe, NoAnswer, Probe, Ran};
pub use retire::{WorkedOff, work_off_alone};
pub use retiring::{NAMELESS, Retiring, Wait};
pub use rollback::{RolledBack, Way, rollback};
pub use run_roll::{Ended, Request, Tools, roll};
pub use status::{Status, status};
pub use takeback::Dead as DeadRoll;
pub use verdict::Verdict;

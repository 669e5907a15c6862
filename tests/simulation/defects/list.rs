//! The defects, and what each of them breaks.

use super::{calls, readings};
use crate::simulation::roll::Bench;
use crate::simulation::seeds::worlds;

/// Something that a tool like this could do wrong.
pub struct Defect {
    pub name: &'static str,
    /// The invariants of DESIGN.md section 8, or the service file's own alarm: one of them must find it.
    pub breaks: &'static [&'static str],
    pub plant: fn(&Bench),
    /// The seeds whose worlds can show it.
    pub worlds: fn(u64) -> bool,
}

impl Defect {
    /// Shown by some worlds alone.
    const fn only_where(self, worlds: fn(u64) -> bool) -> Self {
        Self { worlds, ..self }
    }
}

fn anywhere(_: u64) -> bool {
    true
}

const fn defect(name: &'static str, breaks: &'static [&'static str], plant: fn(&Bench)) -> Defect {
    Defect {
        name,
        breaks,
        plant,
        worlds: anywhere,
    }
}

pub const DEFECTS: &[Defect] = &[
    defect(
        "a target whose first checks are under way counts as healthy",
        &["I1", "I2"],
        readings::initial_is_healthy,
    ),
    defect(
        "a target that failed its checks counts as healthy",
        &["I1", "I2"],
        readings::sick_is_healthy,
    ),
    defect(
        "`unused` counts as healthy, and no rule puts the next group in use before the swap",
        &["I1", "I2"],
        readings::unused_is_healthy,
    ),
    defect(
        "one healthy target stands for all",
        &["I1"],
        readings::one_stands_for_all,
    ),
    defect(
        "where traffic is led is read once, and not again before the swap",
        &["I7"],
        readings::traffic_once,
    ),
    defect(
        "the live capacity is read once, and not again before the swap",
        &["I1", "I3"],
        readings::capacity_once,
    )
    .only_where(worlds::grows),
    defect(
        "an alarm that is red counts as one that is OK",
        &["alarm"],
        readings::red_is_quiet,
    )
    .only_where(worlds::is_alarmed),
    defect(
        "a machine is ended for its root",
        &["I1", "I3"],
        calls::machine_replaced,
    )
    .only_where(worlds::stays),
    defect(
        "what a dead run made is not recognised",
        &["I5", "I8"],
        readings::dead_unknown,
    ),
    defect(
        "a group of others' making is taken for one of ours",
        &["I6"],
        readings::others_are_ours,
    ),
    defect(
        "an undo is journalled behind what it undoes",
        &["I4"],
        |bench| {
            bench.journals.write_late();
        },
    ),
    defect("a change of traffic is not journalled", &["I4"], |bench| {
        bench.journals.leave_out_traffic();
    }),
    defect("the lease of the service is not heeded", &["I7"], |bench| {
        bench.store.heed_nobody();
    }),
    defect(
        "processes are suspended without a tag that says so",
        &["I4"],
        calls::untagged_suspension,
    ),
    defect(
        "suspended processes are not resumed",
        &["I4", "I5"],
        calls::never_resumed,
    ),
    defect(
        "a minimum that was held is not given back",
        &["I5"],
        calls::minimum_stays,
    ),
    defect(
        "a minimum that was held comes back as nothing",
        &["I3", "I5"],
        calls::minimum_is_lost,
    ),
    defect(
        "a group that was pinned stays pinned",
        &["I3", "I5"],
        calls::stays_pinned,
    ),
    defect(
        "the previous group starts from the next version before that is proven",
        &["I3"],
        calls::previous_renewed,
    ),
    defect("a probe rule is not deleted", &["I5"], calls::rule_stays),
    defect("scratch keeps its expiry", &["I5"], calls::expiry_stays),
    defect(
        "traffic is moved in two writes, and leads nowhere between them",
        &["I1", "I2"],
        calls::two_writes,
    ),
    defect(
        "the shares of a canary are the wrong way round",
        &["I1", "I4"],
        calls::shares_swapped,
    ),
    defect(
        "the previous group is emptied as soon as traffic has moved",
        &["I3"],
        calls::previous_emptied,
    ),
    defect(
        "the previous group is deleted as soon as traffic has moved",
        &["I3", "I6"],
        calls::previous_deleted,
    ),
    defect(
        "the previous group leaves its target group with the swap",
        &["I3"],
        calls::previous_detached,
    ),
    defect(
        "processes of both groups are suspended",
        &["I3", "I4", "I5"],
        calls::both_suspended,
    ),
    defect(
        "every version but the default one is deleted with a failed one",
        &["I6"],
        calls::versions_too_many,
    ),
];

//! What is in the account, as plain values: for invariants of simulations, and for whoever shows the local cloud's state.
//!
//! A view is a copy. It shows what the API would show now, without paging, filters or calls that are counted.

mod compute;
mod dns;
mod traffic;
mod watch;

pub use compute::{
    GroupView, ImageView, InstanceView, KeyPairView, MemberView, PoolView, SecurityGroupView,
    SnapshotView, SubnetView, TemplateView, VolumeView,
};
pub use dns::{AliasView, AnswerView, PointerView, RecordView, ZoneView};
pub use traffic::{BalancerView, ListenerView, RuleView, TargetGroupView, TargetView};
pub use watch::AlarmView;

/// Tags by their keys.
pub type Tags = std::collections::BTreeMap<String, String>;

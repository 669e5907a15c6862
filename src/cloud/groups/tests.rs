//! What is told of a group.

use super::*;

#[test]
fn what_remains_of_a_group_is_told_as_it_is() {
    let zone = Zone::new("eu-central-1a");
    let member = |id: &str| Member {
        instance: InstanceId::new(id),
        zone: zone.clone(),
        stage: Stage::Terminating,
        healthy: true,
        protected: false,
        from: None,
    };
    let pool = |machines: u32| WarmPool {
        prepared: None,
        min: 0,
        state: "Stopped".to_owned(),
        reuses: false,
        machines,
        leaving: true,
    };
    for (members, waiting, said) in [
        (0, None, None),
        (1, None, Some("1 machine")),
        (0, Some(0), Some("a warm pool without machines")),
        (0, Some(1), Some("1 machine in its warm pool")),
        (
            2,
            Some(3),
            Some("2 machines and 3 machines in its warm pool"),
        ),
        (
            2,
            Some(0),
            Some("2 machines and a warm pool without machines"),
        ),
    ] {
        let mut group = Group::example("web-v001", 2);
        group.members = ["i-1", "i-2"]
            .map(member)
            .into_iter()
            .take(members)
            .collect();
        group.pool = waiting.map(pool);
        assert_eq!(group.remains().as_deref(), said);
    }
}

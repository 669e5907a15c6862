use super::*;
use crate::cloud::{
    Addresses, ImageId, Instance, InstanceId, InstanceState, Member, Tags, VolumeId, Zone,
};

fn machine(elastic: bool, state: InstanceState) -> Instance {
    Instance {
        id: InstanceId::new("i-1"),
        state,
        reason: None,
        spot: false,
        interrupted: false,
        image: ImageId::new("ami-1"),
        addresses: Addresses {
            public_ip: Some("198.51.100.7".to_owned()),
            elastic,
            ..Addresses::default()
        },
        lasting_volumes: vec![VolumeId::new("vol-1")],
        tags: Tags::new(),
    }
}

#[test]
fn volumes_that_last_and_addresses_of_the_account_are_named() {
    let notes = |elastic, state| {
        let found = Belongings {
            service: "web".to_owned(),
            scene: None,
            alarms: Vec::new(),
            things: Vec::new(),
            templates: Vec::new(),
            machines: vec![machine(elastic, state)],
        };
        found.kept_things()
    };
    let volume = "volume vol-1 stays: it does not end with machine i-1, which it is attached to";
    let address = "elastic address 198.51.100.7 of machine i-1 stays: it belongs to the account";
    assert_eq!(notes(true, InstanceState::Running), [volume, address]);
    assert_eq!(notes(false, InstanceState::Running), [volume]);
    assert_eq!(notes(true, InstanceState::Terminated), [""; 0]);
}

/// A group without capacity ends what is in service, and nothing else.
#[test]
fn a_machine_in_standby_holds_its_group_fast() {
    let group = |stage: Stage| Group {
        members: vec![Member {
            instance: InstanceId::new("i-1"),
            zone: Zone::new("a"),
            stage,
            healthy: true,
            protected: false,
            from: None,
        }],
        ..Group::example("web-v001", 1)
    };
    assert_eq!(held_fast(&group(Stage::InService)), [""; 0]);
    let held = held_fast(&group(Stage::Other("Standby".to_owned())));
    let wanted = "instance i-1 of group web-v001 is in Standby, where its group does not end it: `aws autoscaling exit-standby \
                  --auto-scaling-group-name web-v001 --instance-ids i-1` first";
    assert_eq!(held, [wanted]);
}

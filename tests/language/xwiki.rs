//! The template of the xwiki article with its four var files: it must check, with exactly the findings it deserves.

use super::{fixture, request};
use kiln::report::diagnostics::render;
use kiln::source::SourceMap;
use kiln::template::bake::{Login, Source, Template};
use kiln::template::load::{self, Request};
use kiln::template::provisioner::{Kind, Scripts};

fn xwiki() -> Request {
    let files = [
        "packer_template.json",
        "common.json",
        "os/ubuntu-18.04.json",
        "mode/build.json",
        "host/xwiki.json",
    ];
    Request {
        files: files.map(str::to_owned).to_vec(),
        ..request(&fixture("xwiki"))
    }
}

fn template() -> Template {
    load::bake(&xwiki(), &mut SourceMap::new()).unwrap().0
}

#[test]
fn it_checks_with_exactly_its_findings() {
    let mut sources = SourceMap::new();
    let (_, findings) = load::bake(&xwiki(), &mut sources).unwrap();
    insta::assert_snapshot!("xwiki", render(&findings, &sources, false, 100));
}

#[test]
fn it_means_what_packer_makes_of_it() {
    let template = template();
    let build = &template.builds[0];
    let ebs = &build.builder;
    assert_eq!(
        (template.builds.len(), template.family.is_none()),
        (1, true)
    );
    assert_eq!(build.name.value, "xwiki_ubuntu18.04");
    assert_eq!(ebs.image.name.value, "xwiki_ubuntu18.04");
    assert_eq!(ebs.access.region.as_ref().unwrap().value, "eu-central-1");
    assert!(
        ebs.image.description.is_none()
            && ebs.image.force_deregister
            && ebs.image.force_delete_snapshot
    );
    assert_eq!(
        ebs.image.tags[0].value.text(),
        Some("packer_xwiki_ubuntu18.04")
    );
    assert_eq!(ebs.instance.associate_public_ip_address, Some(true));
    assert_eq!(ebs.instance.block_devices, ebs.image.block_devices);
    assert_eq!(
        ebs.image.block_devices[0]
            .volume_size
            .as_ref()
            .unwrap()
            .value,
        10
    );
    assert!(ebs.instance.spot.as_ref().unwrap().max_price.is_none());
    let Source::Filter(filter) = &ebs.source else {
        panic!("a filter is written")
    };
    assert_eq!(filter.owners[0].value, "099720109477");
    assert_eq!(
        filter.filters[1].1,
        ["ubuntu/images/*ubuntu-bionic-18.04-amd64-server-*"]
    );
    let Login::KeyFile {
        file,
        key_pair_name,
        ..
    } = &ebs.ssh.login
    else {
        panic!("a key file is written")
    };
    assert_eq!(file.value.to_str(), Some("/home/é/.ssh/ssh-key"));
    assert_eq!(key_pair_name.as_ref().unwrap().value, "ssh-key");
}

#[test]
fn its_inline_string_becomes_three_commands() {
    let template = template();
    let Kind::Shell(shell) = &template.builds[0].provisioners[0].kind else {
        panic!("the first is a shell")
    };
    let Scripts::Inline { lines, shebang } = &shell.scripts else {
        panic!("it is inline")
    };
    assert_eq!((lines.len(), shebang.as_str()), (3, "/bin/sh -e"));
    assert_eq!(
        lines[1].text(),
        Some("sudo DEBIAN_FRONTEND=noninteractive apt-get update")
    );
    let data = kiln::template::Data::new()
        .with("Vars", "A='b'")
        .with("Path", "/tmp/x.sh");
    assert_eq!(
        shell.execute_command.render(&data).unwrap(),
        "chmod +x /tmp/x.sh; A='b' /tmp/x.sh"
    );
    assert!(matches!(
        template.builds[0].provisioners[1].kind,
        Kind::AnsibleLocal(_)
    ));
}

#[test]
fn a_bake_refuses_what_a_check_only_notes() {
    let findings = load::bake(
        &Request {
            running: true,
            ..xwiki()
        },
        &mut SourceMap::new(),
    )
    .unwrap_err();
    let codes: Vec<_> = findings
        .iter()
        .filter(|f| f.is_error())
        .map(|f| f.code)
        .collect();
    assert_eq!(codes, ["template::missing_file"; 3]);
}

#[test]
fn a_value_from_a_var_file_is_blamed_there() {
    let mut sources = SourceMap::new();
    let (template, _) = load::bake(&xwiki(), &mut sources).unwrap();
    let place = template.builds[0]
        .builder
        .instance
        .subnets
        .first()
        .unwrap()
        .place
        .unwrap();
    assert_eq!(sources.locate(place.set), "common.json:9:16");
    assert_eq!(
        sources.name(place.used.unwrap().file),
        "packer_template.json"
    );
}

//! Provisioners at their largest, on machines that start, restart and are made into images: big files, many files, a reboot
//! in the middle, and Ansible itself, from both sides.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use super::cloud::LocalCloud;

/// MiB.
const BIG: usize = 300;
const MANY: usize = 10_000;

/// Bakes a template with these provisioners, and returns what was said.
fn bake(cloud: &LocalCloud, more: &Value) -> (Output, String) {
    let mut template = json!({
        "builders": [{
            "type": "amazon-ebs", "ami_name": "web-{{timestamp}}", "instance_type": "t3.small", "ssh_username": "admin",
            "source_ami_filter": {
                "filters": { "name": "debian-12-amd64-*" }, "owners": ["136693071363"], "most_recent": true
            }
        }]
    });
    for (name, value) in more.as_object().unwrap() {
        template[name] = value.clone();
    }
    cloud.write("web.json", &template.to_string());
    let baked = cloud.run(&["bake", "web.json"]);
    let log = String::from_utf8_lossy(&baked.stderr).into_owned();
    (baked, log)
}

/// The digest of a file, as `sha256sum` prints it.
fn digest(folder: &Path, command: &str) -> String {
    let out = std::process::Command::new("sh")
        .args(["-c", command])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(out.status.success());
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

#[test]
fn big_and_many_files_arrive_whole_and_a_reboot_is_survived() {
    let cloud = LocalCloud::up("kilnfile", 221, 4984);
    let here = cloud.folder.path();
    let mut big = fs::File::create(here.join("big")).unwrap();
    let mut random = fs::File::open("/dev/urandom").unwrap();
    std::io::copy(
        &mut std::io::Read::take(&mut random, (BIG as u64) << 20),
        &mut big,
    )
    .unwrap();
    big.flush().unwrap();
    for at in 0..MANY {
        let folder = here.join(format!("many/{}", at / 100));
        fs::create_dir_all(&folder).unwrap();
        fs::write(
            folder.join(format!("{at} ü.txt")),
            format!("{at}\n").repeat(400),
        )
        .unwrap();
    }
    let whole = "sha256sum < big";
    let all = "find many -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum";
    let count = format!("test $(find /var/tmp/many -type f | wc -l) = {MANY}");
    let (baked, log) = bake(
        &cloud,
        &json!({ "provisioners": [
            { "type": "file", "source": "big", "destination": "/var/tmp/big" },
            { "type": "file", "source": "many", "destination": "/var/tmp", "owner": "root:adm", "mode": "0640" },
            { "type": "shell", "inline": [
                format!("cd /var/tmp; {count}"),
                format!("sudo sh -c '{whole}' | grep -qF '{}'", digest(here, whole)),
                format!("sudo sh -c '{all}' | grep -qF '{}'", digest(here, all)),
                "test -z \"$(find many -type f ! \\( -user root -group adm -perm 640 \\))\"",
                "sudo rm -r many big; echo it is all there",
                "cat /proc/sys/kernel/random/boot_id > before"
            ]},
            { "type": "reboot", "timeout": "3m" },
            { "type": "shell", "inline": [
                "cd /var/tmp; test \"$(cat before)\" != \"$(cat /proc/sys/kernel/random/boot_id)\"",
                "echo another boot"
            ]},
            { "type": "shell", "inline": ["sudo systemctl reboot; sleep 60"], "expect_disconnect": true },
            { "type": "file", "content": "back", "destination": "/var/tmp/after" },
            // More than any memory would hold if it were kept, without an end of line.
            { "type": "shell", "inline": ["head -c 200M /dev/zero | tr '\\0' x; echo; echo and on"] }
        ]}),
    );
    assert!(baked.status.success(), "{}", tail(&log));
    for said in [
        "it is all there",
        "up again after",
        "another boot",
        "and on",
    ] {
        assert!(log.contains(said), "no {said:?}: {}", tail(&log));
    }
}

/// The end of a log that may be large.
fn tail(log: &str) -> String {
    let lines: Vec<_> = log.lines().filter(|line| line.len() < 500).collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}

/// Ansible with what it needs, without the rest of where it is installed.
fn put_ansible(into: &Path) {
    let packages = peers().join("lib/python3.11/site-packages");
    fs::create_dir_all(into).unwrap();
    for name in [
        "ansible",
        "jinja2",
        "markupsafe",
        "yaml",
        "_yaml",
        "packaging",
        "resolvelib",
        "cryptography",
        "cffi",
        "pycparser",
        "_cffi_backend.cpython-311-x86_64-linux-gnu.so",
        "ansible_core-2.18.6.dist-info",
    ] {
        let from = packages.join(name);
        assert!(
            from.exists(),
            "{} is missing: `make deps` installs it",
            from.display()
        );
        symlink(from, into.join(name)).unwrap();
    }
}

fn peers() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers")
}

/// A playbook with a role: defaults, variables, a template, a handler.
fn put_playbook(cloud: &LocalCloud) {
    let write = |name: &str, text: &str| {
        fs::create_dir_all(cloud.folder.path().join(name).parent().unwrap()).unwrap();
        cloud.write(name, text);
    };
    write(
        "play/site.yml",
        "- hosts: all\n  become: true\n  vars: { from_play: play }\n  roles: [web]\n",
    );
    write("play/group_vars/all.yml", "from_group: group\n");
    write(
        "play/roles/web/defaults/main.yml",
        "port: 80\nside: nobody\n",
    );
    write("play/roles/web/vars/main.yml", "from_role: role\n");
    write(
        "play/roles/web/templates/web.conf.j2",
        "{{ side }} {{ port }} {{ from_play }} {{ from_role }} {{ from_group }} {{ word }} {{ packer_build_name }} {{ packer_builder_type }}\n",
    );
    write("play/roles/web/files/plain.txt", "plain\n");
    write(
        "play/roles/web/tasks/main.yml",
        "- template: { src: web.conf.j2, dest: '/etc/web-{{ side }}.conf', mode: '0640' }\n  notify: tell\n\
         - copy: { src: plain.txt, dest: '/etc/plain-{{ side }}.txt' }\n\
         - shell: \"cat /proc/[0-9]*/cmdline | tr '\\\\0' ' ' > /var/tmp/argv-{{ side }}\"\n",
    );
    write(
        "play/roles/web/handlers/main.yml",
        "- name: tell\n  shell: 'echo handled > /etc/handled-{{ side }}'\n",
    );
}

#[test]
fn ansible_plays_roles_on_the_machine_and_from_here() {
    let cloud = LocalCloud::up("kilnansi", 222, 4985);
    put_ansible(&cloud.folder.path().join("ansible"));
    put_playbook(&cloud);
    let check = |side: &str| {
        let line = format!("{side} 8080 play role group hunter2 amazon-ebs amazon-ebs");
        format!(
            "sudo grep -qxF '{line}' /etc/web-{side}.conf && grep -q plain /etc/plain-{side}.txt && \
             grep -q handled /etc/handled-{side} && sudo grep -q [a]nsible /var/tmp/argv-{side} && \
             ! sudo grep -q '[h]unter2' /var/tmp/argv-{side} && echo 'played {side}'"
        )
    };
    let ansible = peers().join("bin/ansible-playbook");
    let (baked, log) = bake(
        &cloud,
        &json!({
            "variables": { "word": "hunter2" }, "sensitive-variables": ["word"],
            "provisioners": [
                { "type": "file", "source": "ansible", "destination": "/var/tmp" },
                { "type": "ansible-local",
                  "command": "PYTHONPATH=/var/tmp/ansible PYTHONUNBUFFERED=1 python3 -m ansible playbook",
                  "playbook_file": "play/site.yml", "role_paths": ["play/roles/web"], "group_vars": "play/group_vars",
                  "extra_arguments": ["-v --extra-vars", "\"side=there port=8080 word={{user `word`}}\""] },
                { "type": "ansible",
                  "command": ansible, "playbook_file": "play/site.yml", "groups": ["web"], "empty_groups": ["none"],
                  "ansible_env_vars": ["ANSIBLE_NOCOLOR=True"],
                  "extra_arguments": ["--extra-vars", "side=here port=8080 word={{user `word`}}"] },
                { "type": "shell", "inline": [
                    check("there"), check("here"),
                    "test -z \"$(ls /tmp/packer-provisioner-ansible-local)\" && echo clean",
                    "sudo rm -r /var/tmp/ansible"
                ]}
            ]
        }),
    );
    assert!(baked.status.success(), "{}", tail(&log));
    for said in [
        "played there",
        "played here",
        "clean",
        "default                    : ok=",
        "127.0.0.1",
    ] {
        assert!(log.contains(said), "no {said:?}: {}", tail(&log));
    }
    assert!(!log.contains("hunter2"));
    let left = fs::read_dir(std::env::temp_dir()).unwrap().flatten();
    let left = left.filter(|entry| {
        entry
            .file_name()
            .to_string_lossy()
            .starts_with("kiln-ansible-")
    });
    assert_eq!(left.count(), 0, "a key stayed behind");
}

/// A role as an archive and another as a git repository, as a requirements file names them; nothing of it needs the network.
fn put_requirements(cloud: &LocalCloud) {
    let here = cloud.folder.path();
    for role in ["packed", "versioned"] {
        for (file, text) in [
            ("meta/main.yml", "galaxy_info: { author: us, description: d, license: MIT, min_ansible_version: '2.1' }\ndependencies: []\n".to_owned()),
            ("tasks/main.yml", format!("- copy: {{ content: '{{{{ side }}}}', dest: '/etc/of-{role}' }}\n")),
        ] {
            let path = here.join("origin").join(role).join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }
    digest(
        here,
        "tar czf packed.tar.gz -C origin packed && rm -r origin/packed",
    );
    let git = "git -c user.name=us -c user.email=us@example.org -c init.defaultBranch=main";
    digest(
        here,
        &format!("cd origin/versioned && {git} init -q && {git} add . && {git} commit -qm first"),
    );
    let at = here.display();
    cloud.write(
        "play/needs.yml",
        &format!(
            "- src: file://{at}/packed.tar.gz\n  name: packed\n- src: file://{at}/origin/versioned\n  scm: git\n  version: main\n  name: versioned\n"
        ),
    );
    cloud.write(
        "play/fetched.yml",
        "- hosts: all\n  become: true\n  roles: [packed, versioned]\n",
    );
}

#[test]
fn ansible_galaxy_fetches_the_roles_that_are_played_from_here() {
    let cloud = LocalCloud::up("kilngala", 232, 4996);
    fs::create_dir(cloud.folder.path().join("play")).unwrap();
    put_requirements(&cloud);
    let (baked, log) = bake(
        &cloud,
        &json!({ "provisioners": [
            { "type": "ansible", "command": peers().join("bin/ansible-playbook"),
              "galaxy_command": peers().join("bin/ansible-galaxy"), "galaxy_file": "play/needs.yml",
              "roles_path": "fetched", "playbook_file": "play/fetched.yml",
              "ansible_env_vars": ["ANSIBLE_ROLES_PATH=fetched"],
              "extra_arguments": ["--extra-vars", "side=here"] },
            { "type": "shell", "inline": ["test $(cat /etc/of-packed /etc/of-versioned) = herehere && echo played both"] }
        ] }),
    );
    assert!(baked.status.success(), "{}", tail(&log));
    for said in [
        "packed was installed successfully",
        "versioned (main) was installed successfully",
        "played both",
    ] {
        assert!(log.contains(said), "no {said:?}: {}", tail(&log));
    }
    assert!(
        cloud
            .folder
            .path()
            .join("fetched/versioned/tasks/main.yml")
            .exists()
    );
}

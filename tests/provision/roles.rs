//! A role writes to `/`, and this machine's own is not to be touched: where a test lays out files, they go to the test's own
//! folder, by its absolute path.

use std::fs;

use serde_json::json;

use super::Bench;

#[tokio::test]
async fn scripts_run_in_order_as_root_with_the_role_s_variables() {
    let bench = Bench::new();
    bench.write(
        "roles/web/role.json",
        r#"{"defaults": {"port": 80, "name": "default"}, "needs": ["base"]}"#,
    );
    bench.write("roles/base/scripts/10-first.sh", "echo base");
    bench.write("roles/web/scripts/20-b.sh", "cat beside.txt; id -un");
    bench.write(
        "roles/web/scripts/10-a.sh",
        "echo $KILN_VAR_name $KILN_VAR_port $PACKER_BUILD_NAME",
    );
    bench.write("roles/web/scripts/beside.txt", "beside\n");
    let role = json!({"type": "role", "roles": ["web"], "vars": {"name": "it's me"}});
    let lines = bench.lines(json!([role, role])).await;
    let web = [
        "== web: 10-a.sh",
        "it's me 80 web's build",
        "== web: 20-b.sh",
        "beside",
        "root",
    ];
    let first = ["== base: 10-first.sh", "base"];
    let expected: Vec<_> = first.iter().chain(&web).chain(&web).copied().collect();
    assert_eq!(
        lines, expected,
        "what is needed runs once, what is named as often as it is named"
    );
}

#[tokio::test]
async fn a_role_stops_at_its_first_error_and_leaves_nothing() {
    let bench = Bench::new();
    bench.write(
        "roles/web/scripts/10-a.sh",
        "echo $KILN_ROLE_DIR\nfalse | true\necho no",
    );
    bench.write("roles/web/scripts/20-b.sh", "echo no");
    let (result, heard) = bench
        .apply(json!([{"type": "role", "roles": ["web"]}]))
        .await;
    let error = super::chain(&result.unwrap_err());
    assert_eq!(
        error,
        "provisioner 1 (role): role web ended with exit code 1"
    );
    let lines = heard.lines();
    assert_eq!(lines[0], "== web: 10-a.sh");
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1].starts_with("/tmp/kiln-role."), "{lines:?}");
    assert!(!fs::exists(&lines[1]).unwrap());
}

#[tokio::test]
async fn an_undefined_variable_in_a_script_is_an_error() {
    let bench = Bench::new();
    bench.write("roles/web/scripts/10-a.sh", "echo $KILN_VAR_nmae");
    let error = bench
        .error(json!([{"type": "role", "roles": ["web"]}]))
        .await;
    assert!(error.contains("ended with exit code"), "{error}");
}

#[tokio::test]
async fn files_and_templates_are_laid_out_before_the_scripts_run() {
    let bench = Bench::new();
    let root = bench.path("root");
    fs::create_dir(&root).unwrap();
    let below = root.trim_start_matches('/');
    bench.write(&format!("roles/web/files/{below}/etc/plain"), "plain");
    let run = bench.write(
        &format!("roles/web/files/{below}/bin/run"),
        "#!/bin/sh\necho ran",
    );
    fs::set_permissions(run, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    bench.write(
        &format!("roles/web/templates/{below}/etc/conf.j2"),
        "{{ name }}={{ port + 1 }}\n",
    );
    bench.write(
        "roles/web/scripts/10-a.sh",
        &format!("cat {root}/etc/conf; {root}/bin/run"),
    );
    let vars = json!({"name": "<web>", "port": 79});
    let before = fs::metadata("/tmp").unwrap().permissions();
    let lines = bench
        .lines(json!([{"type": "role", "roles": ["web"], "vars": vars}]))
        .await;
    assert_eq!(lines, ["== web: 10-a.sh", "<web>=80", "ran"]);
    assert_eq!(fs::metadata("/tmp").unwrap().permissions(), before);
    assert_eq!(
        fs::read_to_string(format!("{root}/etc/plain")).unwrap(),
        "plain"
    );
}

#[tokio::test]
async fn checks_run_after_the_last_provisioner() {
    let bench = Bench::new();
    bench.write("roles/web/scripts/10-a.sh", "echo installed");
    bench.write(
        "roles/web/verify/10-up.sh",
        "echo checked; test $KILN_VAR_up = yes",
    );
    let provisioners = |up: &str| {
        json!([
            {"type": "role", "roles": ["web"], "vars": {"up": up}},
            {"type": "shell", "inline": ["echo last"]}
        ])
    };
    let lines = bench.lines(provisioners("yes")).await;
    assert_eq!(
        lines,
        [
            "== web: 10-a.sh",
            "installed",
            "last",
            "== web: 10-up.sh",
            "checked"
        ]
    );
    let error = bench.error(provisioners("no")).await;
    assert_eq!(
        error,
        "provisioner 1 (role): role web ended with exit code 1"
    );
}

#[tokio::test]
async fn what_fails_on_any_machine_is_found_without_one() {
    let bench = Bench::new();
    bench.write("roles/a/role.json", r#"{"needs": ["b"]}"#);
    bench.write("roles/a/scripts/10-a.sh", "");
    bench.write("roles/b/role.json", r#"{"needs": ["a"]}"#);
    bench.write("roles/b/scripts/10-a.sh", "");
    bench.write("roles/c/templates/etc/c.j2", "{{ undefined }}");
    bench.write("roles/c/role.json", "{}");
    bench.write("roles/d/scripts/10-a.sh", "");
    let role = |name: &str| json!({"type": "role", "roles": [name]});
    let provisioners = bench.read(json!([role("a"), role("c"), role("d")]));
    let found: Vec<_> = kiln::provision::check(&provisioners, false)
        .iter()
        .map(|failure| super::chain(failure))
        .collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(
        found[0],
        "provisioner 1 (role): roles need each other in a ring: a needs b needs a"
    );
    assert!(found[1].contains("cannot render"), "{found:?}");
}

//! A role whose template takes too much is refused before anything is made, by a process that has little memory.

use std::fs::create_dir_all;

use serde_json::json;

use super::accounts::OWN;
use super::model::ModelBakery;
use crate::cli::bounds::{SPACE, endless};

/// Texts that only a file can have, or that are endless in their own way.
const MORE: &[&str] = &[
    "{{ range(100000000) }}",
    "{{ 'x' * 10**9 }}",
    "{% for i in range(9999) %}{% for j in range(9999) %}{{ i * j }}{% endfor %}{% endfor %}",
    "{% macro f(x, n) %}{% if n %}{{ f([x, x], n - 1) }}{% else %}{{ x ~ '' }}{% endif %}{% endmacro %}{{ f([1], 60) }}",
];

#[test]
fn a_template_of_a_role_has_the_bounds_of_all_texts() {
    let bakery = ModelBakery::open();
    bakery.template(&json!({}));
    let mut template: serde_json::Value = serde_json::from_str(&bakery.read("web.json")).unwrap();
    template["provisioners"] = json!([{ "type": "role", "roles": ["web"] }]);
    bakery.write("web.json", &template.to_string());
    create_dir_all(bakery.folder.path().join("roles/web/templates/etc")).unwrap();
    bakery.write("roles/web/role.json", "{}");
    let texts = endless().into_iter();
    for text in texts.chain(MORE.iter().map(|&text| text.to_owned())) {
        bakery.write("roles/web/templates/etc/a.j2", &format!("# é\n\n{text}\n"));
        let limited = format!("ulimit -v {SPACE}; exec \"$0\" bake --plan web.json");
        let args = ["60", "sh", "-c", &limited, env!("CARGO_BIN_EXE_kiln")];
        let output = bakery.command("timeout", &args, &OWN).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{text}: {said}");
        assert!(
            said.contains("roles/web/templates/etc/a.j2: line 3: "),
            "{text}: {said}"
        );
    }
}

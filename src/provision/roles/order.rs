//! Which roles run, and in which order: each after those it needs, each once.

use crate::provision::roles::{Error, Role, load};
use crate::template::provisioner::Roles;

/// The roles that are named and those that they need, in the order in which they run.
pub(super) fn order(roles: &Roles) -> Result<Vec<Role>, Error> {
    let mut order = Order::default();
    for named in &roles.roles {
        order.add(load(&named.dir, &named.name.value)?)?;
    }
    Ok(order.sorted)
}

#[derive(Default)]
struct Order {
    sorted: Vec<Role>,
    /// The roles whose needs are being looked at, from the one that is named inwards.
    ring: Vec<String>,
}

impl Order {
    fn add(&mut self, role: Role) -> Result<(), Error> {
        if self.sorted.iter().any(|sorted| sorted.dir == role.dir) {
            return Ok(());
        }
        if let Some(at) = self.ring.iter().position(|name| *name == role.name) {
            let mut ring = self.ring.split_off(at);
            ring.push(role.name);
            return Err(Error::Ring { ring });
        }
        self.ring.push(role.name.clone());
        for name in &role.needs {
            self.add(neighbour(&role, name)?)?;
        }
        self.ring.pop();
        self.sorted.push(role);
        Ok(())
    }
}

/// A role beside another one.
fn neighbour(role: &Role, name: &str) -> Result<Role, Error> {
    let dir = role.dir.with_file_name(name);
    load(&dir, name).map_err(|error| match error {
        Error::Missing { name, dir, .. } => Error::Missing {
            name,
            dir,
            by: Some(role.name.clone()),
        },
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Spanned;
    use crate::template::provisioner::RoleRef;
    use std::collections::BTreeMap;
    use std::fs;

    /// Orders `named` where each role needs what the table says.
    fn ordered(table: &[(&str, &[&str])], named: &[&str]) -> Result<Vec<String>, Error> {
        let root = tempfile::tempdir().unwrap();
        for (name, needs) in table {
            let dir = root.path().join(name);
            fs::create_dir_all(dir.join("scripts")).unwrap();
            let about = serde_json::json!({ "needs": needs });
            fs::write(dir.join("role.json"), about.to_string()).unwrap();
        }
        let reference = |name: &&str| RoleRef {
            name: Spanned::unplaced((*name).to_owned()),
            dir: root.path().join(name),
        };
        let roles = Roles {
            roles: named.iter().map(reference).collect(),
            vars: BTreeMap::new(),
        };
        let sorted = order(&roles)?;
        Ok(sorted.into_iter().map(|role| role.name).collect())
    }

    #[test]
    fn needs_come_first_and_once() {
        let table: &[(&str, &[&str])] = &[
            ("base", &[]),
            ("tls", &["base"]),
            ("nginx", &["base", "tls"]),
            ("app", &["nginx", "base"]),
        ];
        let order = ordered(table, &["app", "base", "tls"]).unwrap();
        assert_eq!(order, ["base", "tls", "nginx", "app"]);
    }

    #[test]
    fn a_ring_is_shown() {
        let table: &[(&str, &[&str])] = &[("a", &["b"]), ("b", &["c"]), ("c", &["b"])];
        let error = ordered(table, &["a"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "roles need each other in a ring: b needs c needs b"
        );
    }

    #[test]
    fn what_is_needed_must_be_there() {
        let error = ordered(&[("a", &["b"])], &["a"]).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("there is no role b, which a needs"),
            "{text}"
        );
    }
}

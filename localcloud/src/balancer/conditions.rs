//! Rule conditions as access lists of the proxy: wildcards become anchored expressions, and text of users is quoted.
//!
//! Case as the `ELBv2` user guide has it ("Listener rule conditions"): hosts and header values in any case, paths as written.

use crate::model::Rule;

use super::config::Error;

/// Quotes text so that the proxy's configuration takes it literally.
///
/// # Errors
/// A control character: it could end the line.
pub(super) fn quote(text: &str) -> Result<String, Error> {
    if text.chars().any(char::is_control) {
        return Err(Error::Control(text.escape_debug().to_string()));
    }
    Ok(format!("'{}'", text.replace('\'', r"'\''")))
}

/// Turns a pattern with `*` (any text) and `?` (any one character) into an anchored expression.
fn expression(pattern: &str) -> String {
    let mut expression = String::from("^");
    for character in pattern.chars() {
        match character {
            '*' => expression.push_str(".*"),
            '?' => expression.push('.'),
            plain if plain.is_ascii_alphanumeric() || !plain.is_ascii() => expression.push(plain),
            special => expression.extend(['\\', special]),
        }
    }
    expression.push('$');
    expression
}

/// The access lists of one rule: lines for the frontend, and the condition that uses them.
pub(super) fn of_rule(number: usize, rule: &Rule) -> Result<(Vec<String>, String), Error> {
    let mut lists = Vec::new();
    let mut add =
        |what: &str, fetch: String, flags: &str, patterns: &[String]| -> Result<(), Error> {
            if patterns.is_empty() {
                return Ok(());
            }
            let quoted = patterns
                .iter()
                .map(|pattern| quote(&expression(pattern)))
                .collect::<Result<Vec<_>, _>>()?;
            let name = format!("rule{number}_{what}");
            lists.push((
                format!("acl {name} {fetch} -m reg{flags} -- {}", quoted.join(" ")),
                name,
            ));
            Ok(())
        };
    add(
        "host",
        "req.hdr(host),field(1,:)".to_owned(),
        " -i",
        &rule.hosts,
    )?;
    add("path", "path".to_owned(), "", &rule.paths)?;
    for (at, (header, values)) in rule.headers.iter().enumerate() {
        check_header(header)?;
        add(
            &format!("header{at}"),
            format!("req.fhdr({header})"),
            " -i",
            values,
        )?;
    }
    let condition = lists
        .iter()
        .map(|(_, name)| name.as_str())
        .collect::<Vec<_>>()
        .join(" ");
    Ok((lists.into_iter().map(|(line, _)| line).collect(), condition))
}

fn check_header(name: &str) -> Result<(), Error> {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    if name.is_empty() || !name.chars().all(plain) {
        return Err(Error::Header(name.escape_debug().to_string()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_become_anchored_expressions() {
        assert_eq!(expression("*.example.com"), r"^.*\.example\.com$");
        assert_eq!(expression("/v?/$x"), r"^\/v.\/\$x$");
    }

    #[test]
    fn quoting_keeps_a_quote_and_refuses_a_new_line() {
        assert_eq!(quote("it's").unwrap(), r"'it'\''s'");
        assert!(quote("a\nbackend x").is_err());
    }

    #[test]
    fn a_header_name_cannot_leave_its_brackets() {
        assert!(check_header("x) evil").is_err());
        assert!(check_header("x-kiln-probe").is_ok());
    }
}

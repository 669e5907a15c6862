//! Packer's single-dash spellings, rewritten before clap sees them: `-var k=v`, `-var-file=f`, `-only=a,b`, `-force`.

/// Long flags that Packer spells with one dash.
const SINGLE_DASH: &[&str] = &[
    "var",
    "var-file",
    "only",
    "except",
    "force",
    "on-error",
    "parallel-builds",
    "color",
    "timestamp-ui",
    "debug",
    "machine-readable",
    "syntax-only",
    "config-type",
    "warn-on-undeclared-var",
    "no-warn-undeclared-var",
    "evaluate-datasources",
    "ignore-prerelease-plugins",
    "use-sequential-evaluation",
    "skip-enforcement",
    "check",
    "diff",
    "write",
];

/// Gives Packer's spellings their second dash; everything else, and all after `--`, stays as typed.
pub fn rewrite(args: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut plain = false;
    args.into_iter()
        .map(|arg| {
            plain |= arg == "--";
            if plain { arg } else { double(arg) }
        })
        .collect()
}

fn double(arg: String) -> String {
    let Some(rest) = arg.strip_prefix('-').filter(|rest| !rest.starts_with('-')) else {
        return arg;
    };
    let name = rest.split('=').next().unwrap_or(rest);
    if SINGLE_DASH.contains(&name) {
        format!("-{arg}")
    } else {
        arg
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packers_spellings_get_their_second_dash() {
        let typed = [
            "kiln",
            "-var",
            "k=-var",
            "-var-file=f",
            "--var",
            "-v",
            "-only=a,b",
            "--",
            "-force",
        ];
        let wanted = [
            "kiln",
            "--var",
            "k=-var",
            "--var-file=f",
            "--var",
            "-v",
            "--only=a,b",
            "--",
            "-force",
        ];
        assert_eq!(rewrite(typed.map(String::from)), wanted);
    }
}

//! What a plan says of each provisioner and post-processor, a line each.

use crate::source::Spanned;
use crate::template::post_processor::{Kind as PostKind, PostProcessor};
use crate::template::provisioner::{Kind, Provisioner, Scripts, Transfer};
use std::path::PathBuf;
use std::time::Duration;

/// A provisioner, and how often and when it is tried.
pub fn provisioner(provisioner: &Provisioner) -> String {
    let text = match &provisioner.kind {
        Kind::Shell(shell) => scripts("shell", &shell.scripts),
        Kind::ShellLocal(shell) => scripts("shell-local", &shell.scripts),
        Kind::File(file) => match &file.what {
            Transfer::Download { .. } => format!("file, back to {}", file.destination),
            Transfer::Upload { .. } | Transfer::Content(_) => {
                format!("file to {}", file.destination)
            }
        },
        Kind::Role(roles) => {
            let names: Vec<_> = roles.roles.iter().map(|r| r.name.value.as_str()).collect();
            format!("role {}", names.join(", "))
        }
        Kind::Ansible(ansible) => format!("ansible {}", ansible.playbook.value.display()),
        Kind::AnsibleLocal(ansible) => {
            let books = ansible.playbook.iter().chain(&ansible.playbooks);
            format!("ansible-local {}", paths(books))
        }
        Kind::Sleep(pause) => format!("sleep {} s", pause.duration.as_secs()),
        other => other.name().to_owned(),
    };
    let after = match provisioner.pause_before {
        Duration::ZERO => String::new(),
        pause => format!(", after {} s", pause.as_secs_f64()),
    };
    let again = match provisioner.max_retries {
        0 => String::new(),
        1 => ", tried again once".to_owned(),
        times => format!(", tried again up to {times} times"),
    };
    text + &after + &again
}

/// Chains of post-processors, each line with its label; of an empty chain there is none. `imageless` ones are carried out
/// only where they begin with files of this host.
pub fn chains(chains: &[Vec<PostProcessor>], imageless: bool) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    for chain in chains {
        let first = chain.first().map(|first| &first.kind);
        let left_out = imageless && !matches!(first, Some(PostKind::Artifice(_)));
        let mut files = false;
        for (number, post) in chain.iter().enumerate() {
            let label = if number == 0 {
                "  post-process"
            } else {
                "    then"
            };
            let mut text = post_processor(post);
            if files && !post.keeps_input {
                text += ", and removes what it was given";
            } else if files && matches!(post.kind, PostKind::Compress(_) | PostKind::Artifice(_)) {
                text += ", and keeps what it was given";
            }
            if left_out {
                text += " (not without an image)";
            }
            lines.push((label, text));
            files |= matches!(post.kind, PostKind::Artifice(_) | PostKind::Compress(_));
        }
    }
    lines
}

fn post_processor(post: &PostProcessor) -> String {
    let text = match &post.kind {
        PostKind::Manifest(manifest) => format!("manifest in {}", manifest.output.display()),
        PostKind::ShellLocal(shell) => scripts("shell-local", &shell.scripts),
        PostKind::Artifice(artifice) => {
            let files: Vec<_> = artifice.files.iter().map(|f| f.value.as_str()).collect();
            format!("artifice {}", files.join(", "))
        }
        PostKind::Checksum(checksum) => {
            let sums: Vec<_> = checksum.types.iter().map(|sum| sum.name()).collect();
            format!("checksum {} in {}", sums.join(", "), checksum.output)
        }
        PostKind::Compress(compress) => format!("compress to {}", compress.output),
    };
    if post.name == post.kind.name() {
        text
    } else {
        format!("{} ({text})", post.name)
    }
}

fn scripts(kind: &str, scripts: &Scripts) -> String {
    match scripts {
        Scripts::Inline { lines, .. } if lines.len() == 1 => format!("{kind}, 1 line"),
        Scripts::Inline { lines, .. } => format!("{kind}, {} lines", lines.len()),
        Scripts::Files(files) => format!("{kind} {}", paths(files)),
    }
}

fn paths<'f>(files: impl IntoIterator<Item = &'f Spanned<PathBuf>>) -> String {
    let names = files
        .into_iter()
        .map(|file| file.value.display().to_string());
    names.collect::<Vec<_>>().join(", ")
}

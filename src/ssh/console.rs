//! Host keys from a machine's console: cloud-init prints them there on first boot (its module `keys_to_console`), and the
//! console cannot be forged from the network.

use crate::ssh::{HostKey, Known};

const KEYS: (&str, &str) = (
    "-----BEGIN SSH HOST KEY KEYS-----",
    "-----END SSH HOST KEY KEYS-----",
);
const FINGERPRINTS: (&str, &str) = (
    "-----BEGIN SSH HOST KEY FINGERPRINTS-----",
    "-----END SSH HOST KEY FINGERPRINTS-----",
);

/// The length of a SHA-256 in base64 without its filling.
const SHA256_LENGTH: usize = 43;

/// Reads the host keys from a console's text: whole keys where they are printed, else fingerprints. Lines may have
/// prefixes, as of a time or a program. Of several blocks the last one counts, since keys are made anew on a new boot of
/// a copied machine. Empty as long as they have not been printed, or not to the end.
pub fn host_keys(console: &str) -> Vec<Known> {
    let keys: Vec<_> = last_block(console, KEYS).filter_map(key).collect();
    if keys.is_empty() {
        last_block(console, FINGERPRINTS)
            .filter_map(fingerprint)
            .collect()
    } else {
        keys
    }
}

/// The lines of the last whole block between two marks.
fn last_block<'a>(console: &'a str, (begin, end): (&str, &str)) -> impl Iterator<Item = &'a str> {
    let block = console.rfind(end).and_then(|end| {
        let before = &console[..end];
        before.rfind(begin).map(|at| &before[at + begin.len()..])
    });
    block.unwrap_or_default().lines()
}

fn key(line: &str) -> Option<Known> {
    let words: Vec<_> = line.split_whitespace().collect();
    words
        .windows(2)
        .find_map(|pair| HostKey::parse(&pair.join(" ")))
        .map(Known::Key)
}

/// Reads a line of `ssh-keygen -l`: size, fingerprint, comment, type in brackets.
fn fingerprint(line: &str) -> Option<Known> {
    let fingerprint = line
        .split_whitespace()
        .find(|word| is_fingerprint(word))?
        .to_owned();
    let kind = line.rsplit_once('(')?.1.split(')').next()?;
    let algorithm = match kind {
        "ED25519" => Some("ssh-ed25519"),
        "RSA" => Some("ssh-rsa"),
        // Its curve is not printed; the size would tell, but three names do too.
        "ECDSA" => Some("ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521"),
        _ => None,
    };
    Some(Known::Fingerprint {
        fingerprint,
        algorithm: algorithm.map(str::to_owned),
    })
}

fn is_fingerprint(word: &str) -> bool {
    word.strip_prefix("SHA256:")
        .is_some_and(|hash| hash.len() == SHA256_LENGTH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssh::keys;

    fn public() -> String {
        let pair = keys::generate("root@web").unwrap();
        pair.public().to_owned()
    }

    fn block(lines: &[&str]) -> String {
        format!("{}\r\n{}\r\n{}\r\n", KEYS.0, lines.join("\r\n"), KEYS.1)
    }

    #[test]
    fn keys_with_and_without_prefixes() {
        let (one, two) = (public(), public());
        let console = format!(
            "[  1.0] Linux\r\n{}",
            block(&[
                &one,
                &format!("[   12.3] cloud-init[512]: {two}"),
                "garbage"
            ])
        );
        let expected = [&one, &two].map(|line| Known::Key(HostKey::parse(line).unwrap()));
        assert_eq!(host_keys(&console), expected);
    }

    #[test]
    fn the_last_boot_counts() {
        let (old, new) = (public(), public());
        let console = block(&[&old]) + "reboot\r\n" + &block(&[&new]);
        assert_eq!(
            host_keys(&console),
            [Known::Key(HostKey::parse(&new).unwrap())]
        );
    }

    #[test]
    fn a_block_still_being_printed_is_none() {
        let whole = block(&[&public()]);
        for end in 0..whole.len() - 2 {
            assert_eq!(host_keys(&whole[..end]), [], "{end}");
        }
        assert_eq!(host_keys(&whole[..whole.len() - 2]).len(), 1);
    }

    #[test]
    fn fingerprints_when_there_is_nothing_else() {
        let print = HostKey::parse(&public()).unwrap().fingerprint();
        let console = format!(
            "<14>Nov 21 03:00:00 ec2: {}\n<14>ec2: 256 {print} root@ip-10-0-0-1 (ED25519)\n<14>ec2: {}\n",
            FINGERPRINTS.0, FINGERPRINTS.1
        );
        let known = host_keys(&console);
        assert_eq!(
            known,
            [Known::Fingerprint {
                fingerprint: print,
                algorithm: Some("ssh-ed25519".into())
            }]
        );
    }
}

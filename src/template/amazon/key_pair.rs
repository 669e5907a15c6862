//! `temporary_key_pair_type` and `temporary_key_pair_bits`: the key pair that is made for a run.

use super::super::bake::KeyKind;
use super::super::options::Options;
use crate::source::Diagnostic;

/// The lengths of an RSA key that EC2 takes and that are still held to be safe ("`ImportKeyPair`").
const LENGTHS: [u16; 2] = [2048, 4096];
const BITS: &str = "temporary_key_pair_bits";

/// Ed25519 unless the template says otherwise; EC2 takes no other kinds than these two.
pub(super) fn kind(options: &Options<'_>) -> KeyKind {
    const KINDS: [(&str, bool); 2] = [("ed25519", false), ("rsa", true)];
    let rsa = options.choice("temporary_key_pair_type", &KINDS) == Some(true);
    let bits = options.number::<u16>(BITS).filter(|bits| bits.value != 0);
    let Some(bits) = bits else {
        return if rsa {
            KeyKind::Rsa(LENGTHS[0])
        } else {
            KeyKind::Ed25519
        };
    };
    if !rsa {
        options.report(
            Diagnostic::note(
                "template::idle_option",
                format!("`{BITS}` has no effect: an ed25519 key has one length"),
            )
            .at_value(&bits, "not used")
            .help("\"temporary_key_pair_type\": \"rsa\" makes keys of 2048 or 4096 bits"),
        );
        return KeyKind::Ed25519;
    }
    if !LENGTHS.contains(&bits.value) {
        options.report(
            Diagnostic::error(
                "template::wrong_value",
                format!("an RSA key cannot have {bits} bits here"),
            )
            .at_value(&bits, "this value")
            .help("EC2 takes 2048 and 4096"),
        );
    }
    KeyKind::Rsa(bits.value)
}

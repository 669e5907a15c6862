//! Any JSON as the value of options of every type, and of variables that they take.
#![no_main]

use serde_json::{Value, json};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let value: Value = serde_json::from_str(text).unwrap_or_else(|_| text.into());
    let options = json!({
        "ami_users": value, "ebs_optimized": value, "associate_public_ip_address": value, "ssh_port": value, "ssh_timeout": value,
        "tags": value, "source_ami_filter": { "filters": { "name": value }, "owners": value, "most_recent": value },
        "launch_block_device_mappings": value, "metadata_options": value, "aws_polling": value, "region": value,
    });
    let through = json!({
        "ami_users": "{{ v }}", "ebs_optimized": "{{ v }}", "associate_public_ip_address": "{{ v }}", "ssh_port": "{{ v }}",
        "ssh_timeout": "{{user `v`}}", "tags": { "t": "{{ v }}" }, "region": "{{user `v`}}", "name": "b",
    });
    let template = json!({
        "variables": { "v": value },
        "builders": [fuzz::builder(options), fuzz::builder(through)],
        "provisioners": [
            { "type": "shell", "inline": value, "environment_vars": value, "valid_exit_codes": value, "max_retries": value, "only": value },
            { "type": "shell", "inline": "x", "pause_before": value, "override": value, "timeout": value },
        ],
    });
    fuzz::read(&template);
});

#!/bin/sh
# Makes a fresh Debian tree a base image. Called by mmdebstrap with the root of the tree.
set -eu
root=$1

install -D -m 644 "$LOCAL_CLOUD_CONFIG" "$root/etc/cloud/cloud.cfg.d/90_local_cloud.cfg"

# Every machine gets an identity of its own at its first boot. Not "uninitialized": that starts a failing firstboot.
: > "$root/etc/machine-id"
rm -f "$root"/var/lib/dbus/machine-id "$root"/etc/ssh/ssh_host_* "$root/etc/hostname"

# What would only cost time on a machine that lives for minutes, or has nothing to look after in a container.
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
    systemd-tmpfiles-clean.timer console-getty.service getty.target cloud-init-hotplugd.socket \
    systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-journal-flush.service \
    systemd-networkd.service systemd-resolved.service systemd-timesyncd.service; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done

# A build's packages are fetched anew anyway.
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/var/log/*.log

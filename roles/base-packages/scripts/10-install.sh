# Names are separated by blanks, so this one is meant to be split.
# shellcheck disable=SC2086
apt-get -q update
apt-get -q -y --no-install-recommends install $KILN_VAR_packages

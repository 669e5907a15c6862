set -euo pipefail
# $1 is apply or verify, $2 the role's name, standard input a tar stream: vars.sh, vars.json, apt.conf, scripts/,
# verify/ and root/. Everything is extracted to a folder of our own and goes with it.
umask 022
KILN_ROLE=$2
KILN_ROLE_DIR=$(mktemp -d /tmp/kiln-role.XXXXXXXX)
trap 'rm -rf "$KILN_ROLE_DIR"' EXIT
trap 'exit 143' HUP INT TERM
tar -x -p -m --no-same-owner -f - -C "$KILN_ROLE_DIR"
cd "$KILN_ROLE_DIR"
chmod 700 .
. ./vars.sh
export KILN_ROLE KILN_ROLE_DIR
export DEBIAN_FRONTEND=noninteractive APT_CONFIG="$KILN_ROLE_DIR/apt.conf"
if [ -d root ]; then
  # Folders that are there keep what they are: /tmp its sticky bit, /lib that it is a link.
  tar -c -f - -C root . | tar -x -p -m --no-overwrite-dir --keep-directory-symlink --no-same-owner -f - -C /
fi
case $1 in apply) folder=scripts ;; *) folder=verify ;; esac
for script in "$folder"/*.sh; do
  [ -e "$script" ] || continue
  echo "== $KILN_ROLE: ${script#*/}"
  code=0
  (cd "$folder" && exec bash -euo pipefail "${script#*/}" </dev/null) || code=$?
  if [ "$code" != 0 ]; then
    echo "kiln: $KILN_ROLE: ${script#*/} ended with $code" >&2
    exit "$code"
  fi
done

# The first machine of an image may still be starting the service.
url="http://127.0.0.1:$KILN_VAR_port"
curl -fsS --retry 10 --retry-delay 1 --retry-connrefused "$url/healthz" >/dev/null
version=$(curl -fsS "$url/version")
if [ "$version" != "$KILN_VAR_version" ]; then
  echo "serves version $version, not $KILN_VAR_version" >&2
  exit 1
fi
systemctl is-enabled --quiet nginx.service

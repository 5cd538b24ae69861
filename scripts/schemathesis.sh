#!/usr/bin/env bash
# Sends what the served description allows, and what it forbids, to the real server: no 5xx, no undocumented status, no body that
# is not as described. The same seed gives the same requests. Takes at most three minutes.
#
#   scripts/schemathesis.sh            with the server of the debug build, which is built first
#   DIALPLANE_BIN=… scripts/schemathesis.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=4.32.5
seed=20260301
seconds=${SCHEMATHESIS_SECONDS:-90}

command -v python3 >/dev/null || { echo "schemathesis.sh: python3 is not installed" >&2; exit 2; }
binary=${DIALPLANE_BIN:-${CARGO_TARGET_DIR:-target}/debug/dialplane}
[ -n "${DIALPLANE_BIN:-}" ] || cargo build --quiet -p dialplane-server
binary=$(realpath "$binary")

folder=$(mktemp -d "${TMPDIR:-/tmp}/dialplane-schemathesis.XXXXXX")
server=
cleanup() {
    [ -z "$server" ] || { kill -TERM "$server" 2>/dev/null && wait "$server" 2>/dev/null; } || true
    rm -rf "$folder"
}
trap cleanup EXIT

python3 -m venv "$folder/venv"
# Without a package index there is nothing to run: 77 says so.
"$folder/venv/bin/pip" --quiet --disable-pip-version-check install "schemathesis==$version" || exit 77

mkdir "$folder/run"
(
    cd "$folder/run"
    exec env DIALPLANE_RATE_LIMITS=off DIALPLANE_LOG=error DIALPLANE_ACCESS_TOKEN_LIFE=1h \
        "$binary" --json --http 127.0.0.1:0 --sip 127.0.0.1:0 >"$folder/ready" 2>"$folder/log"
) &
server=$!
for _ in $(seq 200); do
    [ ! -s "$folder/ready" ] || break
    kill -0 "$server" 2>/dev/null || { cat "$folder/log" >&2; exit 1; }
    sleep 0.1
done

# The address of the server and a token of its first account.
read -r base token < <(python3 - "$folder/ready" <<'PYTHON'
import json, sys, urllib.request
ready = json.load(open(sys.argv[1]))
base = "http://" + ready["http"]
body = {"token": ready["setup"].split("#", 1)[1], "companyName": "Alpha", "country": "US", "timezone": "UTC",
        "name": "Root", "email": "root@alpha.example", "password": "correct horse battery"}
request = urllib.request.Request(base + "/api/setup", json.dumps(body).encode(), {"Content-Type": "application/json"})
print(base, json.load(urllib.request.urlopen(request))["token"])
PYTHON
)

# What would sign the one account out, and take the token away from everything that follows, is left to the tests of sign-in; a stream of
# events to those of streams: its description is that of the data of an event.
cd "$folder/run"
timeout --kill-after=5 170 "$folder/venv/bin/schemathesis" --no-color run "$base/api/openapi.json" \
    --header "Authorization: Bearer $token" \
    --exclude-operation-id logout --exclude-operation-id change_password --exclude-operation-id set_password \
    --exclude-operation-id live_events \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
    --phases examples,coverage,fuzzing --max-time "$seconds" --max-examples 20 --seed "$seed" --generation-database none \
    --suppress-health-check all --warnings off --continue-on-failure
if [ -s "$folder/log" ]; then
    echo "the server logged errors:" >&2
    head -n 40 "$folder/log" >&2
    exit 1
fi

#!/usr/bin/env bash
# Everything that must hold before a change is taken: `make test` runs this, and so does continuous integration.
#
# Installs what the tests need and the machine lacks, starts a throw-away PostgreSQL, and stops it again whatever happens.
# Set DIALPLANE_TEST_POSTGRES to use a server of your own instead. Needs no terminal and reads nothing.
set -uo pipefail
# Each step is a process group of its own, so that stopping one stops all that it started.
set -m
exec </dev/null
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

say() { printf '%s\n' "$*"; }
die() { say "test.sh: $*" >&2; exit 1; }

workspace=$(mktemp -d "${TMPDIR:-/tmp}/dialplane-test.XXXXXX") || exit 1
log=$workspace/log
own_postgres=
step_pid=

cleanup() {
    status=$?
    trap - EXIT INT TERM HUP
    if [ -n "$step_pid" ] && kill -0 "$step_pid" 2>/dev/null; then
        kill -TERM -- "-$step_pid" 2>/dev/null
        # A test gets a moment to end its own children before it is ended by force.
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            kill -0 -- "-$step_pid" 2>/dev/null || break
            sleep 0.5
        done
        kill -KILL -- "-$step_pid" 2>/dev/null
    fi
    [ -z "$own_postgres" ] || scripts/postgres.sh stop "$workspace/postgres" || status=1
    rm -rf "$workspace"
    exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# --- what the machine needs ---

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo -n "$@"
    else
        return 1
    fi
}

install() {
    say "installing $*"
    if command -v apt-get >/dev/null 2>&1; then
        local get=(env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -y -q)
        # The package lists of a fresh machine are empty or old.
        as_root "${get[@]}" install --no-install-recommends "$@" >"$log" 2>&1 && return
        as_root "${get[@]}" update >>"$log" 2>&1
        as_root "${get[@]}" install --no-install-recommends "$@" >>"$log" 2>&1 && return
    elif command -v dnf >/dev/null 2>&1; then
        as_root dnf install -y -q "$@" >"$log" 2>&1 && return
    elif command -v brew >/dev/null 2>&1; then
        brew install -q "$@" >"$log" 2>&1 && return
    else
        : >"$log"
    fi
    tail -n 20 "$log" >&2
    die "cannot install $*: install it by hand (as root: apt-get install $*) and try again"
}

# has PROGRAM PACKAGE [PACKAGE-ELSEWHERE]: the second name is for systems without apt.
has() {
    command -v "$1" >/dev/null 2>&1 && return
    if command -v apt-get >/dev/null 2>&1; then missing+=("$2"); else missing+=("${3:-$2}"); fi
}

prepare() {
    command -v cargo >/dev/null 2>&1 || die "cargo is not installed: see https://rustup.rs"
    local component
    for component in fmt:rustfmt clippy:clippy; do
        cargo "${component%:*}" --version >/dev/null 2>&1 && continue
        command -v rustup >/dev/null 2>&1 || die "cargo ${component%:*} is missing: install ${component#*:}"
        rustup component add "${component#*:}" || die "rustup cannot add ${component#*:}"
    done
    missing=()
    has cc gcc
    has sipp sip-tester sipp
    has baresip baresip-core baresip
    has espeak-ng espeak-ng
    has node nodejs node
    has npm npm
    [ "${#missing[@]}" -eq 0 ] || install "${missing[@]}"

    if [ -z "${DIALPLANE_TEST_POSTGRES:-}" ]; then
        # The server runs as an ordinary user, who must be able to pass through.
        chmod 755 "$workspace"
        own_postgres=1
        DIALPLANE_TEST_POSTGRES=$(scripts/postgres.sh start "$workspace/postgres") || die "PostgreSQL does not start"
        export DIALPLANE_TEST_POSTGRES
    fi
}

# --- the steps ---

passed=0
failed=0
failures=()

# step NAME COMMAND...: runs the command to its end and goes on, so that one run shows all that is wrong.
step() {
    local name=$1 began=$SECONDS status
    shift
    say "== $name"
    ( "$@" 2>&1 | tee "$log"; exit "${PIPESTATUS[0]}" ) &
    step_pid=$!
    wait "$step_pid"
    status=$?
    step_pid=
    if [ "$status" -eq 77 ]; then
        say "== $name: left out, as what it needs cannot be installed"
        return
    fi
    count "$status"
    [ "$status" -eq 0 ] || failures+=("$name")
    say "== $name: $([ "$status" -eq 0 ] && echo passed || echo FAILED) in $((SECONDS - began)) s"
}

# Adds what the step's runner says of its tests, or the step itself when it says nothing.
count() {
    local status=$1 sums p f
    # nextest: "Summary [ 1.0s] 9 tests run: 8 passed, 1 failed, 0 skipped"; cargo test: "test result: ok. 9 passed; 0 failed; …".
    sums=$(sed 's/\x1b\[[0-9;]*m//g' "$log" | awk '
        /^ *Summary \[/ || /^test result: / {
            for (i = 2; i <= NF; i++) {
                if ($i ~ /^passed/) p += $(i - 1)
                if ($i ~ /^failed/) f += $(i - 1)
                if ($i ~ /^timed$/) f += $(i - 1)
            }
        }
        END { print p + 0, f + 0 }')
    p=${sums% *} f=${sums#* }
    if [ "$p" -eq 0 ] && [ "$f" -eq 0 ] && [ "$status" -eq 0 ]; then p=1; fi
    if [ "$f" -eq 0 ] && [ "$status" -ne 0 ]; then f=1; fi
    passed=$((passed + p)) failed=$((failed + f))
}

# Where cargo puts what it builds.
target() { cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/'; }

examples() {
    local target source name
    cargo build -q --workspace --examples || return
    target=$(target)
    for source in examples/examples/*.rs; do
        name=$(basename "$source" .rs)
        say "-- $name"
        "$target/debug/examples/$name" || { say "the example $name failed"; return 1; }
    done
}

tests_and_doc_tests() {
    if cargo nextest --version >/dev/null 2>&1; then
        step "tests" cargo nextest run --workspace --no-fail-fast
        step "documentation examples" cargo test --doc --workspace --no-fail-fast
    else
        step "tests and documentation examples" cargo test --workspace --no-fail-fast
    fi
}

prepare
step "format" cargo fmt --all --check
step "clippy" cargo clippy --workspace --all-targets -- -D warnings
tests_and_doc_tests
step "documentation" env RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps --workspace
step "examples" examples
if python3 -c 'import ensurepip, venv' 2>/dev/null; then
    # With the server that the tests have built: for one crate alone cargo would build all of them anew.
    step "described and served alike" env DIALPLANE_BIN="$(target)/debug/dialplane" scripts/schemathesis.sh
else
    say "== described and served alike: left out, as python3 with venv is not installed"
fi

say
for name in ${failures[@]+"${failures[@]}"}; do say "FAILED: $name"; done
say "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

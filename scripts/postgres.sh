#!/bin/sh
# A private PostgreSQL server for the tests, in a directory of its own.
#
#   scripts/postgres.sh start DIR   installs PostgreSQL when it is missing, starts a server, prints its URL
#   scripts/postgres.sh stop DIR    stops it, also when it only half started; the data stays in DIR
#
# The server listens on a free port of the loopback interface only, and writes through to the disk as in production: what
# the tests prove about durability would mean nothing otherwise. Everything but the URL goes to standard error.
# PostgreSQL refuses to run as root: root hands over to the user `postgres`, or else to `nobody`.
set -eu

say() { printf '%s\n' "postgres.sh: $*" >&2; }
die() { say "$*"; exit 1; }

usage() { die "usage: $0 start DIR | stop DIR"; }

# Prints the folder of the newest PostgreSQL programs on this machine; fails when there are none.
find_bin() {
    found=$(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin \
        2>/dev/null | while read -r dir; do [ -x "$dir/initdb" ] && [ -x "$dir/pg_ctl" ] && printf '%s\n' "$dir"; done \
        | sort -V | tail -n 1)
    if [ -z "$found" ] && command -v initdb >/dev/null 2>&1 && command -v pg_ctl >/dev/null 2>&1; then
        # A link in /usr/local/bin would hide the neighbours that initdb looks for.
        found=$(dirname "$(readlink -f "$(command -v initdb)" 2>/dev/null || command -v initdb)")
    fi
    [ -n "$found" ] && printf '%s\n' "$found"
}

install_programs() {
    if command -v apt-get >/dev/null 2>&1; then
        as_root=
        [ "$(id -u)" = 0 ] || { command -v sudo >/dev/null 2>&1 && as_root=sudo; } || die "install the package postgresql as root"
        say "installing the package postgresql"
        # The package would start a server of its own, which nobody asked for.
        conf=$(mktemp)
        printf 'create_main_cluster = false\n' >"$conf"
        $as_root mkdir -p /etc/postgresql-common
        [ -e /etc/postgresql-common/createcluster.conf ] || $as_root cp "$conf" /etc/postgresql-common/createcluster.conf
        rm -f "$conf"
        install="$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends postgresql"
        $install >&2 || { $as_root apt-get update -q >&2 && $install >&2; }
    elif command -v brew >/dev/null 2>&1; then
        say "installing postgresql with brew"
        brew install postgresql@17 >&2
    else
        die "PostgreSQL is not installed and there is neither apt-get nor brew: install it and try again"
    fi
}

# The user the server runs as; empty when it runs as the caller.
server_user() {
    [ "$(id -u)" = 0 ] || return 0
    for name in postgres nobody; do
        if id -u "$name" >/dev/null 2>&1; then
            printf '%s\n' "$name"
            return 0
        fi
    done
    die "root needs an ordinary user to run PostgreSQL as, such as postgres"
}

# Runs a command as the server's user, from a folder that this user can be in.
as_server() {
    if [ -n "$owner" ]; then
        (cd / && exec setpriv --reuid="$owner" --regid="$(id -g "$owner")" --clear-groups env HOME=/ LC_ALL=C "$@")
    else
        env LC_ALL=C "$@"
    fi
}

# Prints a port that nobody listens on. The kernel knows; where nothing can ask it, a random port is tried.
free_port() {
    if command -v python3 >/dev/null 2>&1; then
        python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
    elif command -v perl >/dev/null 2>&1; then
        perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 1)->sockport, "\n"'
    else
        awk -v seed="$$$(date +%s)" 'BEGIN { srand(seed); print 20000 + int(rand() * 12000) }'
    fi
}

# Every folder above the data must let the server's user through; a home of mode 700 does not.
check_reachable() {
    [ -z "$owner" ] || as_server test -w "$dir" || die "the user $owner cannot reach $dir: choose a folder outside of root's home"
}

url() { printf 'postgres://postgres@127.0.0.1:%s/postgres\n' "$(sed -n 4p "$data/postmaster.pid")"; }

running() { [ -f "$data/postmaster.pid" ] && as_server "$bin/pg_ctl" -D "$data" status >/dev/null 2>&1; }

start() {
    bin=$(find_bin) || { install_programs && bin=$(find_bin); } || die "PostgreSQL is installed but its programs are not found"
    owner=$(server_user)
    mkdir -p "$dir"
    [ -z "$owner" ] || chown "$owner" "$dir"
    check_reachable
    if running; then
        url
        return 0
    fi
    # A folder that initdb left half done has no version file in the end, and initdb refuses to go on in it.
    [ -f "$data/complete" ] || {
        rm -rf "$data"
        as_server "$bin/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C >"$dir/initdb.log" 2>&1 \
            || { cat "$dir/initdb.log" >&2; die "initdb failed"; }
        as_server touch "$data/complete"
    }
    tries=0
    while :; do
        port=$(free_port)
        # The socket's path may hold 107 bytes, which a deep DIR exceeds; TCP is enough then.
        sockets=$dir
        [ "${#dir}" -le 80 ] || sockets=
        # 300 connections: the tests run in parallel, each with pools of its own.
        if as_server "$bin/pg_ctl" -D "$data" -l "$dir/server.log" -w -t 60 -s \
            -o "-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories='$sockets' -c max_connections=300" start >&2; then
            break
        fi
        tries=$((tries + 1))
        # Somebody may have taken the port between asking and listening.
        [ "$tries" -lt 5 ] || { tail -n 20 "$dir/server.log" >&2; die "the server does not start"; }
    done
    url
}

stop() {
    [ -f "$data/postmaster.pid" ] || return 0
    bin=$(find_bin) || die "the programs of PostgreSQL are gone"
    owner=$(server_user)
    # `immediate` also ends a server that is still starting; a pid file without a server behind it is no failure.
    as_server "$bin/pg_ctl" -D "$data" -m fast -w -t 30 -s stop >&2 \
        || as_server "$bin/pg_ctl" -D "$data" -m immediate -w -t 30 -s stop >&2 \
        || ! as_server "$bin/pg_ctl" -D "$data" status >/dev/null 2>&1 \
        || die "the server does not stop"
}

[ $# = 2 ] || usage
case $2 in
    /*) dir=$2 ;;
    *) dir=$(pwd)/$2 ;;
esac
data=$dir/data
case $1 in
    start) start ;;
    stop) stop ;;
    *) usage ;;
esac

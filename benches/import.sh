#!/usr/bin/env bash
# What importing and planning cost, from process start to exit, over SQLite: packages with 50, 500 and 5,000
# flows and 100 connection references each; bound by a settings file, so that every flow is turned on, and without
# one, so that every flow stays off and says why; the plan over the environment, over a facts file, and the plan of
# the same package once more. A line ends in `ok` or `MISSED`; any miss makes the exit code 1. On a busy machine the
# processor's time, which is printed beside the clock's, is the truer one. CONNREF_BIN measures another build.
set -euo pipefail
cd "$(dirname "$0")/.."

profile="$([[ -n "${CONNREF_BIN:-}" ]] && echo debug || echo release)"
# Together, so that all measurements are made of the same features and nothing is built twice.
cargo build $([[ "$profile" == debug ]] || echo --release) --locked -q -p connref-cli -p connref-benches
target="$(cd "${CARGO_TARGET_DIR:-target}/$profile" && pwd)"
connref="${CONNREF_BIN:-$target/connref}" launch="$target/launch"

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
export USER=harbourmaster CONNREF_ENV=quay HOME="$work"
at() { export CONNREF_HOME="$work/$1/data" CONNREF_CONFIG="$work/$1/config"; }
# A fresh copy of an installation.
copy() { rm -rf "${work:?}/$2"; cp -r "$work/$1" "$work/$2"; at "$2"; }

at base
mkdir "$work/base"
"$connref" env create quay >/dev/null
made() { "$connref" connection create "$1" --name "$1" -o json "${@:2}" | sed -n 's/^ *"id": "\([0-9a-f]*\)".*/\1/p' | head -1; }
export MAIL=bench-rope-4417
mail="$(made shared_office365 --endpoint mail.harbour.test:587 --param username=crew@harbour.test --secret-env password=MAIL)"
rows="$(made shared_commondataserviceforapps)"
python3 benches/import/packages.py "$work" "shared_office365=$mail" "shared_commondataserviceforapps=$rows"
"$connref" facts export --file "$work/facts.json" >/dev/null

missed=0
# line WHAT FIGURE OPERATOR BAR NOTE
line() {
    local verdict=ok
    awk -v a="$2" -v b="$4" "BEGIN { exit !(a $3 b) }" || { verdict=MISSED; missed=1; }
    printf '%-62s %10.2f  (%s %s)  %s  %s\n' "$1" "$2" "$3" "$4" "$verdict" "${5:-}"
}
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.4f", a / b }'; }
# took NAME FLOWS COMMAND…: the best of three (ROUNDS says otherwise), each over a fresh copy of `$from`.
declare -A ms cpu
took() {
    local best="" least="" clock used
    for _ in $(seq "${ROUNDS:-3}"); do
        copy "$from" run
        read -r clock used _ < <("$launch" 1 "${@:3}")
        best="$(printf '%s\n' "$clock" $best | sort -n | head -1)"
        least="$(printf '%s\n' "$used" $least | sort -n | head -1)"
    done
    ms["$1 $2"]="$best" cpu["$1 $2"]="$least"
}

echo "SQLite, $(nproc) processors, load $(cut -d' ' -f1 /proc/loadavg)"
for flows in 50 500 5000; do
    zip="$work/$flows.zip" from=base
    took import "$flows" "$connref" solution import --path "$zip" --settings-file "$work/settings.json"
    took unbound "$flows" "$connref" solution import --path "$zip"
    took plan "$flows" "$connref" solution plan "$zip" --settings-file "$work/settings.json"
    took file "$flows" "$connref" solution plan "$zip" --settings-file "$work/settings.json" --facts "$work/facts.json"
    copy base "done$flows"
    "$connref" solution import --path "$zip" --settings-file "$work/settings.json" >/dev/null
    from="done$flows"
    took again "$flows" "$connref" solution import --path "$zip"
    took replan "$flows" "$connref" solution plan "$zip"
done
for what in import unbound again plan file replan; do
    echo "milliseconds, $what: 50 flows ${ms[$what 50]}, 500 flows ${ms[$what 500]}, 5000 flows ${ms[$what 5000]};" \
        "of processor ${cpu[$what 50]}, ${cpu[$what 500]}, ${cpu[$what 5000]}"
done
for what in import unbound again; do
    line "$what, 500 flows, ms" "${ms[$what 500]}" "<=" 3000 "of processor ${cpu[$what 500]}"
done
for what in plan file replan; do
    line "$what, 500 flows, ms" "${ms[$what 500]}" "<=" 2000 "of processor ${cpu[$what 500]}"
done
# What a flow costs beyond the first fifty, which carry the start of the process.
each() { awk -v a="${cpu["$1 $2"]}" -v b="${cpu["$1 $3"]}" -v n="$(($2 - $3))" 'BEGIN { printf "%.5f", (a - b) / n }'; }
for what in import unbound again plan file replan; do
    few="$(each "$what" 500 50)" many="$(each "$what" 5000 500)"
    line "$what, cost of a flow among 5,000, of one among 500" "$(ratio "$many" "$few")" "<=" 1.25 "$many against $few ms of processor"
done
exit "$missed"

#!/usr/bin/env bash
# What checking packages costs, as ratios within one run: against the raw limit (inflate and parse with the
# same libraries), against a Python script that only extracts the references, two threads against one, process
# start to exit, memory. Needs real packages: CONNREF_SAMPLES names a folder that holds them in `zip/`.
# A line ends in `ok` or `MISSED`; any miss makes the exit code 1. Quiet machines give true figures: ratios of
# processor time are printed beside those of the clock.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${CONNREF_SAMPLES:?a folder of real packages, the zips in zip/}"

# Together, so that both are made of the same features.
cargo build --release --locked -q -p connref-cli -p connref-benches
target="$(cd "${CARGO_TARGET_DIR:-target}/release" && pwd)"

# lxml in an environment of its own, outside the repository.
cache="${XDG_CACHE_HOME:-$HOME/.cache}/connref-benches"
if [[ ! -x "$cache/bin/python" ]]; then
    python3 -m venv "$cache"
    "$cache/bin/pip" install -q lxml
fi
python="$cache/bin/python"

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
# Installed as a user has it. What a linker wrote lies in the system's memory in pieces of one page, and a
# start that maps 600 of them takes a sixth longer; a copy, an unpacked download or Python itself do not.
install "$target/connref" "$target/check_raw" "$target/launch" -Dt "$work/bin"
connref="$work/bin/connref" raw="$work/bin/check_raw" launch="$work/bin/launch"
for copy in $(seq 50); do cp -r "$CONNREF_SAMPLES/zip" "$work/$copy"; done
mkdir "$work/all" && find "$work" -mindepth 1 -maxdepth 1 -name '[0-9]*' -exec mv {} "$work/all/" \;
"$python" benches/check/packages.py "$work/made"
small="$(find "$CONNREF_SAMPLES/zip" -name '*.zip' -size -65k -printf '%s %p\n' | sort -n | awk '{ path[NR] = $2 } END { print path[int((NR + 1) / 2)] }')"

missed=0
# line WHAT FIGURE OPERATOR BAR NOTE
line() {
    local verdict=ok
    awk -v a="$2" -v b="$4" "BEGIN { exit !(a $3 b) }" || { verdict=MISSED; missed=1; }
    printf '%-62s %8.2f  (%s %s)  %s  %s\n' "$1" "$2" "$3" "$4" "$verdict" "${5:-}"
}
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.4f", a / b }'; }
run() { "$launch" "$@"; }

echo "$(find "$work/all" -name '*.zip' | wc -l) packages, $(nproc) processors, load $(cut -d' ' -f1 /proc/loadavg)"
"$raw" "$work/all"
one="taskset -c 0"
# Taken in turns, so that a busy moment meets all alike, and again at the end of the script, because clearing
# memory can take the system twice as long as the check for seconds; the best of six.
best() { sort -n | head -1; }
turns() {
    for _ in 1 2 3; do
        run 1 $one "$raw" "$work/all" >>"$work/raw"
        run 1 $one "$connref" solution check "$work/all" >>"$work/one"
        run 1 "$connref" solution check "$work/all" >>"$work/two"
        run 1 $one "$python" benches/check/references.py "$work/all" >>"$work/python"
    done
}
turns
# In turns too: what the machine does by itself lasts for seconds. The median of the turns.
for _ in $(seq 15); do
    run 20 "$connref" solution check "$small" >>"$work/command"
    run 5 "$python" benches/check/references.py "$small" >>"$work/script"
done
middle() { sort -n | sed -n 8p; }
read -r command_ms _ _ < <(middle <"$work/command")
read -r script_ms _ _ < <(middle <"$work/script")
line "a command on $(stat -c %s "$small") bytes, of Python's speed" "$(ratio "$script_ms" "$command_ms")" ">=" 15 "$script_ms against $command_ms ms"

read -r ms _ _ < <(run 200 "$connref" solution check "$work/made/10k.zip")
line "start to exit, $(stat -c %s "$work/made/10k.zip") bytes, ms" "$ms" "<=" 6
read -r ms _ _ < <(run 100 "$connref" solution check "$work/made/1m.zip")
line "start to exit, $(stat -c %s "$work/made/1m.zip") bytes, ms" "$ms" "<=" 20

read -r _ _ rss < <(run 3 "$connref" solution check "$CONNREF_SAMPLES")
line "memory over all samples, MiB" "$(ratio "$rss" 1024)" "<=" 64
read -r _ _ rss < <(run 2 "$connref" solution check "$work/made/40m.zip")
largest="$("$python" -c 'import sys, zipfile; print(max(i.file_size for i in zipfile.ZipFile(sys.argv[1]).infolist()))' "$work/made/40m.zip")"
line "memory, of the largest XML part ($((largest >> 20)) MiB)" "$(ratio "$((rss * 1024))" "$largest")" "<=" 4
turns
read -r raw_ms raw_cpu _ < <(best <"$work/raw")
read -r one_ms one_cpu _ < <(best <"$work/one")
read -r two_ms _ _ < <(best <"$work/two")
read -r python_ms python_cpu _ < <(best <"$work/python")
echo "milliseconds: raw $raw_ms, check on one thread $one_ms, on all $two_ms, Python $python_ms"
line "one thread, of the raw speed" "$(ratio "$raw_ms" "$one_ms")" ">=" 0.40 "processor time $(ratio "$raw_cpu" "$one_cpu")"
line "two threads, of one" "$(ratio "$one_ms" "$two_ms")" ">=" 1.7
line "one thread, of Python's speed" "$(ratio "$python_ms" "$one_ms")" ">=" 1.5 "processor time $(ratio "$python_cpu" "$one_cpu")"
exit "$missed"

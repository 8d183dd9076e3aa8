#!/usr/bin/env bash
# run.sh PROGRAM - the program as a user runs it: every command, every kind of bad input, interruption, full disks.
# Each case names what it checks; the last line counts them. Needs python3 (without packages).
set -uo pipefail
program=$(realpath "$1")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
mounted=
cleanup() {
  [ -z "$mounted" ] || umount "$mounted"
  rm -rf "$work"
}
trap cleanup EXIT
cd "$work" || exit 1
export XDG_CACHE_HOME=$work/cache # the program's compiled kernels; those of the user stay out of it
python3 "$here/make_data.py" . || exit 1
# Under the leak sanitizer: a compiler in the OpenCL driver keeps a few objects until the end; they are not ours.
printf 'leak:libpocl\nleak:libLLVM\n' >suppressions
export LSAN_OPTIONS=suppressions=$work/suppressions:print_suppressions=0

passed=0 failed=0 skipped=0
pass() { passed=$((passed + 1)); }
skip() { skipped=$((skipped + 1)); echo "skipped: $1: $2"; }
fail() {
  failed=$((failed + 1))
  echo "FAILED: $1: $2"
  sed 's/^/    out| /' out; sed 's/^/    err| /' err
}
# expect NAME COMMAND... - one case: the command must succeed.
expect() { local name=$1; shift; if "$@" >/dev/null 2>>err; then pass; else fail "$name" "not so: $*"; fi; }
# Everything but the lines that tell of slow compiling.
messages() { grep -v '^compiling ' err || true; }
flashgmm() { "$program" "$@" >out 2>err; }

# works NAME ARGUMENTS... - exit code 0, and nothing on stderr.
works() {
  local name=$1 code; shift
  flashgmm "$@"; code=$?
  if [ $code != 0 ]; then fail "$name" "exit code $code; need 0"
  elif [ -n "$(messages)" ]; then fail "$name" "stderr is not empty"
  else pass; fi
}
# says NAME REGEX - what the case before printed on stdout.
says() { if grep -qE -- "$2" out; then pass; else fail "$1" "stdout lacks: $2"; fi; }
# fails NAME CODE REGEX ARGUMENTS... - the exit code; one line on stderr, "flashgmm: ..." with REGEX; nothing on stdout.
fails() {
  local name=$1 code=$2 text=$3 got; shift 3
  flashgmm "$@"; got=$?
  if [ $got != "$code" ]; then fail "$name" "exit code $got; need $code"
  elif [ "$(messages | wc -l)" != 1 ]; then fail "$name" "stderr has $(messages | wc -l) lines; need 1"
  elif ! messages | grep -qE -- "^flashgmm: .*$text"; then fail "$name" "stderr lacks: $text"
  elif [ -s out ]; then fail "$name" "stdout is not empty"
  else pass; fi
}
# json NAME PYTHON - what the case before printed is one JSON object `r`, and the expression holds.
json() {
  if python3 -c 'import json, sys; r = json.load(open("out")); assert isinstance(r, dict); assert eval(sys.argv[1])' "$2" \
    2>>err; then pass; else fail "$1" "not so: $2"; fi
}
# npy FILE PYTHON - the file is a .npy of header `h` (a dictionary) and values `v`, and the expression holds.
npy() {
  if python3 -c '
import ast, struct, sys
raw = open(sys.argv[1], "rb").read()
assert raw[:6] == b"\x93NUMPY"
n = struct.unpack("<H", raw[8:10])[0]
h = ast.literal_eval(raw[10:10 + n].decode())
code = {"<f4": "f", "<f8": "d", "<i4": "i", "<i8": "q"}[h["descr"]]
v = struct.unpack("<%d%s" % ((len(raw) - 10 - n) // struct.calcsize(code), code), raw[10 + n:])
assert eval(sys.argv[2])' "$1" "$2" 2>>err; then pass; else fail "$1" "not so: $2"; fi
}
only_file() { [ "$(find "$1" -mindepth 1 -printf '%f\n')" = "$2" ]; }

echo "== help and version"
works "overall help" --help
for command in devices fit kmeans score select predict proba sample encode export kde info tune; do
  says "overall help names $command" "^  $command "
done
for command in devices fit kmeans score select predict proba sample encode export kde info tune; do
  works "$command --help" "$command" --help
  says "$command --help has examples" '^Examples:'
  says "$command --help names the members of its JSON" '--json prints'
  cp out help.txt
  works "help $command" help "$command"
  expect "help $command is $command --help" cmp out help.txt
done
for command in build search add remove compact eval; do
  works "ivf $command --help" ivf "$command" --help
  says "ivf $command --help names the members of its JSON" '--json prints'
  expect "ivf $command --help has short lines" awk 'length > 120 { exit 1 }' out
  cp out help.txt
  works "help ivf $command" help ivf "$command"
  expect "help ivf $command is ivf $command --help" cmp out help.txt
done
works "help" help
says "help is the overall help" '^  ivf build'
works "help ivf" help ivf
says "help ivf lists its commands" '^  ivf compact'
fails "help of no command" 2 'unknown command frobnicate' help frobnicate
works "--version" --version
says "--version" '^flashgmm [0-9]+\.[0-9]+\.[0-9]+$'

echo "== wrong command lines: exit code 2"
fails "no command" 2 'no command'
fails "unknown command" 2 'unknown command frobnicate' frobnicate
fails "mistyped command" 2 'did you mean predict' predct a b
fails "fit: a checkpoint is not the model" 2 "--checkpoint = ./never.safetensors; need another name than --output's" \
    fit rows.npy -k 3 -o never.safetensors --checkpoint ./never.safetensors
fails "swapped letters" 2 'unknown command fti; did you mean fit\?' fti
fails "command of ivf alone" 2 'unknown command search; did you mean ivf search' search a.ivf
fails "command of ivf with a hyphen" 2 'did you mean ivf build' ivf-build rows.npy
fails "mistyped ivf" 2 'did you mean ivf\?' ivv build
fails "mistyped help" 2 'did you mean help' hlep
fails "mistyped --version" 2 'unknown option --versoin; did you mean --version' --versoin
fails "command as an option" 2 'unknown option --fit; did you mean fit\?' --fit
fails "mistyped command behind help" 2 'did you mean predict' help predct
fails "no command at all like it" 2 'unknown command qqqqqqq; `flashgmm --help` lists' qqqqqqq
fails "unknown option" 2 'unknown option --componets; did you mean --components' fit rows.npy --componets 3
fails "unknown letter" 2 'unknown option -z' fit rows.npy -z 3
fails "word too many" 2 'extra' devices extra
fails "operand missing" 2 'DATA is missing' fit -k 3 -o m
fails "K missing" 2 '-k' fit rows.npy -o m
fails "K = 0" 2 '--components = 0; need' fit rows.npy -k 0 -o m
fails "K = 0 of kmeans" 2 '--components = 0; need' kmeans rows.npy -k 0 -o c.npy
fails "K is no number" 2 '--components = three' fit rows.npy -k three -o m
fails "K negative" 2 '--components = -3' fit rows.npy -k -3 -o m
fails "K beyond 64 bits" 2 '--components = 99999999999999999999' fit rows.npy -k 99999999999999999999 -o m
fails "-o missing" 2 '-o MODEL is missing' fit rows.npy -k 3
fails "value missing" 2 'needs a value' fit rows.npy -k 3 -o
fails "option in place of a value" 2 'needs a value, but --json follows' fit rows.npy -k 3 -o --json
fails "tolerance is no number" 2 '--tol = small' fit rows.npy -k 3 -o m --tol small
fails "tolerance negative" 2 '--tol = -1' fit rows.npy -k 3 -o m --tol -1
fails "regularisation beyond float32" 2 '--reg-covar = 1e300; need a number, 0 or more, at most 1e.200' fit rows.npy -k 3 -o m --reg-covar 1e300
fails "tolerance not finite" 2 '--tol = nan' fit rows.npy -k 3 -o m --tol nan
fails "bytes with a wrong suffix" 2 '--memory-limit = 12Q' fit rows.npy -k 3 -o m --memory-limit 12Q
fails "bytes beyond 64 bits" 2 '--memory-limit = 99999999999G' fit rows.npy -k 3 -o m --memory-limit=99999999999G
fails "--covariance" 2 "--covariance = round; need spherical, diag, tied or full" fit rows.npy -k 3 -o m --covariance round
fails "--kernel" 2 '--kernel = fast; need auto, vector, group or matrix' fit rows.npy -k 3 -o m --kernel fast
fails "--blas" 2 '--blas = atlas; need auto, own or clblast' fit rows.npy -k 3 -o m --blas atlas
fails "--path" 2 '--path = short; need auto, sparse or dense' fit rows.npy -k 3 -o m --path short
fails "--init, unknown word" 2 '--init = kmeans; need auto, kmeans\+\+, kmeans-parallel, random or' fit rows.npy -k 3 -o m --init kmeans
fails "centroids need k-means" 2 '--kmeans-iter = 0' fit rows.npy --init centres.npy --kmeans-iter 0 -o m
fails "flag with a value" 2 'takes no value' fit rows.npy -k 3 -o m --json=yes
fails "kmeans -o, wrong ending" 2 'need a file name that ends with .npy or .fvecs' kmeans rows.npy -k 3 -o c.txt
fails "predict -o, wrong ending" 2 'need a file name that ends with .npy' predict m rows.npy -o labels.txt
fails "--top missing" 2 '--top M is missing' proba m rows.npy -o p
fails "--top 0" 2 '--top = 0' proba m rows.npy -o p --top 0
fails "-n 0" 2 '--rows = 0' sample m -n 0 -o x.npy
fails "tune without D" 2 '-d D is missing' tune -k 3
fails "tune, K = 0" 2 '--components = 0; need' tune -k 0 -d 4
fails "tune, another type" 2 '--type = u16; need u8, i8, f16, f32 or f64' tune -k 3 -d 4 --type u16
fails "tune, no budget" 2 '--budget = 0; need a number of seconds above 0' tune -k 3 -d 4 --budget 0
fails "--below without a number" 2 '--below = low' score m rows.npy --below low

echo "== devices"
works "devices" devices
says "devices names the default" '(default)'
says "devices gives reasons" '^ +why '
cp out devices.txt
works "devices --json" devices --json
json "devices --json" 'sum(d["is_default"] for d in r["devices"]) == 1 and all(d["reason"] for d in r["devices"])'
json "devices --json has the promised keys" 'list(r["devices"][0]) == "index name platform driver kind is_default kernel reason marks compute_units vector_width_float max_work_group has_fp64 global_memory_bytes max_alloc_bytes local_memory_bytes has_own_memory pci_address".split()'
device_name=$(python3 -c 'import json; print(next(d["name"] for d in json.load(open("out"))["devices"] if d["is_default"]))')
kernels=$(python3 -c 'import json; print([d["kernel"] for d in json.load(open("out"))["devices"]])')
no_platform() { OCL_ICD_VENDORS=/nonexistent OCL_ICD_FILENAMES='' "$@"; }
no_platform fails "devices without a platform" 1 'no OpenCL' devices
no_platform fails "devices --json without a platform" 1 'no OpenCL' devices --json
no_platform fails "fit without a platform" 1 'OpenCL' fit rows.npy -k 3 -o never.safetensors
OCL_ICD_VENDORS=/nonexistent OCL_ICD_FILENAMES=/nonexistent/lib.so fails "a driver that is not there" 1 'OpenCL' \
  fit rows.npy -k 3 -o never.safetensors
works "devices --forget" devices --forget
# First runs that are killed while they compile leave nothing that speaks against the device.
runs=4
[ -z "${FG_TEST_ALL:-}" ] || runs=20
for run in $(seq $runs); do
  export XDG_CACHE_HOME=$work/killed$run
  timeout -s KILL "$((run * 2 / runs)).$((run * 20 / runs % 10))5" "$program" fit rows.npy -k 3 -o killed.safetensors --quiet
  works "devices after a killed run" devices --json
  json "a killed run leaves no mark" "all('left out' not in d['marks'] for d in r['devices'])"
  json "a killed run leaves the kernels" "[d['kernel'] for d in r['devices']] == $kernels"
done
# Nor do those that may not take the memory that a compiler needs. How they end is the driver's.
export XDG_CACHE_HOME=$work/short
for run in 1 2; do (ulimit -v 400000; timeout 120 "$program" fit rows.npy -k 3 -o short.safetensors --quiet 2>err); done
works "devices after runs with little memory" devices --json
json "little memory leaves no mark" 'all(d["marks"] == "" for d in r["devices"])'
export XDG_CACHE_HOME=$work/cache
fails "unknown device name" 1 'nosuchdevice' fit rows.npy -k 3 -o never.safetensors --device nosuchdevice
fails "unknown device number" 1 '99' fit rows.npy -k 3 -o never.safetensors --device 99

echo "== fit"
works "fit" fit rows.npy -k 3 -o m.safetensors
says "fit says rows and columns" '600.* 4 '
says "fit says why it stopped" 'stopped: converged'
says "fit says where the model is" 'm\.safetensors'
says "fit says how exact it is" '^error bound +[0-9.e-]+ nats'
works "fit --json" fit rows.npy -k 3 -o m2.safetensors --json
json "fit --json has the promised keys" 'list(r) == "rows dims components covariance kernel error_bound_nats terms iterations converged stop_reason log_likelihood history seconds rows_per_second device peak_device_bytes peak_host_bytes tile seed".split()'
json "fit --json, members of members" 'set(r["seconds"]) == {"read", "compile", "init", "em", "total"} and set(r["device"]) == {"name", "platform", "driver"}'
json "fit --json, values" '(r["rows"], r["dims"], r["components"], r["covariance"], r["seed"]) == (600, 4, 3, "spherical", 0)'
json "fit --json, stopping" 'r["converged"] is True and r["stop_reason"] == "converged" and len(r["history"]) == r["iterations"]'
expect "same seed, same bytes" cmp m.safetensors m2.safetensors
works "--name=value" fit rows.npy --components=3 --output=m3.safetensors --covariance=diag --seed=5 --json
json "--name=value" 'r["covariance"] == "diag" and r["seed"] == 5'
works "seed beyond 53 bits" fit rows.npy -k 2 -o m3.safetensors --seed 18446744073709551615 --max-iter 1 --json
json "seed beyond 53 bits" 'r["seed"] == 18446744073709551615'
works "--init kmeans-parallel" fit rows.npy -k 3 -o m3.safetensors --init kmeans-parallel
says "--init kmeans-parallel finds the clusters" 'log-likelihood'
works "--init random" fit rows.npy -k 3 -o m3.safetensors --init random
works "--init MODEL" fit rows.npy --init m.safetensors -o m3.safetensors --json
json "--init MODEL begins with EM" 'r["components"] == 3 and r["iterations"] <= 3'
works "--init centroids" fit rows.npy --init centres.npy -o m3.safetensors
says "--init centroids begins with k-means" 'after [1-9][0-9]* of k-means'
fails "--init MODEL, other K" 1 '--components = 5, but m.safetensors holds 3' fit rows.npy -k 5 --init m.safetensors -o never
fails "--init MODEL, other D" 1 '' fit narrow.npy --init m.safetensors -o never
fails "--init MODEL, missing" 1 'nothere.safetensors' fit rows.npy --init nothere.safetensors -o never
python3 -c '
import random
random.seed(0)
for i in range(400):
    x, y = random.gauss(0, 1), random.gauss(0, 1)
    print(f"{x},{y}" if i < 200 else f"{1e6 + 1e-2 * x},{-1e6 + 1e-2 * y}")' >far.csv
flashgmm fit far.csv -k 2 -o m3.safetensors
expect "fit warns where float32 is too coarse" grep -qE '^flashgmm: warning: log-likelihoods may be off by [0-9.e+]+ nats' err
expect "one line of warning" test "$(messages | wc -l)" = 1
says "fit warns and goes on" '^error bound +[1-9][0-9.e+]* nats'
for path in sparse dense; do works "--path $path" fit rows.npy -k 3 -o m3.safetensors --path $path; done
for family in vector group; do works "--kernel $family" fit rows.npy -k 3 -o m3.safetensors --kernel $family --json; done
json "--kernel group" 'r["kernel"] == "group"'
works "--device by name" fit rows.npy -k 3 -o m3.safetensors --device "$device_name"
works "--device by number" fit rows.npy -k 3 -o m3.safetensors --device 0
works "--batch-rows" fit rows.npy -k 3 -o m3.safetensors --batch-rows 100
works "--max-iter" fit rows.npy -k 3 -o m3.safetensors --max-iter 1 --tol 0 --json
json "--max-iter" 'r["stop_reason"] == "max_iterations" and r["converged"] is False and r["iterations"] == 1'
flashgmm fit rows.npy -k 3 -o m3.safetensors --mini-batch
expect "--mini-batch of few rows: one line" test "$(messages | grep -c 'flashgmm: --mini-batch: 600 rows make 1 steps per pass')" = "$(messages | wc -l)"
works "--mini-batch" fit rows.npy -k 3 -o m3.safetensors --mini-batch --json --quiet
json "--mini-batch makes three passes" 'r["iterations"] == 3 and r["stop_reason"] == "max_iterations"'
works "--n-init" fit rows.npy -k 3 -o m3.safetensors --init random --n-init 3 --json
json "--n-init: the best of the runs" 'len(r["runs"]) == 3 and r["log_likelihood"] == max(r["runs"]) == r["runs"][r["best_run"]]'
fails "--n-init 0" 2 '--n-init = 0' fit rows.npy -k 3 -o never.safetensors --n-init 0
fails "--n-init with a start model" 2 '--n-init = 2; need 1' fit rows.npy --init m.safetensors -o never.safetensors --n-init 2
fails "K > N" 1 '601' fit rows.npy -k 601 -o never.safetensors
fails "K far > N" 1 '2000000000' fit rows.npy -k 2000000000 -o never.safetensors
fails "memory limit too small" 1 '' fit rows.npy -k 3 -o never.safetensors --memory-limit 1K

echo "== weights"
for file in ones.npy ones.fvecs twos.npy; do
  works "--weights $file" fit rows.npy -k 3 -o m3.safetensors --weights $file --json
  expect "--weights $file: the same bytes as none" cmp m.safetensors m3.safetensors
done
json "--weights: their sum" 'list(r)[-2:] == ["seed", "total_weight"] and r["total_weight"] == 1200'
works "--weights of text" fit rows.npy -k 1 -o m3.safetensors --weights mask.csv --report weights.html
says "--weights: their sum" '^weights +200 in all'
expect "--weights: rows of weight 0 do not count" python3 -c '
import json, struct
raw = open("m3.safetensors", "rb").read()
n = struct.unpack("<Q", raw[:8])[0]
at = json.loads(raw[8:8 + n])["means"]["data_offsets"]
means = struct.unpack("<4d", raw[8 + n:][at[0]:at[1]])
assert all(abs(m - 60) < 0.5 for m in means)'
expect "--report names the weights" grep -q 'mask.csv, 200 in all' weights.html
works "kmeans" kmeans rows.npy -k 3 -o c.npy --json
cp out kmeans.json
works "kmeans --weights" kmeans rows.npy -k 3 -o c2.npy --weights twos.npy --json
expect "kmeans --weights: the same bytes as none" cmp c.npy c2.npy
json "kmeans --weights: the inertia" 'r["inertia"] == 2 * json.load(open("kmeans.json"))["inertia"]'
works "select --weights" select rows.npy -k 1,2 --covariance diag --weights mask.csv --json
json "select --weights: one cluster" 'r["best"]["bic"]["components"] == 1'
fails "--weights, too few" 1 'weights: 599 values, but the data has 600 rows' fit rows.npy -k 3 -o never.safetensors --weights short_weights.npy
fails "--weights, columns" 1 'weights: 4 columns; need 1' fit rows.npy -k 3 -o never.safetensors --weights rows.npy
fails "--weights, negative" 1 'weights: row 2 has -3; need a number from 0' fit rows.npy -k 3 -o never.safetensors --weights negative_weight.npy
fails "--weights, NaN" 1 'weights: row 599 has nan' kmeans rows.npy -k 3 -o never.npy --weights nan_weight.npy
fails "--weights, all 0" 1 'weights: all 600 are 0' fit rows.npy -k 3 -o never.safetensors --weights no_weights.npy
fails "--weights, fewer than K" 1 'components = 3, but only 2 rows have a weight above 0' fit rows.npy -k 3 -o never.safetensors --weights two_weights.npy
fails "--weights, missing" 1 'nothere.npy' fit rows.npy -k 3 -o never.safetensors --weights nothere.npy
fails "--weights and rows from standard input" 2 '--weights = -; need a file' fit - -k 3 -o never.safetensors --weights - </dev/null
cp ones.npy both.npy
fails "-o over the weights" 1 'it is the input' kmeans rows.npy -k 3 -o both.npy --weights both.npy

echo "== data: formats and standard input"
for name in rows_f8.npy rows.fvecs rows.bvecs rows.fbin rows.csv; do works "fit $name" fit $name -k 3 -o m3.safetensors; done
works "fvecs" fit rows.fvecs -k 3 -o m3.safetensors
expect "npy and fvecs give the same bytes" cmp m.safetensors m3.safetensors
"$program" fit - -k 3 -o m3.safetensors <rows.npy >out 2>err
expect "standard input gives the same bytes" cmp m.safetensors m3.safetensors
{ head -c 1000; sleep 0.2; cat; } <rows.npy | "$program" fit - -k 3 -o m4.safetensors >out 2>err
expect "a pipe gives the same bytes" cmp m.safetensors m4.safetensors
fails "standard input is empty" 1 'standard input' fit - -k 3 -o never.safetensors </dev/null
for command in "fit F -k 3 -o never.safetensors" "kmeans F -k 3 -o never.npy" "score m.safetensors F" \
  "predict m.safetensors F -o never.npy" "info F"; do
  read -r -a words <<<"$command"
  for file in missing.npy empty.npy no_rows.npy cut_header.npy cut.npy cut.fvecs promises.npy overflow.npy overflow.fbin \
    noise.npy; do
    fails "${words[0]} $file" 1 "$file" "${words[@]/#F/$file}"
  done
done
for command in "fit F -k 3 -o never.safetensors" "kmeans F -k 3 -o never.npy" "score m.safetensors F" \
  "predict m.safetensors F -o never.npy" "proba m.safetensors F --top 1 -o never"; do
  read -r -a words <<<"$command"
  fails "${words[0]}, NaN" 1 'row 7, column 2.*nan' "${words[@]/#F/nan.npy}"
  fails "${words[0]}, infinity" 1 'row 7, column 2.*inf' "${words[@]/#F/inf.npy}"
done
mkdir folder.npy
fails "a folder as data" 1 'is a folder' fit folder.npy -k 3 -o never.safetensors
fails "an ending that is not known" 1 'make.txt' fit make.txt -k 3 -o never.safetensors

echo "== score, predict, proba, kmeans, sample, info"
works "score" score m.safetensors rows.npy
says "score" '^log-likelihood +-[0-9.]+'
works "score --json" score m.safetensors rows.npy --json
json "score --json has the promised keys" 'list(r) == ["rows", "log_likelihood", "aic", "bic"]'
json "AIC and BIC count 17 free parameters" 'abs(r["bic"] - r["aic"] - 17 * (__import__("math").log(600) - 2)) < 1e-6'
works "score -o" score m.safetensors rows.npy -o ll.npy --json
npy ll.npy 'h["descr"] == "<f8" and h["shape"] == (600,)'
json "the mean is that of the rows" 'abs(r["log_likelihood"] - sum(__import__("struct").unpack("<600d", open("ll.npy", "rb").read()[-4800:])) / 600) < 1e-9'
limit=$(python3 -c 'import struct; raw = open("ll.npy", "rb").read()[-4800:]; print(repr(sorted(struct.unpack("<600d", raw))[5]))')
works "score --below" score m.safetensors rows.npy --below "$limit"
expect "--below lists the 5 rows under it" test "$(grep -cE $'^[0-9]+\t-[0-9.]+$' out)" = 5
works "score --below --json" score m.safetensors rows.npy --below="$limit" --json
json "score --below --json" 'len(r["below"]) == 5 and all(b["log_likelihood"] < '"$limit"' for b in r["below"])'
works "predict" predict m.safetensors rows.npy -o labels.npy
npy labels.npy 'h["descr"] == "<i4" and h["shape"] == (600,) and all(v[i] == v[i % 3] for i in range(600)) and len(set(v)) == 3'
works "predict with centroids" predict centres.npy rows.npy -o labels2.npy --json
json "predict --json" 'r["rows"] == 600 and r["components"] == 3'
npy labels2.npy 'v == tuple(i % 3 for i in range(600))'
works "proba" proba m.safetensors rows.npy --top 2 -o p
says "proba names both files" '^written +p\.ids\.npy$'
says "proba names both files" '^ +p\.resp\.npy$'
works "proba --json" proba m.safetensors rows.npy --top 2 -o p --json
json "proba --json names both files" 'r["written"] == "p" and r["files"] == ["p.ids.npy", "p.resp.npy"]'
npy p.ids.npy 'h["descr"] == "<i4" and h["shape"] == (600, 2)'
npy p.resp.npy 'h["descr"] == "<f4" and h["shape"] == (600, 2) and all(1.000001 >= v[2*i] >= v[2*i+1] >= 0 for i in range(600))'
fails "--top > K" 1 '--top = 4; need 1 to 3' proba m.safetensors rows.npy --top 4 -o never
works "kmeans to .npy" kmeans rows.npy -k 3 -o c.npy --json
json "kmeans --json" 'r["components"] == 3 and r["converged"] and r["inertia"] > 0'
npy c.npy 'h["descr"] == "<f4" and h["shape"] == (3, 4)'
works "kmeans to .fvecs" kmeans rows.npy -k 3 -o c.fvecs
works "kmeans says its inertia" kmeans rows.npy -k 3 -o c2.npy
says "kmeans says its inertia" '^inertia'
expect "kmeans: same seed, same bytes" cmp c.npy c2.npy
works "kmeans --init" kmeans rows.npy --init centres.npy -o c2.npy --max-iter 3
fails "kmeans K > N" 1 '601' kmeans rows.npy -k 601 -o never.npy
works "kmeans of timestamps" kmeans stamps.npy -k 3 -o stamp_centroids.npy
npy stamp_centroids.npy 'h["descr"] == "<f8" and all(abs(a - 1.7e9 - b) < 1 for a, b in zip(sorted(v), (0, 60, 120)))'
works "labels of timestamps" predict stamp_centroids.npy stamps.npy -o stamp_labels.npy
npy stamp_labels.npy 'all(v[i] == v[i % 3] for i in range(600)) and len(set(v[:3])) == 3'
fails "timestamps to .fvecs" 1 'float32 does not hold centroids of these float64 rows: column 0' kmeans stamps.npy -k 3 -o never.fvecs
works "a mixture of timestamps" fit stamps.npy -k 3 -o stamps.safetensors
works "sample of timestamps" sample stamps.safetensors -n 100 -o stamp_rows.npy
npy stamp_rows.npy 'h["descr"] == "<f8" and len(set(v)) == 100'
fails "sample of timestamps to .fvecs" 1 'float32, which is all that .fvecs has' sample stamps.safetensors -n 9 -o never.fvecs
works "means of timestamps" export stamps.safetensors -o stamp_means.npy
npy stamp_means.npy 'h["descr"] == "<f8"'
works "kmeans far below float32" kmeans tiny.npy -k 3 -o tiny_centroids.npy
npy tiny_centroids.npy 'h["descr"] == "<f8"'
works "labels far below float32" predict tiny_centroids.npy tiny.npy -o tiny_labels.npy
npy tiny_labels.npy 'all(v[i] == v[i % 3] for i in range(600)) and len(set(v[:3])) == 3'
works "sample" sample m.safetensors -n 5000 -o s.npy
npy s.npy 'h["descr"] == "<f4" and h["shape"] == (5000, 4)'
works "sample again" sample m.safetensors -n 1000 -o s2.npy
npy s2.npy 'list(v[:9]) == list(__import__("struct").unpack("<9f", open("s.npy", "rb").read()[-80000:-80000 + 36]))'
works "sample --seed" sample m.safetensors -n 1000 -o s3.npy --seed 1
expect "another seed, other rows" bash -c '! cmp -s s2.npy s3.npy'
works "sample to .fvecs" sample m.safetensors -n 10 -o s.fvecs --json
json "sample --json" 'r["rows"] == 10 and r["dims"] == 4'
for name in rows.npy rows.fvecs rows.bvecs rows.fbin rows.csv; do
  works "info $name" info $name --json
  json "info $name" 'r["kind"] == "data" and (r["rows"], r["dims"], r["format"]) == (600, 4, "'"${name##*.}"'")'
done
works "info of a model" info m.safetensors
says "info of a model" '3 components, 4 dimensions, spherical'
works "info of a model --json" info m.safetensors --json
json "info of a model --json" 'r["kind"] == "model" and r["rows"] == 600 and r["free_parameters"] == 17 and r["log_likelihood"] < 0'
for command in "score m.safetensors narrow.npy" "predict m.safetensors narrow.npy -o never.npy" \
  "proba m.safetensors narrow.npy --top 1 -o never"; do
  read -r -a words <<<"$command"
  fails "${words[0]}, other D" 1 '3.*4|4.*3' "${words[@]}"
done

echo "== names of results"
works "fit to .npz" fit rows.npy -k 3 -o fitted.npz
works "it is what export writes" export m.safetensors -o exported.npz
expect "fit to .npz and export give the same bytes" cmp fitted.npz exported.npz
works "and it is read as a model" info fitted.npz
says "and it is read as a model" '3 components, 4 dimensions, spherical'
works "export back" export fitted.npz -o back.safetensors
works "select to .npz" select rows.npy -k 3 --covariance spherical -o chosen.npz
expect "select to .npz gives the same bytes" cmp fitted.npz chosen.npz
for name in m.npy m.fvecs m.csv m.json m.pkl m.hdf5 m.svg; do
  for command in fit select; do
    fails "$command -o $name" 2 "--output = $name; need a file name that ends with .safetensors or .npz" $command rows.npy -k 3 -o $name
  done
done
for name in c.npz c.npy c.csv; do
  fails "--checkpoint $name" 2 "--checkpoint = $name; need .*safetensors" fit rows.npy -k 3 -o never --checkpoint $name
done
fails "proba takes a prefix" 2 '--output = p.npy; need a prefix' proba m.safetensors rows.npy --top 1 -o p.npy
fails "kmeans to text" 2 'need a file name that ends with .npy or .fvecs' kmeans rows.npy -k 3 -o c.csv
fails "score to .fvecs" 2 'need a file name that ends with .npy or .csv' score m.safetensors rows.npy -o s.fvecs
fails "kde to .fvecs" 2 'need a file name that ends with .npy or .csv' kde rows.npy centres.npy --bandwidth 1 -o s.fvecs
fails "encode to text" 2 'need a file name that ends with .npy or .fvecs' encode m.safetensors rows.npy --groups ones.npy -o e.csv
fails "sample to .bvecs" 2 'need a file name that ends with .npy, .fvecs or .csv' sample m.safetensors -n 5 -o s.bvecs
fails "export to .hdf5" 2 '.npz, .npy, .fvecs or .safetensors' export m.safetensors -o m.hdf5
fails "ivf build to .npy" 2 'need a file name that ends with .ivf' ivf build rows.npy -k 3 -o i.npy
fails "ivf build, a native index called .faiss" 2 'need --format faiss' ivf build rows.npy -k 3 -o i.faiss
fails "ivf search to .fvecs" 2 'need a file name that ends with .npy or .ivecs' ivf search a.ivf rows.npy -o i.fvecs
fails "ivf search, distances as text" 2 '--distances = d.csv; need .*[.]npy' ivf search a.ivf rows.npy -o i.npy --distances d.csv
works "predict to text" predict m.safetensors rows.npy -o labels.csv
expect "labels of text are those of .npy" python3 -c '
import struct
raw = open("labels.npy", "rb").read()
assert list(map(int, open("labels.csv").read().split())) == list(struct.unpack("<600i", raw[-2400:]))'
works "score to text" score m.safetensors rows.npy -o ll.csv
expect "log-likelihoods of text are those of .npy" python3 -c '
import struct
raw = open("ll.npy", "rb").read()
assert list(map(float, open("ll.csv").read().split())) == list(struct.unpack("<600d", raw[-4800:]))'
# to_stdout NAME FILE ARGUMENTS... - `-o -` must give the bytes of FILE, and what is printed goes to stderr.
to_stdout() {
  local name=$1 file=$2; shift 2
  "$program" "$@" -o - >out.bin 2>err
  expect "$name: exit code" test $? = 0
  expect "$name: the same bytes as in a file" cmp out.bin "$file"
  "$program" "$@" -o - --quiet >out.bin 2>err
  expect "$name --quiet: the same bytes" cmp out.bin "$file"
  expect "$name --quiet: nothing on stderr" test ! -s err
}
to_stdout "predict to standard output" labels.npy predict m.safetensors rows.npy
to_stdout "score to standard output" ll.npy score m.safetensors rows.npy
to_stdout "fit to standard output" m.safetensors fit rows.npy -k 3
to_stdout "export to standard output" fitted.npz export m.safetensors
to_stdout "sample to standard output" s2.npy sample m.safetensors -n 1000
"$program" sample m.safetensors -n 1000 -o - --quiet | "$program" predict m.safetensors - -o piped.npy >out 2>err
works "predict of a file" predict m.safetensors s2.npy -o unpiped.npy
expect "one command's standard output is another's input" cmp piped.npy unpiped.npy
fails "-o - and --json" 2 '--output = - and --json' predict m.safetensors rows.npy -o - --json
fails "an index does not go to standard output" 2 '--output = -; need a file name' ivf build rows.npy -k 3 -o -
fails "a checkpoint does not go to standard output" 2 '--checkpoint = -; need a file name' fit rows.npy -k 3 -o never --checkpoint -
fails "-o -, a failure" 1 'missing.npy' predict m.safetensors missing.npy -o -

echo "== names and forms of inputs"
fails "a name that is nowhere, without an ending" 1 'nowhere: cannot be opened: No such file' fit nowhere -k 3 -o never.safetensors
fails "info of it" 1 'nowhere: cannot be opened: No such file' info nowhere
for name in rows.txt rows.data base.fbin.crop_nb_600; do
  fails "fit $name" 1 "$name: the name's ending tells no format; .*--input-format" fit $name -k 3 -o never.safetensors
  cp err fit.err
  fails "info $name" 1 "$name: the name's ending" info $name
  expect "info $name says what fit says" cmp err fit.err
done
works "kmeans of rows.csv" kmeans rows.csv -k 3 -o text.npy
for name in rows.txt rows.data; do
  works "--input-format csv: $name" kmeans $name --input-format csv -k 3 -o text2.npy
  expect "--input-format csv: $name: the same bytes" cmp text.npy text2.npy
done
works "--input-format fbin" fit base.fbin.crop_nb_600 --input-format fbin -k 3 -o m3.safetensors
expect "--input-format fbin: the same bytes" cmp m.safetensors m3.safetensors
works "info --input-format" info rows.txt --input-format csv --json
json "info --input-format" '(r["rows"], r["dims"], r["format"]) == (600, 4, "csv")'
"$program" kmeans - --input-format csv -k 3 -o text2.npy <rows.txt >out 2>err
expect "text on standard input" cmp text.npy text2.npy
cat rows.txt | "$program" kmeans /dev/stdin --input-format csv -k 3 -o text2.npy >out 2>err
expect "text from /dev/stdin" cmp text.npy text2.npy
"$program" kmeans <(cat rows.csv) --input-format csv -k 3 -o text2.npy >out 2>err
expect "text from a pipe" cmp text.npy text2.npy
fails "--input-format, an unknown word" 2 '--input-format = parquet; need npy, npz' fit rows.npy -k 3 -o never --input-format parquet
fails "hdf5 from standard input" 1 'read from files only' info - --input-format hdf5
for name in whole_i8.npy whole_i4.npy whole_u4.npy; do
  works "fit $name" fit $name -k 3 -o m3.safetensors
  works "fit of the same as float64" fit whole_f8.npy -k 3 -o m4.safetensors
  expect "$name and float64 give the same bytes" cmp m3.safetensors m4.safetensors
done
for name in whole_u2.npy whole_i2.npy whole_big.npy whole_fortran.npy whole.npz squeezed_whole.npz; do
  case $name in squeezed*) "$program" info $name 2>&1 | grep -q 'without zlib' && continue ;; esac
  works "fit $name" fit $name -k 3 -o m3.safetensors
  works "fit of the same as float32" fit whole_f4.npy -k 3 -o m4.safetensors
  expect "$name and float32 give the same bytes" cmp m3.safetensors m4.safetensors
done
works "fit of bool" fit bits.npy -k 2 -o m3.safetensors --json
json "fit of bool" '(r["rows"], r["dims"]) == (600, 4)'
fails "an integer that no float64 holds" 1 'beyond.npy: row 1, column 0: 9007199254740993 has no exact value' fit beyond.npy -k 1 -o never.safetensors
works "int64 weights" fit rows.npy -k 3 -o m3.safetensors --weights twos_i8.npy --json
json "int64 weights: their sum" 'r["total_weight"] == 1200'
expect "int64 weights: the same bytes as none" cmp m.safetensors m3.safetensors
fails "an .npz of several arrays" 1 'two.npz: holds 2 arrays \(x y\); name the one to read \(--dataset' info two.npz
python3 -c 'import struct; open("almost.u8bin", "wb").write(struct.pack("<II", 1048560, 1) + bytes(1048560))'
works "a size that rounds to the next unit" info almost.u8bin
says "a size that rounds to the next unit" '^type .* 1\.0 MiB in all$'
works "one of them" info two.npz --dataset y --json
json "one of them" '(r["rows"], r["dims"], r["format"]) == (600, 4, "npz")'
fails "an .npz that unpacks to much memory" 1 'bomb.npz: means_: .*numbers in a file of' info bomb.npz
# warns NAME REGEX ARGUMENTS... - exit code 0, one warning on stderr, with --quiet too.
warns() {
  local name=$1 text=$2; shift 2
  "$program" "$@" --quiet >out 2>err
  expect "$name: exit code" test $? = 0
  expect "$name: one line" test "$(wc -l <err)" = 1
  expect "$name: the warning" grep -qE "^flashgmm: warning: .*$text" err
}
warns "a column without a name" 'index.csv: the first column has no name, .*--columns 1: leaves it out' kmeans index.csv -k 3 -o text2.npy --json
json "a column without a name is data" 'r["dims"] == 5'
works "--columns" kmeans index.csv -k 3 -o text2.npy --columns 1: --json
expect "--columns 1: leaves the index out" cmp text.npy text2.npy
warns "a header of numbers" 'numbers.csv: line 1 is 0,1,2 ' kmeans numbers.csv -k 3 -o text2.npy --json
json "a header of numbers is a row" 'r["rows"] == 601'
works "quoted numbers" kmeans quoted.csv -k 3 -o text2.npy
expect "quoted numbers are numbers" cmp text.npy text2.npy
works "--columns by name" kmeans quoted.csv -k 3 -o text2.npy --columns a,b:c,d
expect "--columns by name" cmp text.npy text2.npy
works "--columns of .npy" info rows.npy --columns 3,0 --json
json "--columns of .npy" 'r["dims"] == 2'
fails "--columns, no such name" 1 'column e; need a name of the header, or a number from 0 to 3' info quoted.csv --columns e
fails "--columns, an empty part" 2 '--columns = a,,b; need' info quoted.csv --columns a,,b

echo "== rows with NaN left out"
works "fit --skip-nan-rows" fit holes.npy -k 3 -o m3.safetensors --skip-nan-rows --json
json "fit --skip-nan-rows counts" 'r["rows"] == 597 and r["skipped_rows"] == 3'
works "fit --skip-nan-rows, text" fit holes.npy -k 3 -o m3.safetensors --skip-nan-rows
says "fit --skip-nan-rows, text" '^skipped +3 rows with NaN'
works "fit of the other rows" fit filled.npy -k 3 -o m4.safetensors
expect "the same bytes as of the other rows" cmp m3.safetensors m4.safetensors
works "missing values of text" fit missing.csv -k 3 -o m4.safetensors --skip-nan-rows --json
json "missing values of text" 'r["rows"] == 597 and r["skipped_rows"] == 3'
works "weights belong to rows" fit holes.npy -k 3 -o m4.safetensors --skip-nan-rows --weights twos_i8.npy --json
json "weights belong to rows" 'r["total_weight"] == 1194'
expect "weights belong to rows: the same bytes" cmp m3.safetensors m4.safetensors
works "without NaN nothing is left out" fit rows.npy -k 3 -o m4.safetensors --skip-nan-rows --json
json "without NaN nothing is left out" 'r["skipped_rows"] == 0'
expect "without NaN: the same bytes" cmp m.safetensors m4.safetensors
works "kmeans --skip-nan-rows" kmeans holes.npy -k 3 -o c2.npy --skip-nan-rows
works "select --skip-nan-rows" select holes.npy -k 3 --covariance spherical --skip-nan-rows --json
json "select --skip-nan-rows counts" 'r["rows"] == 597 and r["skipped_rows"] == 3'
works "predict --skip-nan-rows" predict m.safetensors holes.npy -o labels2.npy --skip-nan-rows --json
json "predict --skip-nan-rows counts" 'r["rows"] == 597 and r["skipped_rows"] == 3'
npy labels2.npy 'h["shape"] == (600,) and [i for i in range(600) if v[i] == -1] == [0, 7, 599] and all(v[i] == v[i % 3 + 3] for i in range(600) if v[i] >= 0)'
works "score --skip-nan-rows" score m.safetensors holes.npy -o ll2.npy --skip-nan-rows --below -1e9
npy ll2.npy '[i for i in range(600) if v[i] != v[i]] == [0, 7, 599]'
works "score --below counts rows of the file" score m.safetensors holes.npy --skip-nan-rows --below 0
expect "score --below counts rows of the file" test "$(sed -n 7p out | cut -f1)" = 8
works "proba --skip-nan-rows" proba m.safetensors holes.npy --top 2 -o p2 --skip-nan-rows
npy p2.ids.npy 'h["shape"] == (600, 2) and [i for i in range(600) if v[2 * i] == -1] == [0, 7, 599]'
npy p2.resp.npy '[i for i in range(600) if v[2 * i] != v[2 * i]] == [0, 7, 599]'
works "kde --skip-nan-rows" kde holes.npy holes.npy --bandwidth 2 -o density2.npy --skip-nan-rows
npy density2.npy '[i for i in range(600) if v[i] != v[i]] == [0, 7, 599]'
works "encode --skip-nan-rows" encode m.safetensors holes.npy --groups fours.npy -o e2.npy --vlad --skip-nan-rows
npy e2.npy 'h["shape"] == (150, 12) and all(x == x for x in v)'
works "encode, a group of which nothing is left" encode m.safetensors holes.npy --groups singles.npy -o e3.npy --vlad --skip-nan-rows
npy e3.npy 'h["shape"] == (600, 12) and [i for i in range(600) if v[12 * i] != v[12 * i]] == [0, 7, 599]'
works "ivf build --skip-nan-rows" ivf build holes.npy -k 3 -o holes.ivf --skip-nan-rows --json
json "ids are places in the file" 'r["rows"] == 597 and r["next_id"] == 600'
works "ivf search --skip-nan-rows" ivf search holes.ivf holes.npy --nprobe 3 --top 1 -o ids2.npy --distances d2.npy --skip-nan-rows
npy ids2.npy 'h["shape"] == (600, 1) and list(v) == [-1 if i in (0, 7, 599) else i for i in range(600)]'
npy d2.npy '[i for i in range(600) if v[i] == float("inf")] == [0, 7, 599]'
works "ivf eval --skip-nan-rows" ivf eval holes.ivf holes.npy ids2.npy --top 1 --nprobe 3 --skip-nan-rows --json
json "ivf eval --skip-nan-rows" 'r["queries"] == 597 and r["points"][0]["recall"] == 1'
fails "infinity is not left out" 1 'inf.npy: row 7, column 2: value is infinite|row 7, column 2: value is inf' fit inf.npy -k 3 -o never.safetensors --skip-nan-rows

echo "== fit --report"
page() { expect "$1" python3 "$here/check_page.py" "${@:2}"; }
works "fit --report" fit plane.npy -k 6 --covariance full -o plane.safetensors --report plane.html
page "the page of a plane" plane.html plane.safetensors
works "fit --report, tied" fit rows.npy -k 3 --covariance tied -o m4.safetensors --report tied.html --json
page "the page of a tied model" tied.html m4.safetensors
works "fit --report, many components" fit rows.npy -k 70 --max-iter 1 -o m4.safetensors --report many.html
page "the page of many components" many.html m4.safetensors
cp rows.npy '<a>&"b".npy'
works "fit --report, a name with signs of HTML" fit '<a>&"b".npy' -k 1 --max-iter 0 -o m4.safetensors --report one.html
page "the page of one component" one.html m4.safetensors
works "fit as before" fit plane.npy -k 6 --covariance full -o m4.safetensors
expect "a report changes no byte of the model" cmp plane.safetensors m4.safetensors
fails "--report, wrong ending" 2 'need a file name that ends with .html' fit rows.npy -k 3 -o never --report never.txt
fails "the model's name asks for a page" 2 'output = never.html; need a file name that ends with .safetensors or .npz' fit rows.npy -k 3 -o never.html --report never.html
fails "--report, no such folder" 1 'nofolder' fit rows.npy -k 3 -o never.safetensors --report nofolder/r.html
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
# picture PAGE FILE OPTIONS... - a page as a phone shows it. A second try is for a machine too busy for the first.
picture() {
  local page=$1 file=$2 try
  shift 2
  for try in 1 2; do
    rm -rf "$file" "$work/browser"
    timeout -k 5 300 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
      --hide-scrollbars --user-data-dir="$work/browser" --window-size=390,900 --screenshot="$work/$file" "$@" \
      "file://$work/$page" >"browser$try.txt" 2>&1 && [ -s "$file" ] && return
  done
  return 1
}
echo '<p>A page</p>' >plain.html
if [ -z "$browser" ]; then
  skip "the page in a browser" "no chromium"
elif ! picture plain.html plain.png; then
  skip "the page in a browser" "$browser draws no page at all here: $(tail -1 browser2.txt)"
else
  expect "a browser draws the page of a plane" picture plane.html light.png
  page "and it is the page" --picture light.png
  expect "a browser draws it in dark colours" picture plane.html dark.png --blink-settings=preferredColorScheme=0
  page "and it is the page in dark colours" --picture dark.png
  expect "light and dark differ" bash -c '! cmp -s light.png dark.png'
fi

echo "== select"
works "select" select rows.npy -k 1:5:2,4 --covariance spherical -o best.safetensors --plot trials.svg --folder trials
says "select marks the three clusters that the rows have" '^spherical +3 .*\* +[0-9]*\.?[0-9]*\*'
works "select takes what is in its folder" select rows.npy -k 3,4 --folder trials --covariance spherical --json
json "select --json" 'r["best"]["bic"] == {"covariance": "spherical", "components": 3} and [m["components"] for m in r["models"]] == [3, 4] and r["models"][0]["icl"] >= r["models"][0]["bic"]'
works "the best model is a model" info best.safetensors
says "the best model is a model" '3 components'
expect "select --plot is XML" python3 -c 'import xml.dom.minidom; xml.dom.minidom.parse("trials.svg")'
# The model under way when it was interrupted: what select leaves then is the checkpoint of the same fit.
works "select, one fit without interruption" select rows.npy -k 4 --covariance full --tol 0 --max-iter 6 --folder whole
works "select, another folder" select rows.npy -k 1 --covariance full --tol 0 --max-iter 6 --folder parts
works "select, a fit that was interrupted" fit rows.npy -k 4 --covariance full --tol 0 --max-iter 2 -o part.safetensors --checkpoint parts/full-4.checkpoint.safetensors
works "select goes on in the middle of a fit" select rows.npy -k 4 --covariance full --tol 0 --max-iter 6 --folder parts
expect "and ends with the same bytes" cmp whole/full-4.safetensors parts/full-4.safetensors
expect "and leaves no checkpoint" test ! -e parts/full-4.checkpoint.safetensors
fails "select, a folder of other options" 1 'begun with other data or options' select rows.npy -k 2 --folder trials --seed 3
fails "select, a range that ends before it begins" 2 '--components = 3:1' select rows.npy -k 3:1
fails "select, an unknown covariance" 2 '--covariance = round' select rows.npy -k 3 --covariance round
fails "select, K > N" 1 '601' select rows.npy -k 601
flashgmm select rows.npy -k 1,3,601 --covariance spherical,diag -o some.safetensors --plot some.svg
expect "select, a model that fails: exit code 0" test $? = 0
expect "select, a model that fails: one line" test "$(messages)" = 'flashgmm: 2 of 6 models failed; the table says why'
says "select, a model that fails: a line of the table" '^diag +601 failed: components = 601, but the data has only 600 rows'
says "select, a model that fails: the others are compared" '^spherical +3 .*\*'
works "select, a model that fails: the best is kept" info some.safetensors
expect "select, a model that fails: the drawing" python3 -c 'import xml.dom.minidom; xml.dom.minidom.parse("some.svg")'
works "select, a model that fails, --json" select rows.npy -k 3,601 --covariance spherical --json --quiet
json "select, a model that fails: error" '[m["components"] for m in r["models"]] == [3, 601] and "600 rows" in r["models"][1]["error"] and "error" not in r["models"][0] and r["best"]["bic"]["components"] == 3'
mkdir unwritable
ln -s /dev/full unwritable/spherical-3.safetensors
flashgmm select rows.npy -k 3 --covariance spherical --folder unwritable -o never-kept.safetensors
expect "select, a broken model in the folder: exit code 1" test $? = 1

echo "== export"
works "export" export m.safetensors -o m.npz
works "an exported model is a model" score m.npz rows.npy --json
cp out npz.json
works "score of the model itself" score m.safetensors rows.npy --json
expect "an exported model scores the same" cmp out npz.json
expect "export makes a sound ZIP" python3 -c '
import zipfile
z = zipfile.ZipFile("m.npz")
assert z.testzip() is None and z.namelist() == ["weights_.npy", "means_.npy", "covariances_.npy", "covariance_type.npy"]
with zipfile.ZipFile("squeezed.npz", "w", zipfile.ZIP_DEFLATED) as other:
    for name in z.namelist(): other.writestr(name, z.read(name))'
works "tied, K = D" fit plane.npy -k 2 --max-iter 0 --covariance tied -o square.safetensors
works "export of K = D" export square.safetensors -o square.npz
works "the type of K = D is read back" info square.npz
says "the type of K = D is read back" '2 components, 2 dimensions, tied'
python3 -c '
import zipfile
z = zipfile.ZipFile("square.npz")
with zipfile.ZipFile("unsaid.npz", "w") as other:
    for name in z.namelist()[:3]: other.writestr(name, z.read(name))
with zipfile.ZipFile("other.npz", "w") as other:
    for name in z.namelist(): other.writestr(name, z.read(name).replace(b"t\0\0\0i", b"f\0\0\0i"))'
fails "K = D without a type" 1 'unsaid.npz: .*diag or tied' info unsaid.npz
fails "an unknown type" 1 'other.npz: covariance_type "fied"; need' info other.npz
if "$program" info squeezed.npz 2>&1 | grep -q 'without zlib'; then
  fails "a compressed archive" 1 'squeezed.npz: weights_: compressed, .*without zlib' info squeezed.npz
else
  works "a compressed archive" score squeezed.npz rows.npy --json
  expect "a compressed archive scores the same" cmp out npz.json
  # Streams cut and damaged at every place, and sizes that lie: refused in one line, without a crash.
  python3 - <<'END'
import struct
raw = open("squeezed.npz", "rb").read()
entry = raw.index(b"PK\1\2")
length, size = struct.unpack_from("<II", raw, entry + 20)
begin = 30 + sum(struct.unpack_from("<HH", raw, 26))
def write(name, offset, *values):
    changed = bytearray(raw)
    changed[offset : offset + len(b"".join(values))] = b"".join(values)
    open(name, "wb").write(changed)
write("short.npz", entry + 20, struct.pack("<I", length - 3))
write("bomb.npz", entry + 24, struct.pack("<I", 0xFFFFFFF0))
write("larger.npz", entry + 24, struct.pack("<I", size + 8))
write("smaller.npz", entry + 24, struct.pack("<I", size - 8))
write("beyond.npz", entry + 20, struct.pack("<I", 0xFFFFFFF0))
write("method.npz", entry + 10, struct.pack("<H", 12))
for i in range(0, length, 5): write(f"torn{i}.npz", begin + i, bytes([raw[begin + i] ^ 0x55]))
END
  fails "a stream that is cut" 1 'short.npz: weights_: the compressed data are damaged' info short.npz
  fails "a stream that is too small for its size" 1 'bomb.npz: weights_: [0-9]+ compressed bytes cannot hold 4294967280' info bomb.npz
  fails "a stream that ends early" 1 'larger.npz: weights_' info larger.npz
  fails "a stream that ends late" 1 'smaller.npz: weights_' info smaller.npz
  fails "a stream beyond the file" 1 'beyond.npz: weights_ ends outside' info beyond.npz
  fails "another compression" 1 'method.npz: weights_ is compressed by method 12' info method.npz
  for torn in torn*.npz; do
    fails "a damaged stream, $torn" 1 "$torn: weights_" info "$torn"
  done
fi
head -c 300 m.npz >cut.npz
fails "a cut archive" 1 'cut.npz' info cut.npz
python3 -c 'raw = bytearray(open("m.npz", "rb").read()); raw[180] ^= 1; open("flipped.npz", "wb").write(raw)'
fails "a damaged archive" 1 'checksum' info flipped.npz
works "export of means" export m.safetensors -o means.npy
npy means.npy 'h["descr"] == "<f4" and h["shape"] == (3, 4)'
fails "export, an unknown ending" 2 '--output = m.txt' export m.safetensors -o m.txt

echo "== kde and encode"
works "kde" kde rows.npy centres.npy --bandwidth 2 -o density.npy --json
json "kde --json" 'r["rows"] == 600 and r["queries"] == 3'
npy density.npy 'h["descr"] == "<f8" and h["shape"] == (3,) and all(-12 < d < -5 for d in v)'
fails "kde, no bandwidth" 2 '--bandwidth = 0' kde rows.npy centres.npy --bandwidth 0 -o never.npy
fails "kde, other D" 1 'D = ' kde rows.npy narrow.npy --bandwidth 1 -o never.npy
python3 -c '
import struct
head = "{%r: %r, %r: False, %r: (600,), }" % ("descr", "<i8", "fortran_order", "shape")
head = head.ljust(117) + "\n"
open("groups.npy", "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + struct.pack("<600q", *[i // 100 for i in range(600)]))'
works "encode" encode m.safetensors rows.npy --groups groups.npy -o fisher.npy --json
json "encode --json" 'r["groups"] == 6'
npy fisher.npy 'h["descr"] == "<f4" and h["shape"] == (6, 24) and all(abs(sum(x * x for x in v[24 * g:24 * g + 24]) - 1) < 1e-5 for g in range(6))'
works "encode --vlad" encode m.safetensors rows.npy --groups groups.npy -o vlad.npy --vlad
npy vlad.npy 'h["shape"] == (6, 12)'
fails "encode: the groups are no output" 1 'it is the input' encode m.safetensors rows.npy --groups groups.npy -o groups.npy
fails "encode, groups of other data" 1 'holds 600 numbers' encode m.safetensors s.npy --groups groups.npy -o never.npy

echo "== damaged models and caches"
head -c 200 m.safetensors >cut.safetensors
: >empty.safetensors
python3 -c 'raw = open("m.safetensors", "rb").read(); open("nan.safetensors", "wb").write(raw[:-8] + b"\xff" * 8)'
for file in cut.safetensors empty.safetensors noise.safetensors nan.safetensors missing.safetensors; do
  fails "score $file" 1 "$file" score $file rows.npy
  fails "sample $file" 1 "$file" sample $file -n 10 -o never.npy
  fails "info $file" 1 "$file" info $file
done
# Only the program's own: what the OpenCL driver keeps is its affair.
if find "$XDG_CACHE_HOME/flashgmm" -type f >kept && [ -s kept ]; then
  while read -r file; do echo damaged >"$file"; done <kept
  works "a damaged program cache is rebuilt" fit rows.npy -k 3 -o m3.safetensors
  expect "a damaged program cache changes no byte" cmp m.safetensors m3.safetensors
  while read -r file; do head -c 100 "$file" >part; cat part >"$file"; done <kept
  works "a truncated program cache is rebuilt" fit rows.npy -k 3 -o m3.safetensors
  expect "a truncated program cache changes no byte" cmp m.safetensors m3.safetensors
else
  fail "program cache" "nothing was kept in $XDG_CACHE_HOME/flashgmm"
fi

echo "== tune"
works "tune" tune -k 3 -d 4 --budget 0.001
says "tune says what it found" '^tile +vw='
works "tune --json" tune -k 3 -d 4 --budget 1 --json --quiet
json "tune --json has the promised keys" 'list(r) == "components dims covariance type kernel tile shipped_tile batch_rows seconds tried failed wrong skipped is_complete device written".split()'
json "tune --json, values" '(r["components"], r["dims"], r["covariance"], r["type"]) == (3, 4, "spherical", "f32") and r["tried"] >= 2 and r["wrong"] == r["failed"] == 0'
json "tune --json, seconds" 'all(s > 0 for s in r["seconds"].values()) and list(r["seconds"]) == "shipped tuned shipped_dense tuned_dense total".split()'
tiles=$XDG_CACHE_HOME/flashgmm/tiles.txt
expect "the tile stands in a text file" grep -qE '^tile \| .* \| pass vector \| spherical \| f32 \| k=4 d=4 \| vw=' "$tiles"
expect "once" test "$(grep -c '^tile' "$tiles")" = 1
works "fit uses it" fit rows.npy -k 3 -o m3.safetensors --json
used=$(python3 -c 'import json; print(json.load(open("out"))["tile"])')
expect "fit --json names it" grep -qF "$(sed 's/^vector //; s/ lanes=.*//' <<<"$used")" "$tiles"
works "fit --tune, tuned already" fit rows.npy -k 3 -o m4.safetensors --tune
expect "it changes no byte then" cmp m3.safetensors m4.safetensors
expect "it does not tune again" test "$(grep -c '^tile' "$tiles")" = 1
sed -i 's/chunk=[0-9]*/chunk=64/' "$tiles"
"$program" fit rows.npy -k 3 -o m4.safetensors >out 2>err
expect "a changed line is not used, and said so" grep -q 'tiles.txt, line .*: not used: damaged, or changed' err
sed -i 's/| [0-9a-f]*$/| edited/' "$tiles"
works "a line that says edited" fit rows.npy -k 3 -o m4.safetensors --json
json "a line that says edited is used" '"chunk=64" in r["tile"]'
rm "$tiles"
works "without the file" fit rows.npy -k 3 -o m4.safetensors
expect "without the file all is as before" cmp m.safetensors m4.safetensors
mv "$XDG_CACHE_HOME/flashgmm" kept-folder
: >"$XDG_CACHE_HOME/flashgmm"
fails "nowhere to remember" 1 'flashgmm.*: cannot be' tune -k 3 -d 4
rm "$XDG_CACHE_HOME/flashgmm"
mv kept-folder "$XDG_CACHE_HOME/flashgmm"

echo "== output that cannot be written"
fails "no such folder" 1 'nofolder' fit rows.npy -k 3 -o nofolder/m.safetensors
fails "no such folder for the checkpoint" 1 'nofolder' fit rows.npy -k 3 -o never --checkpoint nofolder/c.safetensors
mkdir folder
fails "a folder as output" 1 'folder' fit rows.npy -k 3 -o folder
fails "a device as output" 1 '/dev/null' fit rows.npy -k 3 -o /dev/null
fails "the input as output" 1 'it is the input' kmeans rows.npy -k 3 -o ./rows.npy
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
  chmod 755 "$work" folder
  chmod 644 "$work"/*.*
  as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups env XDG_CACHE_HOME=/nonexistent "$@"; }
  if as_nobody test -x "$program"; then
    as_nobody "$program" fit rows.npy -k 3 -o folder/m.safetensors >out 2>err
    expect "folder not writable: exit code" test $? = 1
    expect "folder not writable: one line" grep -q '^flashgmm: .*Permission denied' err
  else
    skip "folder not writable" "the program is not readable by others"
  fi
elif [ "$(id -u)" != 0 ]; then
  chmod 555 folder
  fails "folder not writable" 1 'Permission denied' fit rows.npy -k 3 -o folder/m.safetensors
else
  skip "folder not writable" "no setpriv"
fi
"$program" devices >/dev/full 2>err
expect "standard output is full: exit code" test $? = 1
expect "standard output is full: one line" grep -q '^flashgmm: standard output' err

# A folder that holds 256 KiB, or where none can be mounted a limit on the size of files; `limit` runs under it.
mkdir small
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=256k tmpfs small 2>/dev/null; then
  mounted=$work/small
  limit() { "$@"; }
else
  limit() { (ulimit -f 256; "$@"); }
fi
works "a small disk takes small files" sample m.safetensors -n 1000 -o small/s.npy
cp small/s.npy before.npy
limit "$program" sample m.safetensors -n 1000000 -o small/s.npy >out 2>err
expect "full disk: exit code" test $? = 1
expect "full disk: one line" test "$(grep -c '^flashgmm: small/s.npy' err)" = 1
expect "full disk: nothing else on stderr" test "$(wc -l <err)" = 1
expect "full disk: the old file is intact" cmp small/s.npy before.npy
expect "full disk: no file is left behind" only_file small s.npy
if [ -n "$mounted" ]; then
  works "fit as before the disk is full" fit rows.npy -k 3 -o kept.safetensors
  head -c 300000 /dev/zero >small/fill 2>err
  mkdir elsewhere
  TMPDIR=$work/elsewhere "$program" fit rows.npy -k 3 -o small/kept.safetensors --quiet >out 2>err
  expect "fit, full disk: exit code" test $? = 1
  expect "fit, full disk: says where the model is" grep -q "No space left.*; the model is in $work/elsewhere/" err
  expect "fit, full disk: the model is kept" cmp kept.safetensors elsewhere/flashgmm-*/kept.safetensors
  rm -r elsewhere/flashgmm-*
  works "select as before the disk is full" select rows.npy -k 2:3 -o best.safetensors
  TMPDIR=$work/elsewhere "$program" select rows.npy -k 2:3 -o small/best.safetensors --quiet >out 2>err
  expect "select, full disk: exit code" test $? = 1
  expect "select, full disk: says where the model is" grep -q "No space left.*; the model is in $work/elsewhere/" err
  expect "select, full disk: the model is kept" cmp best.safetensors elsewhere/flashgmm-*/best.safetensors
  rm small/fill
fi

echo "== interruption"
works "rows that take a while" sample m.safetensors -n 200000 -o long.npy
slow=(fit long.npy -k 128 --tol 0 --quiet)
# interrupt SIGNAL FILE ARGUMENTS... - starts, waits until FILE is there (-: a second), sends the signal; again every ten
# seconds, in case the first came before the rows were begun.
interrupt() {
  local signal=$1 file=$2 child again code i; shift 2
  "$program" "$@" >out 2>err &
  child=$!
  if [ "$file" = - ]; then sleep 1; else
    for ((i = 0; i < 30000; i++)); do [ -e "$file" ] && break; sleep 0.02; done
  fi
  kill -"$signal" $child
  (while sleep 10; do kill -"$signal" $child; done) 2>/dev/null &
  again=$!
  wait $child; code=$?
  kill $again 2>/dev/null
  return $code
}
mkdir stop
interrupt INT - "${slow[@]}" --max-iter 100000 -o stop/m.safetensors
expect "Ctrl-C: exit code 130" test $? = 130
expect "Ctrl-C: one line" test "$(grep -c '^flashgmm: interrupted' err)" = "$(wc -l <err)"
expect "Ctrl-C without --checkpoint writes nothing" only_file stop ''
interrupt INT - select long.npy -k 128:200 --tol 0 --quiet
expect "Ctrl-C of select: exit code 130" test $? = 130
expect "Ctrl-C of select: what would keep models" grep -q 'with --folder finished models are kept' err
interrupt INT - sample m.safetensors -n 2000000000 -o stop/s.npy
expect "Ctrl-C of sample: exit code 130" test $? = 130
expect "Ctrl-C of sample writes nothing" only_file stop ''
interrupt TERM stop/c.safetensors "${slow[@]}" --max-iter 100000 -o stop/m.safetensors --checkpoint stop/c.safetensors
expect "SIGTERM: exit code 130" test $? = 130
expect "SIGTERM: the checkpoint is named" grep -q -- '--resume stop/c.safetensors' err
expect "SIGTERM: only the checkpoint is written" only_file stop c.safetensors
works "a checkpoint is a model" info stop/c.safetensors
rm stop/c.safetensors
interrupt HUP stop/c.safetensors "${slow[@]}" --max-iter 100000 -o stop/m.safetensors --checkpoint stop/c.safetensors
expect "SIGHUP: exit code 130" test $? = 130
expect "SIGHUP: only the checkpoint is written" only_file stop c.safetensors
rm stop/c.safetensors
# written FILE COMMAND... - starts the command and waits until a temporary file of FILE is there.
written() {
  local file=$1 i; shift
  "$@" >out 2>err &
  child=$!
  for ((i = 0; i < 600; i++)); do compgen -G "$file.fgmm-tmp-*" >/dev/null && break; sleep 0.1; done
}
written stop/s.npy "$program" sample m.safetensors -n 2000000000 -o stop/s.npy
kill -HUP $child
kill -HUP $child # a shell tells its jobs once more
wait $child
expect "SIGHUP twice at once: exit code 130" test $? = 130
expect "SIGHUP twice at once: cleaned up" only_file stop ''
nohup "$program" "${slow[@]}" --max-iter 100000 -o stop/m.safetensors --checkpoint stop/c.safetensors >out 2>err &
child=$!
for ((i = 0; i < 3000; i++)); do [ -e stop/c.safetensors ] && break; sleep 0.1; done
kill -HUP $child
sleep 1
expect "nohup: a fit goes on" kill -0 $child
kill -TERM $child
wait $child
expect "SIGTERM under nohup: only the checkpoint is written" only_file stop c.safetensors
rm stop/c.safetensors
written stop/s.npy env -- nohup "$program" sample m.safetensors -n 2000000000 -o stop/s.npy
kill -HUP $child
sleep 1
expect "nohup: goes on" kill -0 $child
kill -KILL $child
wait $child 2>/dev/null
expect "SIGKILL leaves a temporary file" compgen -G 'stop/s.npy.fgmm-tmp-*'
works "the next write" sample m.safetensors -n 10 -o stop/other.npy
expect "the next write into the folder removes what a dead process has left" only_file stop other.npy
rm stop/other.npy
long=$(printf 'n%.0s' {1..243})
works "a name of 255 bytes" fit rows.npy -k 3 -o "$long.safetensors" --checkpoint "c${long:0:238}.safetensors"
works "a name of 255 bytes, ivf build" ivf build rows.npy -k 4 -o "${long}xxxxxxxx.ivf"
works "a name of 255 bytes, proba" proba m.safetensors rows.npy --top 1 -o "${long}xxx"
expect "a name of 255 bytes, proba: both" test -e "${long}xxx.ids.npy" -a -e "${long}xxx.resp.npy"
fails "a name of 256 bytes" 1 'File name too long' fit rows.npy -k 3 -o "n$long.safetensors"
fails "a name of 256 bytes, proba" 1 'File name too long' proba m.safetensors rows.npy --top 1 -o "${long}xxxx"
rm -f "$long"* "c$long"*
works "uninterrupted" "${slow[@]}" --max-iter 15 -o whole.safetensors
interrupt INT stop/c.safetensors "${slow[@]}" --max-iter 15 -o stop/m.safetensors --checkpoint stop/c.safetensors
expect "Ctrl-C with --checkpoint: exit code 130" test $? = 130
works "resume" "${slow[@]}" --max-iter 15 -o stop/m.safetensors --checkpoint stop/c.safetensors --resume stop/c.safetensors
expect "resumed and uninterrupted give the same bytes" cmp whole.safetensors stop/m.safetensors
fails "resume with another K" 1 '' fit long.npy -k 64 -o never.safetensors --resume stop/c.safetensors
fails "resume with other data" 1 '' fit rows.npy -k 128 -o never.safetensors --resume stop/c.safetensors
fails "resume from a model" 1 '' fit rows.npy -k 3 -o never.safetensors --resume m.safetensors

echo "== progress"
works "no bar when stderr is no terminal" fit rows.npy -k 3 -o m3.safetensors
XDG_CACHE_HOME=$work/fresh "$program" fit rows.npy -k 3 -o m3.safetensors --quiet >out 2>err
expect "--quiet: nothing on stderr while compiling" test ! -s err
says "--quiet: the result is printed all the same" '^log-likelihood'
if script -qec true /dev/null >/dev/null 2>&1 </dev/null; then
  script -qec "'$program' fit long.npy -k 32 --max-iter 5 --tol 0 -o m3.safetensors" /dev/null >out 2>err </dev/null
  expect "a bar on a terminal" grep -q $'\r.*EM [0-9]*/5 \[' out
  expect "the bar has rows/s, time left and the log-likelihood" grep -qE 'rows/s, .*left, log-likelihood -' out
  script -qec "'$program' fit long.npy -k 32 --max-iter 5 --tol 0 -o m3.safetensors --quiet" /dev/null >out 2>err </dev/null
  expect "--quiet: no bar" bash -c "! grep -q 'rows/s, ' out"
else
  skip "bar on a terminal" "no script, or no pseudo-terminals"
fi

echo "== ivf"
works "ivf build" ivf build rows.npy -k 8 -o a.ivf
says "ivf build: entries" '^entries +900, 1.500 per row'
works "ivf build --json" ivf build rows.bvecs --model centres.npy --assign hard --for-top 5 -o b.ivf --json
json "ivf build --json: members" 'r["rows"] == 600 and r["type"] == "u8" and r["lists"] == 3 and r["for_top"] == 5'
works "ivf build soft" ivf build rows.npy -k 3 --quantizer gmm --max-iter 5 --assign soft --calibrate rows.fbin -o c.ivf
works "ivf build faiss" ivf build rows.npy -k 8 --max-iter 5 --format faiss -o a.faiss
works "info of an index" info a.ivf --json
json "info of an index: members" 'r["kind"] == "index" and r["entries"] == 900 and r["calibrated_on"] == "rows"'
works "ivf search by nprobe" ivf search a.ivf rows.npy --nprobe 8 --top 3 -o ids.npy --distances d.npy
expect "a row is its own nearest" npy ids.npy 'h["descr"] == "<i8" and h["shape"] == (600, 3) and list(v[::3]) == list(range(600))'
expect "its distance is 0" npy d.npy 'h["descr"] == "<f4" and not any(v[::3])'
works "ivf search by recall" ivf search a.ivf rows.npy -o ids.npy
works "ivf search to .ivecs" ivf search a.faiss rows.npy --nprobe 8 -o ids.ivecs --json
json "ivf search --json: members" 'r["queries"] == 600 and r["dco"] == 900'
python3 -c '
import random
random.seed(1)
print("\n".join(",".join(str(random.gauss(0, 1000)) for _ in range(4)) for _ in range(20)))' >far.csv
flashgmm ivf search a.ivf far.csv -o far.npy
expect "ivf search, queries unlike the rows: one line" test "$(messages | grep -c 'flashgmm: .* of 20 queries are farther from the lists')" = "$(messages | wc -l)"
works "ivf search, queries unlike the rows, --json" ivf search a.ivf far.csv -o far.npy --quiet --json
json "ivf search, queries unlike the rows, --json" '15 <= r["away"] <= 20'
works "ivf eval" ivf eval a.ivf rows.npy ids.ivecs --nprobe 1,8 --recall .9 --json --csv e.csv --plot e.svg
json "ivf eval: members" 'r["points"][1]["recall"] == 1 and r["points"][1]["dco_unique"] == 600 and r["points"][2]["target_recall"] == 0.9'
works "ivf eval with a baseline" ivf eval a.ivf rows.npy ids.ivecs --plot f.svg --baseline e.csv
expect "plots are SVG" grep -q '<polyline' f.svg
works "ivf add" ivf add a.ivf rows.npy
says "ivf add: ids go on" 'next id 1200'
works "ivf remove" ivf remove a.ivf ids.ivecs --quiet
says "ivf remove: rows are gone" '^rows +6[0-9][0-9],'
works "ivf compact" ivf compact a.ivf --json
json "ivf compact: no dead entries" 'r["dead"] == 0 and r["rows"] == 600'
fails "ivf without K" 2 '-k is missing' ivf build rows.npy -o never.ivf
fails "ivf: unknown command" 2 'did you mean search' ivf serch a.ivf
fails "ivf build: soft from k-means" 2 'quantizer kmeans, but --assign soft needs responsibilities' \
    ivf build rows.npy -k 3 --quantizer kmeans --assign soft -o never.ivf
works "ivf build: soft alone trains a mixture" ivf build rows.npy -k 3 --max-iter 5 --assign soft --calibrate rows.fbin -o soft.ivf
expect "ivf build: soft alone is that of --quantizer gmm" cmp soft.ivf c.ivf
fails "ivf build: replication out of range" 2 'replication = 3' ivf build rows.npy -k 3 --replication 3 -o never.ivf
fails "ivf: no command" 2 'ivf: no command' ivf
fails "ivf eval: nprobe > K" 1 'nprobe = 1,9; need whole numbers from 1, up to the index.s 8 lists' \
    ivf eval a.ivf rows.npy ids.ivecs --nprobe 1,9
fails "predict: the centroids are no output" 1 'it is the input' predict centres.npy rows.npy -o centres.npy
cp a.ivf unnamed
fails "ivf eval: the index is no output" 1 'it is the input' ivf eval unnamed rows.npy ids.ivecs --nprobe 1 --csv unnamed
fails "ivf search: one name for two outputs" 2 "need another name than --output's" \
    ivf search a.ivf rows.npy --nprobe 1 -o never.npy --distances never.npy
fails "ivf eval: the table's name asks for a picture" 2 'csv = never.svg; need a file name that ends with .csv' \
    ivf eval a.ivf rows.npy ids.ivecs --csv never.svg
fails "ivf eval: no baseline" 1 'no table of' ivf eval a.ivf rows.npy ids.ivecs --plot never.svg --baseline rows.npy
works "ivf search within a limit" ivf search a.ivf rows.npy --nprobe 8 --top 3 -o within.npy --memory-limit 1M
works "ivf search without" ivf search a.ivf rows.npy --nprobe 8 --top 3 -o without.npy
expect "a memory limit changes no result" cmp within.npy without.npy
fails "ivf search: k = 0" 2 '--top = 0' ivf search a.ivf rows.npy --top 0 -o never.npy
fails "ivf search: nprobe > K" 1 'nprobe = 9; need 1..8' ivf search a.ivf rows.npy --nprobe 9 -o never.npy
fails "ivf search: other D" 1 'D = 3, but a.ivf has D = 4' ivf search a.ivf narrow.npy --nprobe 1 -o never.npy
fails "ivf search: another top than the dial's" 1 'dial is made for 10' ivf search a.ivf rows.npy --top 5 -o never.npy
fails "ivf search: no dial" 1 'no dial' ivf search a.faiss rows.npy -o never.npy
fails "ivf search: no index" 1 'no index file' ivf search rows.npy rows.npy --nprobe 1 -o never.npy
head -c 4000 a.ivf >cut.ivf
fails "ivf search: a cut index" 1 'cut.ivf: the file has 4000 bytes' ivf search cut.ivf rows.npy --nprobe 1 -o never.npy
fails "ivf eval: too few true neighbours" 1 'need 600, one per query' ivf eval a.ivf rows.npy ids.ivecs --top 11 --nprobe 1

echo "== after all"
expect "failed commands have written nothing" bash -c '! ls | grep -q never'
expect "no temporary file is left" bash -c '! find . -name "*.fgmm-tmp-*" | grep -q .'
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]

#!/usr/bin/env bash
# gpu.sh - everything that a machine with a GPU is met for, in under eight minutes and without a network: builds, measures
# iterations against the device's own limits, checks how far results lie from double precision and that two runs give the
# same bytes, times streamed rows, other shapes and a whole fit with cold and warm caches, compares with torch, runs the
# kernel and system tests on the device, and ends with a table of what is wanted and what was found (gpu_goals.py). What
# matters most comes first, and is written at once: a run that is cut short has figures. Runs on PoCL too, with fewer
# rows; but where there is a GPU, a CPU is measured only with --cpu.
#
#   bench/gpu.sh --fetch DIR      where there is apt: downloads what may be missing there and unpacks it into DIR
#   bench/gpu.sh --build-only --build DIR    makes what measures, for --prebuilt DIR on a machine like this one
#   bench/gpu.sh [--deps DIR] [--build DIR] [--prebuilt DIR] [--results DIR] [--device NAME] [--budget SECONDS] [--cpu]
#
# Needed: a C compiler, CMake, python3, an OpenCL driver. pkg-config, cJSON, Check, the OpenCL headers and loader, and
# CLBlast are taken from DIR where the machine lacks them. Without Check there are no tests; without CLBlast, no unfused
# EM; without a torch that finds the GPU, no comparison with it. Leaves results/DEVICE-DATE.csv, .md, and .log with
# everything that was printed.
set -euo pipefail
export LC_NUMERIC=C # of EPOCHREALTIME
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PACKAGES=(libcjson-dev libcjson1 check libsubunit-dev libsubunit0 pkgconf pkgconf-bin libpkgconf3 ocl-icd-opencl-dev
  ocl-icd-libopencl1 opencl-c-headers libclblast-dev libclblast1)
NVIDIA_DRIVER=/usr/lib/libnvidia-opencl.so.1
deps='' prebuilt='' is_build_only='' is_cpu_meant='' build=build/gpu results=bench/results device=''
budget=460 # seconds for everything

say() { printf '\n== %s (%d s)\n' "$*" "$SECONDS"; }
die() { printf 'gpu.sh: %s\n' "$*" >&2; exit 1; }
left() { echo $((SECONDS < budget ? budget - SECONDS : 1)); }

# fetch DIR - the packages, unpacked; their .pc files then say where they lie by themselves.
fetch() {
  local folder package
  mkdir -p "$1"
  folder=$(realpath "$1")
  (cd "$folder" && apt-get -q download "${PACKAGES[@]}")
  for package in "$folder"/*.deb; do dpkg-deb -x "$package" "$folder"; rm "$package"; done
  # shellcheck disable=SC2016 # a variable of pkg-config
  find "$folder" -name '*.pc' -exec sed -i -E 's#^(prefix|libdir|includedir)=/usr(/|$)#\1=${pcfiledir}/../../..\2#' {} +
  du -sh "$folder"
}

# append VARIABLE FOLDERS - an empty entry would mean the current folder.
append() { export "$1=${!1:+${!1}:}$2"; }

# use_deps DIR - lets compiler, CMake, loader and pkg-config look there too.
use_deps() {
  local root libraries
  root=$(realpath "$1")/usr
  libraries=$root/lib/$(uname -m)-linux-gnu
  [ -d "$libraries" ] || die "$1: no folder that bench/gpu.sh --fetch has made"
  export PATH=$PATH:$root/bin
  append PKG_CONFIG_PATH "$libraries/pkgconfig:$root/share/pkgconfig"
  append LD_LIBRARY_PATH "$libraries"
  append LIBRARY_PATH "$libraries"
  append CPATH "$root/include"
  append CMAKE_PREFIX_PATH "$root"
}

# Containers with an NVIDIA GPU often have its driver but no entry that tells the loader so.
find_driver() {
  local driver
  [ -z "${OCL_ICD_VENDORS:-}${OCL_ICD_FILENAMES:-}" ] || return 0
  for driver in "$NVIDIA_DRIVER" "/usr/lib/$(uname -m)-linux-gnu/libnvidia-opencl.so.1"; do
    if ! ls /etc/OpenCL/vendors/*.icd >/dev/null 2>&1 && [ -e "$driver" ]; then export OCL_ICD_VENDORS=$driver; fi
  done
}

# What measuring takes comes first; tests are built when all is measured. A build that takes more than a third of the
# time is given up for programs that were brought along.
configure_and_build() {
  local tests=ON targets=(flashgmm_cli flashgmm_check flashgmm_contenders) status=0
  pkg-config --exists check || { tests=OFF; echo "no Check: no tests"; }
  cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DFLASHGMM_BUILD_TESTS=$tests -DFLASHGMM_BUILD_BENCH=ON \
    -DFLASHGMM_BUILD_EXAMPLES=OFF | grep -E 'flashgmm:|Error'
  timeout $((budget / 3)) cmake --build "$build" -j "$(nproc)" --target "${targets[@]}" >"$build/build.log" 2>&1 || status=$?
  [ $status != 0 ] || return 0
  if [ $status = 124 ]; then
    echo "THE BUILD takes more than $((budget / 3)) s on $(nproc) processors"
  else
    grep -E 'error|Error' "$build/build.log" | cut -c 1-200 | head -20
  fi
  [ -n "$prebuilt" ] || die "no build; --prebuilt DIR takes programs that 'gpu.sh --build-only --build DIR' has made elsewhere"
  "$prebuilt/flashgmm" devices >/dev/null || die "$prebuilt/flashgmm does not run here"
  echo "measuring what was brought along: $prebuilt"
  build=$prebuilt
}

# A GPU of a maker who has an OpenCL driver; prints what tells of it.
find_gpu() {
  local vendor
  [ ! -e /proc/driver/nvidia/version ] || { echo "NVIDIA's kernel driver"; return 0; }
  [ ! -e /dev/kfd ] || { echo "AMD's /dev/kfd"; return 0; }
  for vendor in /sys/class/drm/renderD*/device/vendor; do
    [ -e "$vendor" ] && grep -qiE '0x(10de|1002|8086)' "$vendor" && { echo "$vendor"; return 0; }
  done
  return 1
}

# Whatever else went wrong, it is said whether there are figures. Runs at the end, and when the script is ended.
finish() {
  local status=$? file count=0
  trap - EXIT
  for file in "$results"/*.csv; do
    if [ ! "$file" -nt "$begun" ]; then continue; fi
    count=$((count + 1))
    python3 bench/gpu_goals.py "$file" "$facts" | tee -a "${file%.csv}.md"
    cp "$log" "${file%.csv}.log"
  done
  if [ $count = 0 ]; then
    printf '\n%s\n' "************ NOTHING WAS MEASURED ************" "see $log"
    [ $status != 0 ] || status=1
  fi
  exit $status
}

# Tests open the default device. What is still running when the time is spent is given up, and said.
run_tests() {
  local log=$build/tests.log status=0 time
  [ "$(left)" -ge 30 ] || { echo "skipped: the time is spent"; return 0; }
  [ -e "$build/tests/CTestTestfile.cmake" ] || return 0
  timeout "$(left)" cmake --build "$build" -j "$(nproc)" >>"$build/build.log" 2>&1 || { echo "TESTS: not built"; return 0; }
  time=$(left)
  timeout "$time" ctest --test-dir "$build" -L 'kernel|system' -j "$(nproc)" --timeout 120 --output-on-failure \
    >"$log" 2>&1 || status=$?
  grep -E '\*\*\*|tests passed|:[EF]:' "$log" || true
  if [ $status = 124 ]; then echo "stopped after $time s: $(grep -c ' Passed ' "$log") had passed"; fi
  if [ $status != 0 ]; then echo "TESTS: not all passed; $log"; fi
}

# accuracy NAME ROWS... - every row of the file against double precision.
accuracy() {
  local name=$1 rows=$2
  [ -e "$rows" ] || return 0
  printf '%s: ' "${rows##*/}"
  "$build/bench/accuracy" "rows=$rows" "model=${rows%.npy}.safetensors" ${device:+"device=$device"} >"$build/accuracy" ||
    { echo "ACCURACY: failed"; return 0; }
  cat "$build/accuracy"
  echo "accuracy-$name $(<"$build/accuracy")" >>"$facts"
}

# Two fits of the same rows from the same seed leave the same bytes.
same_bytes() {
  local rows=$1 k=$2 i
  for i in 1 2; do
    "$build/flashgmm" fit "$rows" -k "$k" --kmeans-iter 1 --max-iter 3 --seed 7 --quiet "${named[@]}" \
      -o "$build/run-$i.safetensors" >/dev/null
  done
  if cmp "$build/run-1.safetensors" "$build/run-2.safetensors"; then
    echo "two runs: same bytes"
    echo "same-bytes differences=0" >>"$facts"
  else
    echo "TWO RUNS DIFFER"
    echo "same-bytes differences=1" >>"$facts"
  fi
}

# whole_fit NAME FILE K - 10 iterations of k-means and 30 of EM, from the shell's point of view.
whole_fit() {
  local name=$1 start=$EPOCHREALTIME
  if [ ! -e "$2" ]; then echo "skipped: no $2"; return 0; fi
  timeout "$(left)" env XDG_CACHE_HOME="$build/cache-fit" "$build/flashgmm" fit "$2" -k "$3" --kmeans-iter 10 \
    --max-iter 30 --tol 0 --quiet --json "${named[@]}" -o "$build/whole.safetensors" >"$build/$name.json" ||
    { echo "WHOLE FIT: failed or out of time"; return 0; }
  echo "$name seconds=$(awk "BEGIN { print $EPOCHREALTIME - $start }")" | tee -a "$facts"
}

# measure CASES... - as long as there is time; what this run has found before is kept.
appended=()
measure() {
  [ "$(left)" -ge 20 ] || { echo "skipped: the time is spent"; return 0; }
  "${bench[@]}" "${appended[@]}" --limit "$limit" --events --budget "$(($(left) - 20))" "$@" || echo "BENCH: failed"
  appended=(--append)
}

while [ $# -gt 0 ]; do
  case $1 in
    --fetch) fetch "${2:?--fetch DIR}"; exit ;;
    --build-only) is_build_only=1; shift ;;
    --cpu) is_cpu_meant=1; shift ;;
    --deps | --build | --prebuilt | --results | --device | --budget) declare "${1#--}=${2:?$1 needs a value}"; shift 2 ;;
    *) die "unknown word '$1'; --fetch, --deps, --build, --build-only, --prebuilt, --results, --device, --budget, --cpu" ;;
  esac
done
[ -z "$deps" ] || use_deps "$deps"
mkdir -p "$build" "$results"
if [ -n "$is_build_only" ]; then budget=100000; configure_and_build; exit; fi
facts=$build/facts begun=$build/begun log=$build/gpu.log
rm -rf "$facts" "$build/cache-fit"
touch "$facts" "$begun"
exec > >(tee "$log") 2>&1
trap finish EXIT
named=(${device:+--device "$device"})
find_driver

say "Building what measures"
configure_and_build
"$build/flashgmm" devices
kind=$(python3 bench/bench.py --kind --build "$build" "${named[@]}")
if [ "$kind" != GPU ] && [ -z "$is_cpu_meant" ] && gpu=$(find_gpu); then
  die "there is a GPU ($gpu), but OpenCL would take a $kind: install its OpenCL driver, or say --cpu if that is meant"
fi
size=(--quick --rounds 3) data=../shared/data/siftsmall/siftsmall_base.fvecs k=16
if [ "$kind" = GPU ]; then
  size=(--rounds 5) data=../shared/data/sift-photos-1m/base.bvecs k=1024
else
  echo "**** NO GPU: these are figures of a $kind, of fewer rows ****"
fi
limit=device
if python3 -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then limit=torch; fi
work=$build/work
bench=(python3 bench/bench.py --cases-file bench/gpu-cases.txt --build "$build" --work "$work" --results "$results"
  "${named[@]}" "${size[@]}")

say "Iterations: limits are multiply-adds in our own kernel, copies and uploads${limit#device}"
measure u8 f32

say "Accuracy and repeatability"
for type in u8 f32; do
  # shellcheck disable=SC2012 # names of our own; the largest
  accuracy "$type" "$(ls -S "$work"/data/sparse-"$type"-d128-n*-k1024-spherical.npy 2>/dev/null | head -n 1)"
done
rows=$(find "$work/data" -name 'sparse-u8-*.npy' 2>/dev/null | head -n 1)
[ -z "$rows" ] || same_bytes "$rows" 256

say "Other shapes, and rows that are streamed"
measure streamed diag k8192 dense kmeans

# Real data lie beside the checkout, and may not have come along.
[ -e "$data" ] || data=$rows
say "A whole fit of ${data##*/}, K = $k, 10 iterations of k-means and 30 of EM, kernels compiled and cached"
whole_fit fit-cold "$data" "$k"
whole_fit fit-warm "$data" "$k"

say "Others"
measure torch sift tuned unfused

say "Kernel and system tests on the device"
run_tests

say "Done"

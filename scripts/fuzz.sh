#!/usr/bin/env bash
# Runs one fuzz target from small files of its kind, on the stable toolchain: fuzz.sh NAME SECONDS
# Needs cargo-fuzz (cargo install cargo-fuzz). What is found lies in fuzz/artifacts/NAME: mend it and make it a test.
set -euo pipefail
cd "$(dirname "$0")/.."
name=$1 seconds=${2:-60}
fixtures=tests/fixtures
seeds=target/fuzz-seeds/$name
mkdir -p "$seeds" "fuzz/corpus/$name"
case $name in
    nifti) cp $fixtures/nifti/*.nii $fixtures/nifti/*.nii.gz $fixtures/small/*.nii "$seeds" ;;
    dicom) find $fixtures/chaos $fixtures/small -name '*.dcm' -exec cp {} "$seeds" \; ;;
    picture) find $fixtures/ppss $fixtures/chaos $fixtures/small \( -name '*.png' -o -name '*.jpg' \) -exec cp {} "$seeds" \; ;;
    info_cfg) for patient in 001 005; do cp $fixtures/acdc/patient$patient/Info.cfg "$seeds/$patient"; done ;;
    experiment_yaml) cp pipelines/*.yaml experiments/*/*.yaml "$seeds" ;;
    *) echo "no such target: $name; there are nifti, dicom, picture, info_cfg, experiment_yaml" >&2; exit 2 ;;
esac
# With the project's own versions; what libfuzzer needs is added.
cp Cargo.lock fuzz/Cargo.lock
RUSTC_BOOTSTRAP=1 cargo fuzz run "$name" "fuzz/corpus/$name" "$seeds" -- \
    -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10

#!/usr/bin/env bash
# Sets up the CPU build of libtorch that burn's `tch` feature wants, from packages that pip fetches.
# Needs python3 with pip and a C compiler, no root, on x86-64 Linux; downloads 900 MB once, keeps 490 MB.
#
#   scripts/libtorch.sh [FOLDER]        FOLDER: target/libtorch
#
# The wheel on the index is built for CUDA. What a processor needs of it is two libraries and the headers.
set -euo pipefail
cd "$(dirname "$0")/.."

version=2.9.0      # what tch 0.22 wants
cuda=12.8.90       # what that wheel was built with
folder=${1:-target/libtorch}
python=${PYTHON:-python3}

fail() { echo "libtorch: $1" >&2; exit 1; }

how_to_build() {
  local absolute
  absolute=$(cd "$folder" && pwd)
  echo "libtorch $version is in $absolute. To build and run with it:"
  echo "  export LIBTORCH=$absolute"
  echo "  cargo build --release --features tch"
  echo "  target/release/runner run pipelines/ablation.yaml --set device=libtorch"
}

if [ "$(cat "$folder/build-version" 2>/dev/null || true)" = "$version" ]; then
  how_to_build
  exit 0
fi
[ "$(uname -sm)" = "Linux x86_64" ] ||
  fail "this script knows x86-64 Linux only; elsewhere set LIBTORCH_USE_PYTORCH=1 with torch $version installed"
"$python" -m pip --version >/dev/null 2>&1 || fail "$python has no pip; set PYTHON to one that has"
command -v cc >/dev/null || fail "there is no C compiler (cc)"

mkdir -p "$(dirname "$folder")"
# Built beside its place and moved there when whole, so that a broken download leaves nothing half-done.
partial=$(mktemp -d "$folder.partial.XXXXXX")
trap 'rm -rf "$partial"' EXIT

# One Python version for all, as the libraries do not depend on it.
"$python" -m pip download --quiet --no-deps --only-binary=:all: --dest "$partial/wheels" \
  --python-version 3.11 --implementation cp --abi cp311 --abi none --platform manylinux_2_28_x86_64 \
  --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 --platform manylinux1_x86_64 \
  "torch==$version" "nvidia-cuda-runtime-cu12==$cuda" "nvidia-cuda-cupti-cu12==$cuda"

"$python" - "$partial" <<'PYTHON'
import pathlib, sys, zipfile
root = pathlib.Path(sys.argv[1])
libraries = {"libtorch_cpu.so", "libc10.so", "libgomp.so.1", "libcudart.so.12", "libcupti.so.12"}
for wheel in sorted((root / "wheels").iterdir()):
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.namelist():
            path = pathlib.PurePosixPath(member)
            if path.name in libraries and path.parent.name == "lib":
                target = root / "libtorch" / "lib" / path.name
            elif member.startswith("torch/include/") and not member.endswith("/"):
                target = root / "libtorch" / path.relative_to("torch")
            else:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as source, open(target, "wb") as copy:
                while block := source.read(1 << 22):
                    copy.write(block)
missing = libraries - {path.name for path in (root / "libtorch" / "lib").iterdir()}
if missing:
    sys.exit(f"libtorch: the wheels lack {', '.join(sorted(missing))}")
PYTHON

# The wheel's own libtorch.so asks for libtorch_cuda.so. This one is empty and asks for the processor's part.
echo | cc -shared -fPIC -x c - -o "$partial/libtorch/lib/libtorch.so" -L"$partial/libtorch/lib" \
  -Wl,--no-as-needed -l:libtorch_cpu.so -l:libc10.so -Wl,--allow-shlib-undefined \
  -Wl,-soname,libtorch.so -Wl,-rpath,'$ORIGIN' -Wl,-rpath-link,"$partial/libtorch/lib"
ln -sf libgomp.so.1 "$partial/libtorch/lib/libgomp.so"
echo "$version" >"$partial/libtorch/build-version"
rm -rf "$folder"
mv "$partial/libtorch" "$folder"
how_to_build

# What contributors type often. `just` lists these.

default:
    @just --list

# The main job on built-in phantoms
demo:
    cargo run --release -- run pipelines/ablation.yaml

# The same study on ACDC: just acdc FOLDER
acdc root *arguments:
    cargo run --release -- run pipelines/ablation.yaml --profile mini --set dataset=acdc --set data_root={{root}} {{arguments}}

test:
    cargo test

# Property tests on thousands of new random cases: just search [CASES]
search cases="4000":
    PROPTEST_CASES={{cases}} cargo test --test it -- --skip training --skip engine --skip cli

# A reader given bytes that are made to hurt (CONTRIBUTING.md, Fuzzing): just fuzz dicom 600
fuzz name seconds="60":
    scripts/fuzz.sh {{name}} {{seconds}}

# Everything that must hold before a commit lands
check:
    .ci/run

bench:
    cargo bench

# The CPU build of libtorch for `--features tch`, by pip: just libtorch [FOLDER]
libtorch *folder:
    scripts/libtorch.sh {{folder}}

# Agreement of libtorch with flex, after `just libtorch`
test-libtorch:
    LIBTORCH="${LIBTORCH:-$PWD/target/libtorch}" cargo test --features tch --test it libtorch

# Whether the backends for graphics cards compile; they are not run
check-backends:
    for backend in cuda vulkan metal; do cargo check --features $backend || exit 1; done

# The whole training step in turns with the same game in PyTorch; its venv takes some 7 GB: just bench-pytorch --sweep
bench-pytorch *arguments:
    python3 -m venv target/bench-pytorch
    target/bench-pytorch/bin/pip install --quiet --requirement benches/pytorch/requirements.txt
    cargo build --release
    target/bench-pytorch/bin/python benches/pytorch/check.py
    target/bench-pytorch/bin/python benches/pytorch/compare.py {{arguments}}

# A run with nothing to do, a cold one, and others, beside ninja, Snakemake and DVC where they are installed (pip install
# ninja snakemake dvc), and digests beside OpenSSL: just bench-peers --stages 100 1000
bench-peers *arguments:
    cargo build --release
    python3 benches/peers/compare.py {{arguments}}
    benches/peers/digests.sh

# Metrics, skeletons and preprocessing beside NumPy, SciPy, scikit-image, medpy and nibabel, on ACDC: just bench-python FOLDER
bench-python root *arguments:
    python3 -m venv target/bench-python
    target/bench-python/bin/pip install --quiet --requirement benches/python/requirements.txt
    target/bench-python/bin/python benches/python/compare.py {{root}} {{arguments}}

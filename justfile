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

# Everything that must hold before a commit lands
check:
    .ci/run

bench:
    cargo bench

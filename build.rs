//! With the feature `tch`: compiles the piece that calls libtorch directly, and writes libtorch's folder into the
//! binaries, so that they find it without LD_LIBRARY_PATH.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "tch")]
    libtorch();
}

#[cfg(feature = "tch")]
fn libtorch() {
    use std::path::{Path, PathBuf};

    const SOURCE: &str = "src/science/model/kernel/libtorch.cpp";
    println!("cargo::rerun-if-changed={SOURCE}");
    println!("cargo::rerun-if-env-changed=LIBTORCH_INCLUDE");
    // Said by torch-sys, which found or fetched libtorch.
    let Some(libraries) = std::env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from) else {
        println!("cargo::error=torch-sys does not say where libtorch is: it does on Linux and macOS only");
        return;
    };
    let beside = || libraries.parent().unwrap_or(Path::new(".")).to_owned();
    let headers = std::env::var_os("LIBTORCH_INCLUDE").map_or_else(beside, PathBuf::from).join("include");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .warnings(false)
        .include(&headers)
        .include(headers.join("torch/csrc/api/include"))
        .file(SOURCE)
        .compile("runner_libtorch");
    println!("cargo::rustc-link-arg=-Wl,-rpath,{}", libraries.display());
}

//! Has the crate compiled again when the web client was built anew: its files lie inside the binary.

fn main() {
    // rust-embed wants the folder to be there; a build without Node has no page, and the server says so.
    if let Err(error) = std::fs::create_dir_all("web/dist") {
        println!("cargo::error=web/dist can't be made: {error}");
    }
    println!("cargo::rerun-if-changed=web/dist");
}

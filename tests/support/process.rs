//! The process of one server, which has a log of its own and ends when its handle is dropped.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::time::HANG;

/// The command line of a server and where its output goes.
#[derive(Clone, Debug)]
pub struct Setup {
    pub binary: PathBuf,
    pub directory: PathBuf,
    pub api_key: String,
    pub api_port: u16,
    pub peering_port: u16,
    pub more: Vec<String>,
}

impl Setup {
    pub fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    pub fn log_file(&self) -> PathBuf {
        self.directory.join("server.log")
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn arguments(&self) -> Vec<String> {
        let mut arguments = vec![
            format!("--data-dir={}", self.data().display()),
            format!("--api-key={}", self.api_key),
            "--api-address=127.0.0.1".to_owned(),
            format!("--api-port={}", self.api_port),
            "--peering-address=127.0.0.1".to_owned(),
            format!("--peering-port={}", self.peering_port),
        ];
        arguments.extend(self.more.iter().cloned());
        arguments
    }
}

/// A running server. Dropping this kills the process, even if it is stopped, and waits for its end.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    pub fn spawn(setup: &Setup) -> io::Result<Process> {
        fs::create_dir_all(setup.data())?;
        let log = File::options().create(true).append(true).open(setup.log_file())?;
        let mut child = outlived_by_nobody(&setup.binary);
        // The server also reads its settings from the environment, and would take a client's variables for its own.
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("TYPESENSE_") {
                child.env_remove(variable);
            }
        }
        child.args(setup.arguments()).stdout(log.try_clone()?).stderr(log);
        spawn(child).map(Process)
    }

    /// Waits until `is_healthy`. `Ok(false)`: the server ended by itself, probably because another process has taken
    /// its port.
    pub fn becomes_healthy(&mut self, is_healthy: impl Fn() -> bool) -> io::Result<bool> {
        let started = Instant::now();
        while started.elapsed() < HANG {
            if self.0.try_wait()?.is_some() {
                return Ok(false);
            }
            if is_healthy() {
                return Ok(true);
            }
            thread::sleep(Duration::from_millis(50));
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    /// Sends a signal by name, such as `STOP`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.0.id().to_string()).status();
        assert!(status.is_ok_and(|status| status.success()), "the program `kill` could not send {name}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A command whose program the kernel ends if this test process is killed. The kernel ends the program when the
/// *thread* that started it ends. A program that must outlive its thread is started by [`spawn`].
pub fn outlived_by_nobody(binary: &Path) -> Command {
    static WORKS: OnceLock<bool> = OnceLock::new();
    let setpriv = |binary: &Path| {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(binary);
        command
    };
    let works = WORKS.get_or_init(|| setpriv(Path::new("true")).output().is_ok_and(|output| output.status.success()));
    if *works { setpriv(binary) } else { Command::new(binary) }
}

/// Starts the program from a thread that lives as long as the process, so that the program can outlive the caller's
/// thread.
fn spawn(command: Command) -> io::Result<Child> {
    type Order = (Command, mpsc::Sender<io::Result<Child>>);
    static STARTER: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let starter = STARTER.get_or_init(|| {
        let (starter, orders) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, reply) in orders {
                let _ = reply.send(command.spawn());
            }
        });
        starter
    });
    let (reply, child) = mpsc::channel();
    starter.send((command, reply)).expect("the thread that starts programs");
    child.recv().expect("the thread that starts programs")
}

/// Loopback ports that are free now, all different.
pub fn free_ports<const N: usize>() -> io::Result<[u16; N]> {
    let mut ports = [0; N];
    // Each listener stays until all ports are known, so that no port is chosen twice.
    let mut held = Vec::with_capacity(N);
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

/// A directory that is removed when the value is dropped. It is in cargo's target directory, so that a killed test
/// leaves nothing elsewhere.
pub fn fresh_directory() -> TempDir {
    let inside = env!("CARGO_TARGET_TMPDIR");
    fs::create_dir_all(inside).and_then(|()| tempfile::tempdir_in(inside)).expect("a temporary directory")
}

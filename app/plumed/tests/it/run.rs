use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Result of one command.
pub struct Done {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Done {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).trim_end().to_owned(),
            err: String::from_utf8_lossy(&output.stderr).trim_end().to_owned(),
        }
    }

    #[track_caller]
    pub fn success(self) -> String {
        assert_eq!(self.code, 0, "stdout: {}\nstderr: {}", self.out, self.err);
        self.out
    }

    #[track_caller]
    pub fn failure(self) -> String {
        assert_eq!(self.code, 1, "stdout: {}\nstderr: {}", self.out, self.err);
        self.err
    }

    #[track_caller]
    pub fn json(self) -> Value {
        let out = self.success();
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}"))
    }
}

/// Runs `plumed` on `home` with an environment that holds no setting of the developer's.
pub fn plumed(home: &Path, args: &[&str]) -> Done {
    plumed_with(home, args, "")
}

/// The same with text on standard input.
pub fn plumed_with(home: &Path, args: &[&str], input: &str) -> Done {
    plumed_in(home, args, input, &[])
}

/// The same with variables in the environment.
pub fn plumed_in(home: &Path, args: &[&str], input: &str, variables: &[(&str, &str)]) -> Done {
    // No command takes long: one that hangs is killed, and its exit code is 124.
    let mut child = Command::new("timeout")
        .args(["--kill-after=5", "60", env!("CARGO_BIN_EXE_plumed"), "--home"])
        .arg(home)
        .args(args)
        .env_remove("PLUMED_NODE")
        .env_remove("PLUMED_KEYRING_BACKEND")
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Done::of(&child.wait_with_output().unwrap())
}

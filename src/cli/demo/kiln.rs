//! kiln as the demo runs it: a child process in a folder of its own.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::Command;

use crate::cli::Exit;
use crate::cli::demo::files;

/// This program, run in a folder with the demo's templates.
pub struct Kiln {
    program: PathBuf,
    folder: std::rc::Rc<TempDir>,
    environment: BTreeMap<String, OsString>,
}

/// What `kiln local up` said.
pub struct Cloud {
    exports: BTreeMap<String, OsString>,
    /// The seeded load balancer, as a URL without a path.
    pub balancer: String,
}

impl Cloud {
    /// Reads the `export` lines. Errors when the load balancer is not among them.
    pub fn of(said: &str) -> Result<Self, String> {
        let exports: BTreeMap<_, _> = said
            .lines()
            .filter_map(|line| line.strip_prefix("export ")?.split_once('='))
            .map(|(name, value)| {
                (
                    name.to_owned(),
                    value.trim_matches('\'').trim_matches('"').into(),
                )
            })
            .collect();
        let balancer = exports
            .get("KILN_LOCAL_LOAD_BALANCER")
            .and_then(|url: &OsString| url.to_str());
        let balancer = balancer
            .ok_or("`kiln local up` named no load balancer")?
            .to_owned();
        Ok(Self { exports, balancer })
    }
}

impl Kiln {
    /// Writes the demo's files into a new folder. Errors when this program or the folder cannot be found or made.
    pub fn new() -> Result<Self, String> {
        let program = std::env::current_exe()
            .map_err(|error| format!("cannot find this program: {error}"))?;
        let folder = tempfile::Builder::new().prefix("kiln-demo-").tempdir();
        let folder = folder.map_err(|error| format!("cannot make a folder: {error}"))?;
        files::write(folder.path())
            .map_err(|error| format!("cannot write the demo's files: {error}"))?;
        Ok(Self {
            program,
            folder: folder.into(),
            environment: BTreeMap::new(),
        })
    }

    /// The same, talking to `cloud`.
    pub fn on(&self, cloud: &Cloud) -> Self {
        Self {
            program: self.program.clone(),
            folder: self.folder.clone(),
            environment: cloud.exports.clone(),
        }
    }

    /// Bakes the demo's template as `version`; the image's id comes back.
    pub async fn bake(&self, version: &str) -> Result<String, String> {
        self.bake_of(files::TEMPLATE, &[("version", version)]).await
    }

    /// Bakes `version` from the image of `good`, broken.
    pub async fn bake_broken(&self, version: &str, good: &str) -> Result<String, String> {
        let vars = [("version", version), ("good", good)];
        self.bake_of(files::BROKEN, &vars).await
    }

    async fn bake_of(&self, template: &str, vars: &[(&str, &str)]) -> Result<String, String> {
        let vars = vars.iter().map(|(name, value)| format!("{name}={value}"));
        let vars: Vec<String> = vars.collect();
        let mut args = vec!["bake", template];
        args.extend(files::LAYERS);
        args.extend(vars.iter().flat_map(|var| ["-var", var]));
        self.run(&args).await
    }

    /// Runs a command; what it prints on stdout comes back, progress goes to the user.
    ///
    /// Errors with the command and its exit code.
    pub async fn run(&self, args: &[&str]) -> Result<String, String> {
        self.run_to(args, Exit::Done).await
    }

    /// The same for a command that ends with `exit` when all goes as it should.
    pub async fn run_to(&self, args: &[&str], exit: Exit) -> Result<String, String> {
        // `Command::output` would capture the progress that the user is to see.
        let child = Command::new(&self.program)
            .args(args)
            .current_dir(self.folder.path())
            .envs(&self.environment)
            .stdin(Stdio::inherit())
            .stderr(Stdio::inherit())
            .stdout(Stdio::piped())
            .spawn();
        let failed = |error| format!("cannot run kiln {}: {error}", args.join(" "));
        let output = child.map_err(failed)?.wait_with_output().await;
        let output = output.map_err(failed)?;
        if output.status.code() != Some(exit as i32) {
            return Err(format!(
                "`kiln {}` ended with {}",
                args.join(" "),
                output.status
            ));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

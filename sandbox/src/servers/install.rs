//! Installing what is missing, once per machine, with apt-get and only where that needs nobody's password.
//!
//! A script does the work in a process group of its own: it is neither torn by a Ctrl-C nor by the end of the
//! keeper, and whatever happens it takes back what it changed besides the packages. Package scripts are kept from
//! starting a server on the usual port, now and when the machine starts again.

use std::{
    env,
    fmt::{self, Display},
    fs::{self, File},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use nix::unistd::geteuid;
use tokio::time::timeout;

/// Two waits for other installations, and a slow mirror.
const LIMIT: Duration = Duration::from_mins(20);
/// The file that decides whether package scripts may start services (Debian's `invoke-rc.d`).
const POLICY: &str = "/usr/sbin/policy-rc.d";
/// Locked while we install; a directory that exists wherever apt-get does, so that nothing new lies around.
const LOCKED: &str = "/var/lib/apt";

/// `$1` the policy, `$2` what is locked, then the packages.
const SCRIPT: &str = r#"
set -u
policy=$1 locked=$2
shift 2
export DEBIAN_FRONTEND=noninteractive

# Two runs must not meet here: one would take back the policy while the other one still needs it.
exec 9<"$locked"
flock -w 600 9 || { echo 'E: another installation does not end'; exit 1; }

new=
for package; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed' || new="$new $package"
done

# One of ours that outlived a power cut is as good as none.
if [ ! -e "$policy" ] || grep -q postly-sandbox "$policy"; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\n# Made by postly-sandbox during an installation: no package starts its service.\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi

get() { apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@" 9<&-; }
get "$@" || { apt-get update 9<&- && get "$@"; } || exit 1

# Nobody asked for a server on the usual port: not now (another policy may have let it), nor after a restart.
for package in $new; do
    service "$package" stop 9<&-
    update-rc.d "$package" disable 9<&-
done
exit 0
"#;

/// A server that can be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Package {
    /// Whatever version the distribution has.
    Postgres,
    /// The same.
    Redis,
}

impl Package {
    /// What makes the package unnecessary.
    pub fn variable(self) -> &'static str {
        match self {
            Self::Postgres => super::options::DATABASE_URL,
            Self::Redis => super::options::REDIS_URL,
        }
    }

    /// Its name in Debian and Ubuntu.
    fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgresql",
            Self::Redis => "redis-server",
        }
    }
}

impl Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgres => "Postgres",
            Self::Redis => "Redis",
        })
    }
}

/// Installs the packages, or says in one sentence what is missing, what was tried and what to do.
pub async fn install(packages: &[Package], log: &Path) -> Result<()> {
    let advice = Advice(packages);
    let Some(shell) = root_shell() else {
        let why = if has_apt() {
            "this user is neither root nor may use `sudo` without a password"
        } else {
            "there is no apt-get to install it with"
        };
        bail!("{} because {why}: {advice}", missing(packages));
    };
    #[expect(clippy::print_stderr, reason = "an installation takes long enough to say so")]
    {
        eprintln!("installing {} with apt-get (once)...", names(packages, " and "));
    }
    if let Err(complaint) = run(shell, POLICY, LOCKED, packages, log).await? {
        bail!("{} because apt-get failed ({complaint}): {advice}", missing(packages));
    }
    Ok(())
}

/// Runs the script; the inner error is the complaint of apt-get.
async fn run(
    mut shell: Command,
    policy: &str,
    locked: &str,
    packages: &[Package],
    log: &Path,
) -> Result<Result<(), String>> {
    let out = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    shell.args(["-c", SCRIPT, "install", policy, locked]).args(packages.iter().map(|package| package.name()));
    shell.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
    shell.process_group(0);
    // Not killed when this takes too long: dpkg is not to be torn.
    let mut script = tokio::process::Command::from(shell).spawn().context("cannot run a shell")?;
    let Ok(status) = timeout(LIMIT, script.wait()).await else {
        return Ok(Err(format!("it has not ended after {} minutes", LIMIT.as_secs() / 60)));
    };
    if status?.success() {
        return Ok(Ok(()));
    }
    let said = fs::read(log).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let last = said.lines().rfind(|line| line.starts_with("E: ")).or(said.lines().last());
    Ok(Err(last.unwrap_or("without a word").to_owned()))
}

/// A shell with the rights of root, when there is a way to one that asks nobody.
fn root_shell() -> Option<Command> {
    if !has_apt() {
        return None;
    }
    if geteuid().is_root() {
        return Some(Command::new("sh"));
    }
    let mut sudo = Command::new("sudo");
    let silent = sudo.args(["-n", "true"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    silent.status().is_ok_and(|status| status.success()).then(|| {
        let mut shell = Command::new("sudo");
        shell.args(["-n", "sh"]);
        shell
    })
}

fn has_apt() -> bool {
    env::split_paths(&env::var_os("PATH").unwrap_or_default()).any(|place| place.join("apt-get").is_file())
}

fn missing(packages: &[Package]) -> String {
    let servers: Vec<String> = packages.iter().map(ToString::to_string).collect();
    let are = if servers.len() == 1 { "is" } else { "are" };
    format!("{} {are} not on this machine and could not be installed", servers.join(" and "))
}

fn names(packages: &[Package], between: &str) -> String {
    packages.iter().map(|package| package.name()).collect::<Vec<_>>().join(between)
}

/// What a person can do.
struct Advice<'a>(&'a [Package]);

impl Display for Advice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variables: Vec<_> = self.0.iter().map(|package| package.variable()).collect();
        write!(
            f,
            "run `sudo apt-get install {}` (or put the programs on PATH), or set {} to a running server",
            names(self.0, " "),
            variables.join(" and ")
        )
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt as _, path::PathBuf};

    use super::*;

    /// A machine with an apt-get of our own; gone at the end.
    struct Machine(PathBuf);

    impl Machine {
        fn with_apt_get(name: &str, script: &str) -> Self {
            let machine = Self(env::temp_dir().join(format!("install-{name}-{}", std::process::id())));
            fs::create_dir_all(machine.0.join("bin")).unwrap();
            for (program, script) in
                [("apt-get", script), ("dpkg-query", "exit 1"), ("service", ""), ("update-rc.d", "")]
            {
                let path = machine.0.join("bin").join(program);
                let log = format!("echo {program} \"$@\" >>{}", machine.0.join("calls").display());
                fs::write(&path, format!("#!/bin/sh\n{log}\ncd {}\n{script}\n", machine.0.display()))
                    .unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            }
            machine
        }

        async fn install(&self, packages: &[Package]) -> Result<(), String> {
            let mut shell = Command::new("sh");
            let path = env::var_os("PATH").unwrap();
            let places = [self.0.join("bin")].into_iter().chain(env::split_paths(&path));
            shell.env("PATH", env::join_paths(places).unwrap());
            let (policy, locked) = (self.0.join("policy"), self.0.join("bin"));
            let (policy, locked) = (policy.to_str().unwrap(), locked.to_str().unwrap());
            run(shell, policy, locked, packages, &self.0.join("log")).await.unwrap()
        }

        fn calls(&self) -> Vec<String> {
            fs::read_to_string(self.0.join("calls")).unwrap().lines().map(str::to_owned).collect()
        }
    }

    impl Drop for Machine {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[tokio::test]
    async fn services_are_forbidden_during_an_installation_and_disabled_after_it() {
        let machine = Machine::with_apt_get("fresh", "./policy; test $? = 101 || exit 1");
        assert_eq!(machine.install(&[Package::Redis]).await, Ok(()));
        assert!(!machine.0.join("policy").exists(), "the policy is taken back");
        let calls = machine.calls();
        assert!(calls.contains(&"update-rc.d redis-server disable".to_owned()), "{calls:?}");
        assert_eq!(calls.iter().filter(|call| call.starts_with("apt-get")).count(), 1, "{calls:?}");
    }

    #[tokio::test]
    async fn a_policy_of_the_machine_is_left_alone() {
        let machine = Machine::with_apt_get("policy", "grep -q mine policy || exit 1");
        fs::write(machine.0.join("policy"), "mine").unwrap();
        assert_eq!(machine.install(&[Package::Postgres]).await, Ok(()));
        assert_eq!(fs::read_to_string(machine.0.join("policy")).unwrap(), "mine");
    }

    #[tokio::test]
    async fn package_lists_are_fetched_when_the_first_try_fails() {
        let machine =
            Machine::with_apt_get("lists", r#"case "$*" in *update*) touch lists;; *) test -e lists;; esac"#);
        assert_eq!(machine.install(&[Package::Redis, Package::Postgres]).await, Ok(()));
        assert!(machine.calls().contains(&"apt-get update".to_owned()));
    }

    #[tokio::test]
    async fn a_failure_is_told_in_the_words_of_apt_get_and_leaves_no_policy() {
        let machine = Machine::with_apt_get("failure", "echo 'E: no such package'; echo more; exit 100");
        assert_eq!(machine.install(&[Package::Redis]).await, Err("E: no such package".to_owned()));
        assert!(!machine.0.join("policy").exists());
    }

    #[test]
    fn the_advice_names_the_command_and_the_variables() {
        assert_eq!(
            Advice(&[Package::Postgres, Package::Redis]).to_string(),
            "run `sudo apt-get install postgresql redis-server` (or put the programs on PATH), \
             or set DATABASE_URL and REDIS_URL to a running server"
        );
    }
}

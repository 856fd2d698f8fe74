//! How a container or a script asks a service of ours how it is, where no other program is at hand: an image that holds one
//! binary has neither a shell nor curl. `postly-worker health` asks the process that runs beside it, on `ADMIN_ADDR`.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use crate::env::Env;

/// The service gives itself a second to look at what it needs.
const PATIENCE: Duration = Duration::from_secs(3);

/// More than either answer has.
const LONGEST: u64 = 4 * 1024;

/// What can be asked, by the first argument of the program.
#[must_use]
pub fn path(argument: &str) -> Option<&'static str> {
    match argument {
        "health" => Some("/healthz"),
        "ready" => Some("/readyz"),
        _ => None,
    }
}

/// Asks, if the first argument of this process says so, prints the answer, and knows how to exit. `usual` is where the
/// service answers unless `ADMIN_ADDR` says otherwise.
#[must_use]
pub fn asked(usual: SocketAddr) -> Option<ExitCode> {
    let path = path(&std::env::args().nth(1)?)?;
    let mut env = Env::of_process();
    let admin = env.parsed("ADMIN_ADDR", usual);
    let admin = match env.finish(admin) {
        Ok(admin) => admin,
        Err(error) => {
            eprintln!("{error}");
            return Some(ExitCode::FAILURE);
        }
    };
    Some(match ask(admin, path) {
        Ok((true, body)) => {
            // Nobody may be reading.
            let _ = io::stdout().write_all(body.trim_end().as_bytes());
            ExitCode::SUCCESS
        }
        Ok((false, body)) => {
            eprintln!("{path} says no: {}", body.trim_end());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{path} at {admin} does not answer: {error}");
            ExitCode::FAILURE
        }
    })
}

/// Whether the answer was 200, and what it said.
fn ask(admin: SocketAddr, path: &str) -> io::Result<(bool, String)> {
    let admin = SocketAddr::new(reachable(admin.ip()), admin.port());
    let mut stream = TcpStream::connect_timeout(&admin, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // Written at once: `write!` on a socket sends a packet for every piece.
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
    Ok((head.split(' ').nth(1) == Some("200"), body.to_owned()))
}

/// Who listens on every address is asked on this machine's own.
fn reachable(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(any) if any.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(any) if any.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        one => one,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::net::TcpListener;

    use super::*;

    /// A service that gives this answer once, and returns what it was asked.
    fn service(answer: &'static str) -> (SocketAddr, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // To its end: a socket that is closed with something unread resets the asker's connection.
            let mut asked = String::new();
            let mut lines = BufReader::new(&mut stream);
            while !asked.ends_with("\r\n\r\n") {
                assert_ne!(lines.read_line(&mut asked).unwrap(), 0, "the asker went away: {asked}");
            }
            stream.write_all(answer.as_bytes()).unwrap();
            asked
        });
        (address, thread)
    }

    #[test]
    fn what_listens_everywhere_is_asked_here() {
        let (address, thread) = service("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok\n");
        let everywhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port());
        assert_eq!(ask(everywhere, path("health").unwrap()).unwrap(), (true, "ok\n".to_owned()));
        assert!(thread.join().unwrap().starts_with("GET /healthz HTTP/1.1\r\n"));
    }

    #[test]
    fn only_a_200_is_a_yes() {
        let (address, thread) = service("HTTP/1.1 503 Service Unavailable\r\n\r\n{\"ready\":false}");
        assert_eq!(ask(address, path("ready").unwrap()).unwrap(), (false, "{\"ready\":false}".to_owned()),);
        assert!(thread.join().unwrap().starts_with("GET /readyz "));
        let (address, thread) = service("what?");
        ask(address, "/healthz").unwrap_err();
        thread.join().unwrap();
    }

    #[test]
    fn nobody_there_is_an_error() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        ask(free, "/healthz").unwrap_err();
        assert!(path("serve").is_none());
    }
}

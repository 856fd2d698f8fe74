//! All that is in Redis, read back: for whoever looks whether something is left there.

use redis::FromRedisValue;

use super::{Queue, QueueError};

/// Elements of a list, a stream or a hash that are read at once.
const PAGE: usize = 500;

impl Queue {
    /// Shows every key, and every value under it piece by piece, of whatever lives in this database. Returns how many keys
    /// there are. What comes or goes meanwhile may be missed.
    pub async fn reads_all(&self, mut show: impl FnMut(&str, &[u8])) -> Result<usize, QueueError> {
        let (mut cursor, mut keys) = (0_u64, 0);
        loop {
            let mut command = redis::cmd("SCAN");
            command.arg(cursor).arg("COUNT").arg(PAGE);
            let (next, page): (u64, Vec<Vec<u8>>) = self.ask(&command).await?;
            for key in &page {
                let name = String::from_utf8_lossy(key).into_owned();
                show(&name, key);
                self.reads(key, |value| show(&name, value)).await?;
                keys += 1;
            }
            cursor = next;
            if cursor == 0 {
                return Ok(keys);
            }
        }
    }

    async fn reads(&self, key: &[u8], mut show: impl FnMut(&[u8])) -> Result<(), QueueError> {
        let kind: String = self.ask(redis::cmd("TYPE").arg(key)).await?;
        match kind.as_str() {
            "string" => {
                let value: Option<Vec<u8>> = self.ask(redis::cmd("GET").arg(key)).await?;
                value.as_deref().map(&mut show);
            }
            "list" | "zset" => {
                let verb = if kind == "list" { "LRANGE" } else { "ZRANGE" };
                for from in (0..).step_by(PAGE) {
                    let mut command = redis::cmd(verb);
                    command.arg(key).arg(from).arg(from + PAGE - 1);
                    let page: Vec<Vec<u8>> = self.ask(&command).await?;
                    each(&page, &mut show);
                    if page.len() < PAGE {
                        break;
                    }
                }
            }
            "hash" | "set" => {
                let verb = if kind == "hash" { "HSCAN" } else { "SSCAN" };
                let mut cursor = 0_u64;
                loop {
                    let mut command = redis::cmd(verb);
                    command.arg(key).arg(cursor).arg("COUNT").arg(PAGE);
                    let (next, page): (u64, Vec<Vec<u8>>) = self.ask(&command).await?;
                    each(&page, &mut show);
                    cursor = next;
                    if cursor == 0 {
                        break;
                    }
                }
            }
            "stream" => {
                let mut from = "-".to_owned();
                loop {
                    let mut command = redis::cmd("XRANGE");
                    command.arg(key).arg(&from).arg("+").arg("COUNT").arg(PAGE);
                    let page: Vec<(String, Vec<Vec<u8>>)> = self.ask(&command).await?;
                    for (_, fields) in &page {
                        each(fields, &mut show);
                    }
                    match page.last() {
                        Some((last, _)) if page.len() == PAGE => from = format!("({last}"),
                        _ => break,
                    }
                }
            }
            // Gone meanwhile.
            _ => {}
        }
        Ok(())
    }

    async fn ask<T: FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, QueueError> {
        Ok(command.query_async(&mut self.connection.clone()).await?)
    }
}

fn each(values: &[Vec<u8>], show: &mut impl FnMut(&[u8])) {
    for value in values {
        show(value);
    }
}

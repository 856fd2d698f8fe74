//! What a process costs, as the kernel counts it (`proc(5)`).

use anyhow::{Context, Result};

/// Of one process.
#[derive(Debug, Clone, Copy)]
pub struct Cost(pub u32);

impl Cost {
    /// Seconds of processor time so far, in hundredths.
    pub fn processor(self) -> Result<f64> {
        Ok(self.fields(&[11, 12])? / 100.0)
    }

    /// The sum of these fields of its `stat`, counted from behind its name.
    fn fields(self, places: &[usize]) -> Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0)).context("reading /proc")?;
        // The name in parentheses may hold anything; what is counted from stands behind it.
        let fields: Vec<&str> =
            stat.rsplit_once(')').context("a line of /proc")?.1.split_whitespace().collect();
        let mut sum = 0.0;
        for place in places {
            sum += fields.get(*place).context("a field")?.parse::<f64>()?;
        }
        Ok(sum)
    }

    /// Megabytes of resident memory: now, and at most so far.
    pub fn memory(self) -> Result<(f64, f64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0)).context("reading /proc")?;
        let kilobytes = |name: &str| -> Result<f64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).context("a line of /proc")?;
            Ok(line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
        };
        Ok((kilobytes("VmRSS")?, kilobytes("VmHWM")?))
    }
}

/// Seconds of processor time of one process and all its children, also of those that have ended: a Postgres works in many.
pub fn family(root: u32) -> Result<f64> {
    let mut seconds = Cost(root).fields(&[11, 12, 13, 14])? / 100.0;
    for entry in std::fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        if parent == Some(root) {
            seconds += Cost(pid).processor().unwrap_or_default();
        }
    }
    Ok(seconds)
}

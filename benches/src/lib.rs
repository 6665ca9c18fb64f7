//! What the measurements share: a probe of the disk, and rates over a fixed time.
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long each figure is measured.
pub const SPAN: Duration = Duration::from_secs(2);

/// Bare durable writes a second: 4 KiB overwritten in place, then `fdatasync`. The raw limit of
/// anything that commits, measured in the same minute because neighbours share the disk.
pub fn fsync_probe(folder: &Path) -> std::io::Result<f64> {
    let mut file = File::create(folder.join("probe"))?;
    file.set_len(4096)?;
    let page = [7_u8; 4096];
    let start = Instant::now();
    let mut count = 0_u32;
    while start.elapsed() < SPAN {
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&page)?;
        file.sync_data()?;
        count += 1;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

/// CPU seconds (user and system) this process has used.
pub fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or("");
    let fields: Vec<f64> =
        after.split_whitespace().skip(11).take(2).filter_map(|f| f.parse().ok()).collect();
    // USER_HZ is 100 on every Linux this runs on.
    fields.iter().sum::<f64>() / 100.0
}

//! `launch TIMES COMMAND…`: starts a command so often, one after the other, and prints the medians
//! from process start to exit: milliseconds on the clock, milliseconds of processor time, and the
//! largest resident set in KiB. Small itself, because a large starter makes starting slow.
use std::error::Error;
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

#[expect(clippy::print_stdout, reason = "the result")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let times = arguments.next().ok_or("TIMES is missing")?;
    let times: usize = times.to_str().ok_or("TIMES is no number")?.parse()?;
    let program = arguments.next().ok_or("COMMAND is missing")?;
    let rest: Vec<_> = arguments.collect();
    let (mut clock, mut processor) = (Vec::new(), Vec::new());
    for _ in 0..times.max(1) {
        let used = processor_ms()?;
        let begun = Instant::now();
        let mut command = Command::new(&program);
        command.args(&rest).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let status = command.status()?;
        clock.push(begun.elapsed().as_secs_f64() * 1_000.0);
        processor.push(processor_ms()? - used);
        // Findings are a result; anything else is none.
        if !matches!(status.code(), Some(0 | 1)) {
            return Err(format!("{} ended with {status}", program.to_string_lossy()).into());
        }
    }
    let rss = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
    println!("{:.3} {:.3} {rss}", median(&mut clock), median(&mut processor));
    Ok(())
}

/// Processor time of all children so far.
fn processor_ms() -> Result<f64, Box<dyn Error>> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    Ok(micros as f64 / 1_000.0)
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

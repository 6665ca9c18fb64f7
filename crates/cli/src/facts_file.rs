//! Where a command takes facts from: a file, or the environment that was asked for.
use std::path::Path;

use connref_solution::artefact::facts_json::facts_read;
use connref_solution::model::Facts;

use crate::context::Context;
use crate::exit::{Exit, Failure};

/// The largest facts file that is read: what the reader of JSON takes.
const FILE_MAX: u64 = 64 << 20;

/// The facts of a file, or of the environment that was asked for.
pub(crate) async fn facts(context: &Context, file: Option<&Path>) -> Result<Facts, Failure> {
    if let Some(path) = file {
        let bytes = read_bytes(path, "the facts")?;
        return facts_read(&bytes).map_err(|error| {
            Failure::new(Exit::Usage, error)
                .context(format!("cannot use the facts `{}`", path.display()))
        });
    }
    let now = jiff::Timestamp::now().as_microsecond();
    Ok(context.client().await?.facts(now).await?)
}

/// The bytes of a file of bounded size.
pub(crate) fn read_bytes(path: &Path, what: &str) -> Result<Vec<u8>, Failure> {
    use std::io::Read;
    let fail = |error: std::io::Error| {
        Failure::from(error).context(format!("cannot read {what} `{}`", path.display()))
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(fail)?;
    file.take(FILE_MAX + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > FILE_MAX {
        let limit = FILE_MAX >> 20;
        return Err(Failure::usage(format!("`{}` is larger than {limit} MiB", path.display())));
    }
    Ok(bytes)
}

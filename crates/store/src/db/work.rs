//! What runs in a session, without its types: the engines are compiled once and not once for each of
//! the questions that the store asks. That was a third of the program.
use std::sync::{Arc, Mutex, PoisonError};

use super::{DbError, Sql};

/// A piece of work, which keeps its answer to itself and says whether what it wrote is to stay.
pub(super) type Work = Box<dyn FnOnce(&mut Sql<'_>) -> bool + Send>;

/// Where a piece of work leaves its answer.
pub(super) struct Answer<T, E>(Arc<Mutex<Option<Result<T, E>>>>);

/// Parts work from its answer, so that an engine sees neither type.
pub(super) fn part<T, E, F>(f: F) -> (Work, Answer<T, E>)
where
    T: Send + 'static,
    E: Send + 'static,
    F: FnOnce(&mut Sql<'_>) -> Result<T, E> + Send + 'static,
{
    let answer = Arc::new(Mutex::new(None));
    let place = Arc::clone(&answer);
    let work = move |sql: &mut Sql<'_>| {
        let result = f(sql);
        let keep = result.is_ok();
        *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        keep
    };
    (Box::new(work), Answer(answer))
}

impl<T, E: From<DbError>> Answer<T, E> {
    /// The answer, once the engine has told how it went. Why the work itself failed comes first; an
    /// answer counts only if the engine made it last; none at all means that the work panicked.
    pub(super) fn told(self, over: Result<(), DbError>) -> Result<T, E> {
        let result = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        together(result, over)
    }
}

/// Runs work where it is called, through an engine that takes it by reference.
pub(super) fn inline<T, E, F>(
    f: F,
    engine: impl FnOnce(&mut dyn FnMut(&mut Sql<'_>)) -> Result<(), DbError>,
) -> Result<T, E>
where
    E: From<DbError>,
    F: FnOnce(&mut Sql<'_>) -> Result<T, E>,
{
    let (mut f, mut result) = (Some(f), None);
    let over = engine(&mut |sql| result = f.take().map(|f| f(sql)));
    together(result, over)
}

fn together<T, E: From<DbError>>(
    result: Option<Result<T, E>>,
    over: Result<(), DbError>,
) -> Result<T, E> {
    match (result, over) {
        (Some(Err(error)), _) => Err(error),
        (_, Err(error)) => Err(error.into()),
        (Some(answer), Ok(())) => answer,
        (None, Ok(())) => Err(DbError::Panicked.into()),
    }
}

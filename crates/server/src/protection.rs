//! Service protection: how much one user may ask of an environment's Web API in a window of time.
//! Who goes beyond is told to wait. In `dataverse` fidelity the vendor's limits hold; in `extended` none,
//! unless the operator sets some (`connref server run --limits`).
use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Mutex, OnceLock, PoisonError};

use connref_solution::model::facts::Fidelity;
use connref_solution::model::{EnvironmentId, Micros};

const SECOND: Micros = 1_000_000;
/// A window is watched in so many parts.
const SLOTS: i64 = 30;
/// Users that are remembered at once; the ones that rest longest are forgotten.
const USERS_MAX: usize = 10_000;

/// What one user may ask for in one environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Length of the window in seconds.
    pub window: i64,
    /// Requests in a window.
    pub requests: i64,
    /// Time that requests of a window may take together, in seconds.
    pub execution: i64,
    /// Requests at the same time.
    pub concurrent: i64,
}

impl Limits {
    /// What the vendor's service allows.
    pub const SERVICE: Self = Self { window: 300, requests: 6000, execution: 1200, concurrent: 52 };
}

/// What the operator set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Setting {
    /// By fidelity: the service's in `dataverse`, none in `extended`.
    #[default]
    ByFidelity,
    /// None anywhere.
    Off,
    /// These everywhere.
    These(Limits),
}

impl Setting {
    fn of(self, fidelity: Fidelity) -> Option<Limits> {
        match (self, fidelity) {
            (Self::Off, _) | (Self::ByFidelity, Fidelity::Extended) => None,
            (Self::ByFidelity, Fidelity::Dataverse) => Some(Limits::SERVICE),
            (Self::These(limits), _) => Some(limits),
        }
    }
}

/// A setting that cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no limit; write `off`, `service`, or some of `requests=6000,window=300,execution=1200,concurrent=52`"
)]
pub struct SettingError(String);

impl FromStr for Setting {
    type Err = SettingError;

    /// `off`, `service`, or numbers; what is not named is as the service has it.
    fn from_str(text: &str) -> Result<Self, SettingError> {
        match text.trim() {
            "off" => return Ok(Self::Off),
            "service" => return Ok(Self::These(Limits::SERVICE)),
            _ => {}
        }
        let mut limits = Limits::SERVICE;
        for part in text.split(',').map(str::trim) {
            let wrong = || SettingError(part.to_owned());
            let (name, value) = part.split_once('=').ok_or_else(wrong)?;
            let value = value.trim().parse().ok().filter(|v| (1..=1_000_000_000).contains(v));
            let value = value.ok_or_else(wrong)?;
            match name.trim() {
                "requests" => limits.requests = value,
                "window" => limits.window = value,
                "execution" => limits.execution = value,
                "concurrent" => limits.concurrent = value,
                _ => return Err(wrong()),
            }
        }
        Ok(Self::These(limits))
    }
}

/// Which limit was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exceeded {
    /// Too many requests.
    Requests,
    /// Too much time.
    Execution,
    /// Too many at once.
    Concurrent,
}

/// Why a request has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Which limit.
    pub exceeded: Exceeded,
    /// The limits.
    pub limits: Limits,
    /// For how many seconds.
    pub seconds: i64,
}

/// What is left for a user, as the headers tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Requests.
    pub requests: i64,
    /// Seconds of execution.
    pub execution: i64,
}

type User = (EnvironmentId, String);

/// What users have asked for lately.
#[derive(Debug, Default)]
pub struct Protection {
    setting: OnceLock<Setting>,
    users: Mutex<HashMap<User, Asked>>,
}

/// Part of a window: its number, requests, and time they took.
#[derive(Clone, Copy, Debug)]
struct Slot {
    at: i64,
    requests: i64,
    took: Micros,
}

#[derive(Debug, Default)]
struct Asked {
    slots: Vec<Slot>,
    under_way: i64,
}

impl Asked {
    fn forget(&mut self, now: i64) {
        self.slots.retain(|slot| slot.at > now - SLOTS);
    }

    fn slot(&mut self, now: i64) -> Option<&mut Slot> {
        if self.slots.last().is_none_or(|slot| slot.at < now) {
            self.slots.push(Slot { at: now, requests: 0, took: 0 });
        }
        self.slots.last_mut()
    }

    fn sums(&self) -> (i64, Micros) {
        self.slots
            .iter()
            .fold((0, 0), |(requests, took), slot| (requests + slot.requests, took + slot.took))
    }
}

/// Length of a slot.
fn length(limits: &Limits) -> Micros {
    (limits.window * SECOND / SLOTS).max(1)
}

impl Protection {
    /// Sets the limits; the first time counts.
    pub fn configure(&self, setting: Setting) {
        // A second setting finds the first in its place, which is what the words above say.
        let _ = self.setting.set(setting);
    }

    /// Lets a request in, or says how long to wait.
    ///
    /// # Errors
    /// A limit is met.
    pub(crate) fn enter<'a>(
        &'a self,
        fidelity: Fidelity,
        environment: &EnvironmentId,
        user: &str,
        now: Micros,
    ) -> Result<Option<Pass<'a>>, Wait> {
        let setting = self.setting.get().copied().unwrap_or_default();
        let Some(limits) = setting.of(fidelity) else { return Ok(None) };
        let user = (environment.clone(), user.to_lowercase());
        let slot = now / length(&limits);
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if users.len() >= USERS_MAX && !users.contains_key(&user) {
            users.retain(|_, asked| {
                asked.forget(slot);
                asked.under_way > 0 || !asked.slots.is_empty()
            });
        }
        let asked = users.entry(user.clone()).or_default();
        asked.forget(slot);
        let (requests, took) = asked.sums();
        let exceeded = if asked.under_way >= limits.concurrent {
            Some(Exceeded::Concurrent)
        } else if requests >= limits.requests {
            Some(Exceeded::Requests)
        } else if took >= limits.execution * SECOND {
            Some(Exceeded::Execution)
        } else {
            None
        };
        if let Some(exceeded) = exceeded {
            let oldest = asked.slots.first().map_or(slot, |slot| slot.at);
            let free = (oldest + SLOTS) * length(&limits) - now;
            let seconds = match exceeded {
                Exceeded::Concurrent => 1,
                _ => (free + SECOND - 1) / SECOND,
            };
            return Err(Wait { exceeded, limits, seconds: seconds.clamp(1, limits.window) });
        }
        asked.under_way += 1;
        if let Some(slot) = asked.slot(slot) {
            slot.requests += 1;
        }
        let left = Left {
            requests: limits.requests - requests - 1,
            execution: (limits.execution * SECOND - took) / SECOND,
        };
        drop(users);
        Ok(Some(Pass { protection: self, user, limits, begun: now, ended: None, left }))
    }
}

/// A request that was let in; gives its place back when dropped.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    protection: &'a Protection,
    user: User,
    limits: Limits,
    begun: Micros,
    ended: Option<Micros>,
    /// What was left when it came.
    pub(crate) left: Left,
}

impl Pass<'_> {
    /// The request is answered: from here on its time counts.
    pub(crate) fn answered(&mut self, now: Micros) {
        self.ended = Some(now);
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut users = self.protection.users.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(asked) = users.get_mut(&self.user) else { return };
        asked.under_way = (asked.under_way - 1).max(0);
        let ended = self.ended.unwrap_or(self.begun);
        if let Some(slot) = asked.slot(ended / length(&self.limits)) {
            slot.took += (ended - self.begun).max(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: Limits = Limits { window: 30, requests: 3, execution: 10, concurrent: 2 };

    fn protection(limits: Limits) -> Protection {
        let protection = Protection::default();
        protection.configure(Setting::These(limits));
        protection
    }

    fn enter<'a>(p: &'a Protection, user: &str, second: i64) -> Result<Option<Pass<'a>>, Wait> {
        p.enter(Fidelity::Extended, &"e".into(), user, second * SECOND)
    }

    #[test]
    fn requests_are_counted_in_a_window_that_moves() {
        let p = protection(FEW);
        for second in [100, 101, 102] {
            assert!(enter(&p, "ada", second).is_ok());
        }
        let wait = enter(&p, "ADA", 103).unwrap_err();
        assert_eq!((wait.exceeded, wait.seconds), (Exceeded::Requests, 27));
        assert!(enter(&p, "bob", 103).is_ok());
        // After as long as it was told to wait, one is let in again, and only one.
        assert!(enter(&p, "ada", 130).is_ok());
        assert!(enter(&p, "ada", 130).is_err());
    }

    #[test]
    fn requests_at_once_are_counted() {
        let p = protection(FEW);
        let first = enter(&p, "ada", 100).unwrap();
        let second = enter(&p, "ada", 100).unwrap();
        let wait = enter(&p, "ada", 100).unwrap_err();
        assert_eq!((wait.exceeded, wait.seconds), (Exceeded::Concurrent, 1));
        drop(first);
        assert!(enter(&p, "ada", 100).is_ok());
        drop(second);
    }

    #[test]
    fn time_is_counted() {
        let p = protection(FEW);
        let mut pass = enter(&p, "ada", 100).unwrap().unwrap();
        pass.answered(111 * SECOND);
        drop(pass);
        let wait = enter(&p, "ada", 112).unwrap_err();
        assert_eq!(wait.exceeded, Exceeded::Execution);
        assert!(enter(&p, "ada", 142).is_ok());
    }

    #[test]
    fn fidelity_decides_where_nothing_is_set() {
        let p = Protection::default();
        let left =
            |fidelity| p.enter(fidelity, &"e".into(), "ada", 0).map(|pass| pass.map(|p| p.left));
        assert_eq!(left(Fidelity::Extended), Ok(None));
        assert_eq!(left(Fidelity::Dataverse), Ok(Some(Left { requests: 5999, execution: 1200 })));
    }

    #[test]
    fn settings_are_read() {
        assert_eq!("off".parse(), Ok(Setting::Off));
        assert_eq!("service".parse(), Ok(Setting::These(Limits::SERVICE)));
        let some = Limits { requests: 10, window: 5, ..Limits::SERVICE };
        assert_eq!("requests=10, window=5".parse(), Ok(Setting::These(some)));
        for wrong in ["", "requests", "requests=0", "speed=9", "requests=many"] {
            assert!(wrong.parse::<Setting>().is_err(), "{wrong}");
        }
    }
}

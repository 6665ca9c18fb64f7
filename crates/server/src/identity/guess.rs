//! Wrong secrets, codes and links are counted, and whoever shows too many waits. Counted is who shows
//! them (an address, and an application at an address), so that a stranger's guesses lock nobody else
//! out; where many addresses guess at one application, each has one guess.
use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use connref_solution::model::Micros;

/// How long a count lasts from its first wrong one.
const WINDOW: Micros = 300 * 1_000_000;
/// Wrong ones of an application at an address.
const PAIR: u32 = 10;
/// Wrong ones at an address.
const SOURCE: u32 = 100;
/// Wrong ones of an application everywhere; from there on an address has one.
const CLIENT: u32 = 200;
/// Counts of a kind that are kept; the oldest goes for a new one.
const KEPT: usize = 10_000;
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The other end of a connection, as the socket tells it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    /// Its address.
    pub(crate) address: IpAddr,
    /// TLS ends here: nobody stands between who could say whom it asks for.
    pub(crate) secure: bool,
}

/// Who asks, as far as an address tells: of the newer kind the network, as everybody has one whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// From inside the process.
    Inside,
    /// An address.
    V4([u8; 4]),
    /// A network of 64 bits.
    V6([u8; 8]),
}

impl Source {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }

    /// A proxy on this machine that ends TLS adds whom it asks for at the end; nobody else is believed.
    fn read(peer: Option<&Peer>, headers: &HeaderMap) -> Self {
        let Some(peer) = peer else { return Self::Inside };
        let proxy = peer.address.to_canonical().is_loopback() && !peer.secure;
        let said = headers.get_all(FORWARDED_FOR).iter().next_back().filter(|_| proxy);
        let last = said.and_then(|value| value.to_str().ok()?.rsplit(',').next());
        let address = last.and_then(|text| text.trim().parse().ok());
        Self::of(address.unwrap_or(peer.address))
    }
}

impl<S: Sync> FromRequestParts<S> for Source {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::read(parts.extensions.get(), &parts.headers))
    }
}

#[derive(Clone, Copy)]
struct Count {
    wrong: u32,
    begun: Micros,
}

struct Counts<K>(HashMap<K, Count>);

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Clone + Eq + Hash> Counts<K> {
    fn live(&self, key: &K, now: Micros) -> Option<Count> {
        // A clock that was set back ends a count too: nobody waits for a time that was.
        self.0.get(key).copied().filter(|count| (0..WINDOW).contains(&(now - count.begun)))
    }

    fn wrong(&self, key: &K, now: Micros) -> u32 {
        self.live(key, now).map_or(0, |count| count.wrong)
    }

    /// Seconds to wait, where this many are too many.
    fn wait(&self, key: &K, most: u32, now: Micros) -> Option<i64> {
        let count = self.live(key, now).filter(|count| count.wrong >= most)?;
        Some(((count.begun + WINDOW - now) / 1_000_000).max(0) + 1)
    }

    fn add(&mut self, key: K, now: Micros) {
        let mut count = self.live(&key, now).unwrap_or(Count { wrong: 0, begun: now });
        count.wrong = count.wrong.saturating_add(1);
        if self.0.len() >= KEPT && !self.0.contains_key(&key) {
            self.0.retain(|_, count| (0..WINDOW).contains(&(now - count.begun)));
        }
        if self.0.len() >= KEPT && !self.0.contains_key(&key) {
            let oldest = self.0.iter().min_by_key(|(_, count)| count.begun);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.0.remove(&oldest);
            }
        }
        self.0.insert(key, count);
    }
}

#[derive(Default)]
struct Counted {
    pairs: Counts<(String, Source)>,
    sources: Counts<Source>,
    clients: Counts<String>,
}

impl Counted {
    fn wait(&self, now: Micros, client: Option<&str>, source: Source) -> Option<i64> {
        let by_client = client.and_then(|client| {
            let pair = (client.to_owned(), source);
            let guessed = self.pairs.wrong(&pair, now) > 0;
            let many = self.clients.wait(&pair.0, CLIENT, now).filter(|_| guessed);
            self.pairs.wait(&pair, PAIR, now).or(many)
        });
        by_client.max(self.sources.wait(&source, SOURCE, now))
    }
}

/// What was shown wrongly lately.
#[derive(Default)]
pub(crate) struct Guesses(Mutex<Counted>);

impl Guesses {
    fn counted<T>(&self, work: impl FnOnce(&mut Counted) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether somebody may show something for an application, if it is for one.
    ///
    /// # Errors
    /// Seconds to wait.
    pub(crate) fn check(
        &self,
        now: Micros,
        client: Option<&str>,
        source: Source,
    ) -> Result<(), i64> {
        self.counted(|all| all.wait(now, client, source)).map_or(Ok(()), Err)
    }

    /// It was wrong. An application is named only if there is one: names that are made up would fill
    /// the counts of others.
    pub(crate) fn wrong(&self, now: Micros, client: Option<&str>, source: Source) {
        self.counted(|all| {
            all.sources.add(source, now);
            if let Some(client) = client {
                all.pairs.add((client.to_owned(), source), now);
                all.clients.add(client.to_owned(), now);
            }
        });
    }

    /// It was right. Guesses that were shown at the same moment may have used up what there was.
    ///
    /// # Errors
    /// Seconds to wait.
    pub(crate) fn right(&self, now: Micros, client: &str, source: Source) -> Result<(), i64> {
        self.counted(|all| {
            let pair = (client.to_owned(), source);
            if let Some(seconds) = all.pairs.wait(&pair, PAIR, now) {
                return Err(seconds);
            }
            all.pairs.0.remove(&pair);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Micros = 1_000_000;
    const ROBOT: Option<&str> = Some("robot");

    fn at(last: u8) -> Source {
        Source::V4([192, 0, 2, last])
    }

    #[test]
    fn whoever_guesses_waits_and_nobody_else() {
        let guesses = Guesses::default();
        let start = 1_000 * SECOND;
        for second in 0..10 {
            let now = start + second * SECOND;
            assert_eq!(guesses.check(now, ROBOT, at(1)), Ok(()));
            guesses.wrong(now, ROBOT, at(1));
        }
        let now = start + 10 * SECOND;
        assert_eq!(guesses.check(now, ROBOT, at(1)), Err(291));
        assert_eq!(guesses.right(now, "robot", at(1)), Err(291));
        // Another address, another application: not theirs.
        assert_eq!(guesses.check(now, ROBOT, at(2)), Ok(()));
        assert_eq!(guesses.check(now, Some("other"), at(1)), Ok(()));
        assert_eq!(guesses.check(now, None, at(1)), Ok(()));
        assert_eq!(guesses.check(start + WINDOW - 1, ROBOT, at(1)), Err(1));
        assert_eq!(guesses.check(start + WINDOW, ROBOT, at(1)), Ok(()));
        // A clock that is set back keeps nobody out.
        assert_eq!(guesses.check(start - SECOND, ROBOT, at(1)), Ok(()));
    }

    #[test]
    fn the_right_one_ends_a_count() {
        let guesses = Guesses::default();
        for _ in 0..9 {
            guesses.wrong(SECOND, ROBOT, at(1));
        }
        assert_eq!(guesses.right(SECOND, "robot", at(1)), Ok(()));
        for _ in 0..9 {
            guesses.wrong(SECOND, ROBOT, at(1));
        }
        assert_eq!(guesses.check(SECOND, ROBOT, at(1)), Ok(()));
    }

    #[test]
    fn an_address_that_tries_many_names_waits() {
        let guesses = Guesses::default();
        for _ in 0..100 {
            assert_eq!(guesses.check(SECOND, None, at(1)), Ok(()));
            guesses.wrong(SECOND, None, at(1));
        }
        assert!(guesses.check(SECOND, None, at(1)).is_err());
        assert!(guesses.check(SECOND, ROBOT, at(1)).is_err());
        assert!(guesses.check(SECOND, ROBOT, at(2)).is_ok());
    }

    #[test]
    fn many_addresses_have_one_guess_each_and_the_right_caller_comes_through() {
        let guesses = Guesses::default();
        let source = |n: u32| Source::V4((0x0a00_0000 + n).to_be_bytes());
        for n in 0..CLIENT {
            assert_eq!(guesses.check(SECOND, ROBOT, source(n)), Ok(()));
            guesses.wrong(SECOND, ROBOT, source(n));
        }
        for n in 0..CLIENT {
            assert!(guesses.check(SECOND, ROBOT, source(n)).is_err());
        }
        assert_eq!(guesses.check(SECOND, ROBOT, at(9)), Ok(()));
        assert_eq!(guesses.right(SECOND, "robot", at(9)), Ok(()));
        assert_eq!(guesses.check(SECOND, Some("other"), source(0)), Ok(()));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let guesses = Guesses::default();
        for n in 0..(KEPT as u32 + 500) {
            let source = Source::V4(n.to_be_bytes());
            guesses.wrong(Micros::from(n), Some(&format!("client-{n}")), source);
        }
        guesses.counted(|all| {
            assert_eq!((all.pairs.0.len(), all.sources.0.len()), (KEPT, KEPT));
            assert_eq!(all.clients.0.len(), KEPT);
        });
        // What is over makes room first.
        let later = WINDOW + 2 * KEPT as Micros;
        guesses.wrong(later, ROBOT, at(1));
        guesses.counted(|all| assert_eq!(all.pairs.0.len(), 1));
    }

    #[test]
    fn only_a_proxy_on_this_machine_says_for_whom_it_asks() {
        let read = |address: &str, secure, said: &[&str]| {
            let mut headers = HeaderMap::new();
            for one in said {
                headers.append(FORWARDED_FOR, one.parse().unwrap());
            }
            let peer = Peer { address: address.parse().unwrap(), secure };
            Source::read(Some(&peer), &headers)
        };
        assert_eq!(read("192.0.2.1", false, &["192.0.2.9"]), at(1));
        assert_eq!(read("127.0.0.1", true, &["192.0.2.9"]), Source::V4([127, 0, 0, 1]));
        assert_eq!(read("127.0.0.1", false, &["192.0.2.7, 192.0.2.9"]), at(9));
        assert_eq!(read("::1", false, &["192.0.2.7", "192.0.2.9"]), at(9));
        assert_eq!(read("127.0.0.1", false, &["nonsense"]), Source::V4([127, 0, 0, 1]));
        assert_eq!(read("::ffff:192.0.2.1", false, &[]), at(1));
        // One network of the newer kind is one caller.
        assert_eq!(read("2001:db8::1", false, &[]), read("2001:db8::2:3", false, &[]));
        assert_ne!(read("2001:db8::1", false, &[]), read("2001:db8:0:1::1", false, &[]));
    }
}

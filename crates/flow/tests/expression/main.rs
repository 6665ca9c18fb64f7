//! The expression language, through what the crate offers.

mod families;
mod random;
mod samples;
mod scope;
mod template;

//! Arithmetic.

use std::cmp::Ordering;

use rust_decimal::Decimal;

use super::super::EvalError;
use super::super::number::{self, Pair};
use super::{ANY, Call, Function, Result, strict};
use crate::value::Value;

/// The longest array that `range` makes: what a loop takes at most.
const MAX_RANGE: usize = 100_000;

pub(super) const FUNCTIONS: &[Function] = &[
    strict("add", 2, 2, |call| {
        arithmetic(call, i64::checked_add, |a, b| a + b, Decimal::checked_add)
    }),
    strict("sub", 2, 2, |call| {
        arithmetic(call, i64::checked_sub, |a, b| a - b, Decimal::checked_sub)
    }),
    strict("mul", 2, 2, |call| {
        arithmetic(call, i64::checked_mul, |a, b| a * b, Decimal::checked_mul)
    }),
    strict("div", 2, 2, |call| {
        not_zero(call)?;
        arithmetic(call, i64::checked_div, |a, b| a / b, Decimal::checked_div)
    }),
    strict("mod", 2, 2, |call| {
        not_zero(call)?;
        arithmetic(call, |a, b| Some(a.wrapping_rem(b)), |a, b| a % b, Decimal::checked_rem)
    }),
    strict("min", 1, ANY, |call| extreme(call, Ordering::Less)),
    strict("max", 1, ANY, |call| extreme(call, Ordering::Greater)),
    strict("range", 2, 2, range),
    strict("rand", 2, 2, rand),
];

fn numbers(call: &Call<'_>) -> Result<Pair> {
    for index in 0..2 {
        if number::float(call.argument(index)).is_none() {
            return Err(call.wrong(index, "be a number"));
        }
    }
    number::pair(call.argument(0), call.argument(1)).ok_or_else(|| overflow(call))
}

fn overflow(call: &Call<'_>) -> EvalError {
    call.error("was not evaluated: the result is too large for its type of number.")
}

fn arithmetic(
    call: &Call<'_>,
    ints: fn(i64, i64) -> Option<i64>,
    floats: fn(f64, f64) -> f64,
    decimals: fn(Decimal, Decimal) -> Option<Decimal>,
) -> Result {
    let value = match numbers(call)? {
        Pair::Ints(a, b) => ints(a, b).map(Value::Int),
        Pair::Floats(a, b) => Some(Value::Float(floats(a, b))),
        Pair::Decimals(a, b) => decimals(a, b).map(Value::Decimal),
    };
    value.ok_or_else(|| overflow(call))
}

fn not_zero(call: &Call<'_>) -> Result<()> {
    let zero = match numbers(call)? {
        Pair::Ints(_, b) => b == 0,
        Pair::Floats(..) => false,
        Pair::Decimals(_, b) => b.is_zero(),
    };
    if zero {
        return Err(EvalError::template(format!(
            "Attempt to divide an integral or decimal value by zero in function '{}'.",
            call.function.name
        )));
    }
    Ok(())
}

fn extreme(call: &Call<'_>, wanted: Ordering) -> Result {
    let values: &[Value] = match call.arguments {
        [Value::Array(items)] => items,
        values => values,
    };
    let mut best: Option<&Value> = None;
    for value in values {
        if number::float(value).is_none() {
            return Err(call.error(format_args!(
                "expects all of its values to be numbers. One of them is of type '{}'.",
                value.type_name()
            )));
        }
        let better = best
            .is_none_or(|best| number::pair(value, best).and_then(Pair::compare) == Some(wanted));
        if better {
            best = Some(value);
        }
    }
    best.cloned().ok_or_else(|| call.error("expects at least one value."))
}

fn range(call: &Call<'_>) -> Result {
    let start = call.int(0)?;
    let count = call.size(1)?;
    if count > MAX_RANGE {
        return Err(
            call.error(format_args!("was not evaluated: the result may have {MAX_RANGE} items."))
        );
    }
    let items = (0..count)
        .map(|step| {
            i64::try_from(step).ok().and_then(|step| start.checked_add(step)).map(Value::Int)
        })
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| overflow(call))?;
    call.give_array(items)
}

fn rand(call: &Call<'_>) -> Result {
    let (least, above) = (call.int(0)?, call.int(1)?);
    let span = i128::from(above) - i128::from(least);
    if span < 0 {
        return Err(call.error("expects its second parameter to be greater than its first."));
    }
    if span == 0 {
        return Ok(Value::Int(least));
    }
    let value = i128::from(least) + i128::from(call.scope().random()) % span;
    i64::try_from(value).map(Value::Int).map_err(|_| overflow(call))
}

//! Two texts as a unified diff.

/// Lines of context around a change.
const CONTEXT: usize = 3;
/// Changes looked for at most; beyond that the differing middle is shown as replaced. The search
/// needs memory by the square of this.
const MAX_EDITS: i64 = 600;

/// What becomes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Keep,
    Remove,
    Add,
}

/// The difference of two texts in the unified form, three lines of context; empty if there is
/// none. The names stand behind `---` and `+++` as they are given.
pub fn unified(name_before: &str, name_after: &str, before: &str, after: &str) -> String {
    if before == after {
        return String::new();
    }
    let (a, b) = (lines(before), lines(after));
    let steps = steps(&a, &b);
    let mut out = format!("--- {name_before}\n+++ {name_after}\n");
    for hunk in hunks(&steps) {
        hunk_write(&mut out, &steps, hunk, &a, &b);
    }
    out
}

/// Lines with their line ends.
fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// One step for each line of both texts.
fn steps(a: &[&str], b: &[&str]) -> Vec<Step> {
    let head = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let tail = a[head..].iter().rev().zip(b[head..].iter().rev());
    let tail = tail.take_while(|(x, y)| x == y).count();
    let (inner_a, inner_b) = (&a[head..a.len() - tail], &b[head..b.len() - tail]);
    let mut steps = vec![Step::Keep; head];
    match shortest(inner_a, inner_b) {
        Some(found) => steps.extend(found),
        None => {
            steps.extend(std::iter::repeat_n(Step::Remove, inner_a.len()));
            steps.extend(std::iter::repeat_n(Step::Add, inner_b.len()));
        }
    }
    steps.extend(std::iter::repeat_n(Step::Keep, tail));
    steps
}

/// How far each diagonal reaches into the first list; diagonals are numbered from the left.
struct Reach {
    at: Vec<i64>,
    zero: i64,
}

impl Reach {
    fn get(&self, diagonal: i64) -> i64 {
        self.at[(diagonal + self.zero) as usize]
    }

    fn set(&mut self, diagonal: i64, x: i64) {
        self.at[(diagonal + self.zero) as usize] = x;
    }

    /// What step `d` can see of it.
    fn window(&self, d: i64) -> Self {
        let (from, to) = (self.zero - d - 1, self.zero + d + 1);
        Self { at: self.at[from as usize..=to as usize].to_vec(), zero: d + 1 }
    }

    /// Whether step `d` gets to a diagonal by adding a line; else by removing one.
    fn adds(&self, diagonal: i64, d: i64) -> bool {
        diagonal == -d || (diagonal != d && self.get(diagonal - 1) < self.get(diagonal + 1))
    }
}

/// The shortest way from one list to the other (Myers 1986, greedy); `None` if it is too long.
fn shortest(a: &[&str], b: &[&str]) -> Option<Vec<Step>> {
    let (n, m) = (a.len() as i64, b.len() as i64);
    let most = (n + m).min(MAX_EDITS);
    let mut reach = Reach { at: vec![0; (2 * most + 3) as usize], zero: most + 1 };
    let mut trace = Vec::new();
    for d in 0..=most {
        trace.push(reach.window(d));
        for diagonal in (-d..=d).step_by(2) {
            let adds = reach.adds(diagonal, d);
            let mut x = if adds { reach.get(diagonal + 1) } else { reach.get(diagonal - 1) + 1 };
            let mut y = x - diagonal;
            while x < n && y < m && a[x as usize] == b[y as usize] {
                x += 1;
                y += 1;
            }
            reach.set(diagonal, x);
            if x >= n && y >= m {
                return Some(walk_back(&trace, n, m));
            }
        }
    }
    None
}

/// Follows the trace from the end to the beginning.
fn walk_back(trace: &[Reach], mut x: i64, mut y: i64) -> Vec<Step> {
    let mut steps = Vec::new();
    for (d, reach) in trace.iter().enumerate().skip(1).rev() {
        let diagonal = x - y;
        let adds = reach.adds(diagonal, d as i64);
        let from = if adds { diagonal + 1 } else { diagonal - 1 };
        let from_x = reach.get(from);
        let after_edit = if adds { from_x } else { from_x + 1 };
        steps.extend(std::iter::repeat_n(Step::Keep, (x - after_edit) as usize));
        steps.push(if adds { Step::Add } else { Step::Remove });
        (x, y) = (from_x, from_x - from);
    }
    steps.extend(std::iter::repeat_n(Step::Keep, x as usize));
    steps.reverse();
    steps
}

/// Ranges of steps that are shown together.
fn hunks(steps: &[Step]) -> Vec<std::ops::Range<usize>> {
    let mut found: Vec<std::ops::Range<usize>> = Vec::new();
    for at in (0..steps.len()).filter(|at| steps[*at] != Step::Keep) {
        let (from, to) = (at.saturating_sub(CONTEXT), (at + 1 + CONTEXT).min(steps.len()));
        match found.last_mut() {
            Some(last) if from <= last.end => last.end = to,
            _ => found.push(from..to),
        }
    }
    found
}

fn hunk_write(
    out: &mut String,
    steps: &[Step],
    hunk: std::ops::Range<usize>,
    a: &[&str],
    b: &[&str],
) {
    let count = |range: &[Step], not: Step| range.iter().filter(|s| **s != not).count();
    let before = &steps[..hunk.start];
    let (mut x, mut y) = (count(before, Step::Add), count(before, Step::Remove));
    let inside = &steps[hunk];
    let (xs, ys) = (count(inside, Step::Add), count(inside, Step::Remove));
    out.push_str(&format!("@@ -{} +{} @@\n", range(x, xs), range(y, ys)));
    for step in inside {
        let (sign, line) = match step {
            Step::Keep => (' ', a[x]),
            Step::Remove => ('-', a[x]),
            Step::Add => ('+', b[y]),
        };
        x += usize::from(*step != Step::Add);
        y += usize::from(*step != Step::Remove);
        out.push(sign);
        out.push_str(line);
        if !line.ends_with('\n') {
            out.push_str("\n\\ No newline at end of file\n");
        }
    }
}

/// Line number and count; an empty range names the line before it.
fn range(at: usize, count: usize) -> String {
    match count {
        0 => format!("{at},0"),
        1 => format!("{}", at + 1),
        _ => format!("{},{count}", at + 1),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shows_what_changed_with_context() {
        let before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        let after = "1\n2\n3\n4\nfive\n6\n7\n8\n9\nten";
        assert_eq!(
            unified("a", "b", before, after),
            "--- a\n+++ b\n@@ -2,8 +2,9 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n 9\n+ten\n\\ No newline at end of file\n"
        );
        assert_eq!(unified("a", "b", "x", "x"), "");
        assert_eq!(
            unified("/dev/null", "b", "", "x\n"),
            "--- /dev/null\n+++ b\n@@ -0,0 +1 @@\n+x\n"
        );
    }

    #[test]
    fn far_apart_texts_are_replaced() {
        let many = |c: char| (0..3000).map(|i| format!("{c}{i}\n")).collect::<String>();
        let diff = unified("a", "b", &many('a'), &many('b'));
        assert_eq!(diff.lines().filter(|l| l.starts_with("-a")).count(), 3000);
    }

    /// Applies steps to the first text.
    fn apply(a: &[&str], b: &[&str]) -> (String, usize) {
        let (mut x, mut y, mut text, mut changes) = (0, 0, String::new(), 0);
        for step in steps(a, b) {
            match step {
                Step::Keep => {
                    assert_eq!(a[x], b[y]);
                    text.push_str(a[x]);
                    x += 1;
                    y += 1;
                }
                Step::Remove => {
                    x += 1;
                    changes += 1;
                }
                Step::Add => {
                    text.push_str(b[y]);
                    y += 1;
                    changes += 1;
                }
            }
        }
        assert_eq!((x, y), (a.len(), b.len()));
        (text, changes)
    }

    /// Length of the shortest way, by the table of longest common subsequences.
    fn distance(a: &[&str], b: &[&str]) -> usize {
        let mut table = vec![vec![0usize; b.len() + 1]; a.len() + 1];
        for x in (0..a.len()).rev() {
            for y in (0..b.len()).rev() {
                table[x][y] = if a[x] == b[y] {
                    table[x + 1][y + 1] + 1
                } else {
                    table[x + 1][y].max(table[x][y + 1])
                };
            }
        }
        a.len() + b.len() - 2 * table[0][0]
    }

    proptest! {
        #[test]
        fn steps_lead_from_one_to_the_other(
            a in proptest::collection::vec("[abc]", 0..40),
            b in proptest::collection::vec("[abc]", 0..40),
        ) {
            let a: Vec<&str> = a.iter().map(String::as_str).collect();
            let b: Vec<&str> = b.iter().map(String::as_str).collect();
            let (text, changes) = apply(&a, &b);
            prop_assert_eq!(text, b.concat());
            prop_assert_eq!(changes, distance(&a, &b));
        }
    }
}

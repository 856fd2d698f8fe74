//! Every state that can be reached, and whether each of them can end.

use std::collections::{HashMap, VecDeque};

use super::{State, Without};

/// Goes through everything that can happen. Returns how many states there are, how many of them are quiet, and how many
/// never become so; or the first that is wrong.
fn explore(without: Without) -> Result<(usize, usize, usize), (State, &'static str)> {
    let first = State::first().canonical(without);
    let mut known: HashMap<State, usize> = HashMap::from([(first, 0)]);
    let (mut before, mut quiet): (Vec<Vec<usize>>, Vec<usize>) = (vec![Vec::new()], Vec::new());
    let mut open = VecDeque::from([first]);
    while let Some(state) = open.pop_front() {
        let from = known[&state];
        if let Some(what) = state.wrong() {
            return Err((state, what));
        }
        if state.is_quiet() {
            quiet.push(from);
        }
        for happened in state.moves() {
            let next = state.after(happened, without).canonical(without);
            let count = known.len();
            let to = *known.entry(next).or_insert_with(|| {
                before.push(Vec::new());
                open.push_back(next);
                count
            });
            before[to].push(from);
        }
    }
    // Backwards from every quiet state.
    let (mut ends, mut back) = (vec![false; known.len()], quiet.clone());
    while let Some(place) = back.pop() {
        if !std::mem::replace(&mut ends[place], true) {
            back.extend(&before[place]);
        }
    }
    Ok((known.len(), quiet.len(), ends.iter().filter(|ends| !**ends).count()))
}

#[test]
fn whatever_happens_a_credit_is_kept_by_posts_or_given_back() {
    let (states, quiet, stuck) = explore(Without::default()).expect("no state is wrong");
    println!("{states} states, {quiet} of them quiet");
    assert!(states > 10_000 && quiet > 3, "{states} states, {quiet} quiet: nothing was tried");
    assert_eq!(stuck, 0, "states from which nothing ever becomes quiet");
}

#[test]
fn without_any_of_its_guards_something_goes_wrong() {
    for without in [
        Without { receipt: true, ..Without::default() },
        Without { ledger_key: true, ..Without::default() },
        Without { condition: true, ..Without::default() },
    ] {
        assert!(explore(without).is_err(), "nothing goes wrong {without:?}");
    }
}

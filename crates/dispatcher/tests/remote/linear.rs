//! Whether what clients did at once can have been done one after another (Herlihy and Wing): each thing somewhere between its
//! beginning and its end, and each with the answer that it then had to get.

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;

/// What an object is, to a client.
pub(crate) trait Model: Clone + Eq + Hash + Debug {
    /// Something a client did, with the answer.
    type Event: Debug;

    /// What the object is afterwards; `None`: from here, there would have been another answer.
    fn after(&self, event: &Self::Event) -> Option<Self>;
}

/// Something a client did. Moments are numbers of one counter.
#[derive(Debug)]
pub(crate) struct Entry<E> {
    pub(crate) began: u64,
    pub(crate) ended: u64,
    pub(crate) event: E,
}

/// Searches for an order, in the way of Wing and Gong: any of what had begun before the first of the rest ended can come next.
/// What each client did stands in its order. Every point of the search is a number per client and a model, and is seen once.
///
/// # Panics
/// There is no order; the text shows how far the best one goes.
#[track_caller]
pub(crate) fn check<M: Model>(begin: M, clients: &[Vec<Entry<M::Event>>]) {
    let mut open = vec![(vec![0; clients.len()], begin)];
    let mut seen: HashSet<(Vec<usize>, M)> = open.iter().cloned().collect();
    let mut furthest = open[0].clone();
    while let Some((done, model)) = open.pop() {
        let next = |client: usize| clients[client].get(done[client]);
        let Some(first_end) = (0..clients.len()).filter_map(next).map(|entry| entry.ended).min() else { return };
        if done.iter().sum::<usize>() > furthest.0.iter().sum() {
            furthest = (done.clone(), model.clone());
        }
        for client in 0..clients.len() {
            let Some(entry) = next(client).filter(|entry| entry.began < first_end) else { continue };
            if let Some(model) = model.after(&entry.event) {
                let mut done = done.clone();
                done[client] += 1;
                if seen.insert((done.clone(), model.clone())) {
                    open.push((done, model));
                }
            }
        }
    }
    let (done, model) = furthest;
    let rest: Vec<_> = clients.iter().zip(done).map(|(entries, done)| &entries[done..entries.len().min(done + 3)]).collect();
    panic!("after {model:?}, none of these can come next: {rest:#?}");
}

mod tests {
    use super::*;

    /// A number that is written and read.
    #[derive(Clone, PartialEq, Eq, Hash, Debug)]
    struct Register(u8);

    #[derive(Debug)]
    enum Event {
        Wrote(u8),
        Read(u8),
    }

    impl Model for Register {
        type Event = Event;

        fn after(&self, event: &Event) -> Option<Self> {
            match event {
                Event::Wrote(value) => Some(Self(*value)),
                Event::Read(value) => (self.0 == *value).then(|| self.clone()),
            }
        }
    }

    fn entry(began: u64, ended: u64, event: Event) -> Entry<Event> {
        Entry { began, ended, event }
    }

    #[test]
    fn what_overlaps_has_either_order() {
        let writer = || vec![entry(0, 3, Event::Wrote(1)), entry(6, 9, Event::Wrote(2))];
        for (first, second) in [(0, 0), (0, 1), (1, 1)] {
            check(Register(0), &[writer(), vec![entry(1, 2, Event::Read(first)), entry(4, 5, Event::Read(1))]]);
            check(Register(0), &[writer(), vec![entry(1, 2, Event::Read(first)), entry(2, 7, Event::Read(second))]]);
        }
    }

    #[test]
    #[should_panic(expected = "none of these can come next")]
    fn what_was_written_must_be_read() {
        check(Register(0), &[vec![entry(0, 1, Event::Wrote(1))], vec![entry(2, 3, Event::Read(0))]]);
    }

    #[test]
    #[should_panic(expected = "none of these can come next")]
    fn nothing_is_read_before_it_is_written() {
        check(Register(0), &[vec![entry(2, 3, Event::Wrote(1))], vec![entry(0, 1, Event::Read(1))]]);
    }

    #[test]
    #[should_panic(expected = "none of these can come next")]
    fn what_was_read_is_not_unread() {
        let reads = vec![entry(1, 2, Event::Read(1)), entry(3, 4, Event::Read(0))];
        check(Register(0), &[vec![entry(0, 9, Event::Wrote(1))], reads]);
    }
}

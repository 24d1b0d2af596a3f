//! Values in order, in blocks: adding at the end leaves full blocks behind, and a change in the middle of a million values
//! moves no more than one block.

/// Values in ascending order, each once. Up to [`BLOCK`] of them are in one piece.
#[derive(Debug)]
pub(super) enum Sorted<T> {
    /// All values.
    Flat(Vec<T>),
    /// Two or more blocks, none of them empty.
    Blocks(Box<Blocks<T>>),
}

/// Many values.
#[derive(Debug)]
pub(super) struct Blocks<T> {
    blocks: Vec<Vec<T>>,
    /// How many values there are.
    len: usize,
}

/// The greatest number of values in a block.
const BLOCK: usize = 512;

impl<T> Default for Sorted<T> {
    fn default() -> Self {
        Self::Flat(Vec::new())
    }
}

impl<T: Copy + Ord> Sorted<T> {
    /// Of values that are in ascending order, each once.
    pub(super) fn of(values: Vec<T>) -> Self {
        debug_assert!(values.is_sorted_by(|a, b| a < b));
        if values.len() <= BLOCK {
            return Self::Flat(values.into_boxed_slice().into_vec());
        }
        let blocks = values.chunks(BLOCK).map(<[T]>::to_vec).collect();
        Self::Blocks(Box::new(Blocks { blocks, len: values.len() }))
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Flat(values) => values.len(),
            Self::Blocks(many) => many.len,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first().is_none()
    }

    /// The least value.
    pub(super) fn first(&self) -> Option<T> {
        self.blocks().next()?.first().copied()
    }

    /// The greatest value.
    pub(super) fn last(&self) -> Option<T> {
        match self {
            Self::Flat(values) => values.last(),
            Self::Blocks(many) => many.blocks.last()?.last(),
        }
        .copied()
    }

    /// The greatest value that is less than a bound.
    pub(super) fn below(&self, bound: T) -> Option<T> {
        let block = match self {
            Self::Flat(values) => values,
            Self::Blocks(many) => &many.blocks[many.block(|first| first < bound)?],
        };
        Some(block[block.partition_point(|value| *value < bound).checked_sub(1)?])
    }

    /// The values from one to another, both included, in pieces.
    pub(super) fn between(&self, from: T, to: T) -> impl Iterator<Item = &[T]> {
        let blocks = match self {
            Self::Flat(values) => std::slice::from_ref(values),
            Self::Blocks(many) => &many.blocks[..],
        };
        let start = blocks.partition_point(|block| block.first().is_some_and(|first| *first < from)).saturating_sub(1);
        let end = blocks.partition_point(|block| block.first().is_some_and(|first| *first <= to)).max(start);
        let last = end.saturating_sub(1);
        // Only the first and the last block are looked into.
        blocks[start..end].iter().zip(start..).map(move |(block, at)| {
            let first = if at == start { block.partition_point(|value| *value < from) } else { 0 };
            let end = if at == last { block.partition_point(|value| *value <= to) } else { block.len() };
            &block[first..end.max(first)]
        })
    }

    /// Adds a value; it makes no difference if it is there already.
    pub(super) fn insert(&mut self, value: T) {
        match self {
            Self::Flat(values) if values.len() < BLOCK => insert(values, value),
            Self::Flat(values) => {
                let mut many = Blocks { len: values.len(), blocks: vec![std::mem::take(values)] };
                many.insert(value);
                if many.blocks.len() < 2 {
                    *self = Self::Flat(many.blocks.pop().unwrap_or_default());
                } else {
                    *self = Self::Blocks(Box::new(many));
                }
            }
            Self::Blocks(many) => many.insert(value),
        }
    }

    /// Takes a value out; it makes no difference if it is not there.
    pub(super) fn remove(&mut self, value: T) {
        match self {
            Self::Flat(values) => remove(values, value),
            Self::Blocks(many) => {
                many.remove(value);
                if many.blocks.len() < 2 {
                    *self = Self::Flat(many.blocks.pop().unwrap_or_default());
                }
            }
        }
    }

    /// Replaces every value; the order must stay the same.
    pub(super) fn replace(&mut self, mut value: impl FnMut(T) -> T) {
        let mut block = |values: &mut Vec<T>| values.iter_mut().for_each(|old| *old = value(*old));
        match self {
            Self::Flat(values) => block(values),
            Self::Blocks(many) => many.blocks.iter_mut().for_each(block),
        }
    }

    fn blocks(&self) -> impl Iterator<Item = &[T]> {
        match self {
            Self::Flat(values) => std::slice::from_ref(values),
            Self::Blocks(many) => &many.blocks[..],
        }
        .iter()
        .map(Vec::as_slice)
        .filter(|block| !block.is_empty())
    }
}

impl<T: Copy + Ord> Blocks<T> {
    /// The last block whose first value is as wanted; what is wanted of a value is wanted of all that are less.
    fn block(&self, wanted: impl Fn(T) -> bool) -> Option<usize> {
        // Most of the time it is the very last, and each block that is looked at is a wait for memory.
        match self.blocks.last() {
            Some(last) if wanted(last[0]) => Some(self.blocks.len() - 1),
            _ => self.blocks.partition_point(|block| wanted(block[0])).checked_sub(1),
        }
    }

    fn insert(&mut self, value: T) {
        let mut at = self.block(|first| first <= value).unwrap_or(0);
        let blocks = &mut self.blocks;
        if blocks[at].len() >= BLOCK {
            if at + 1 == blocks.len() && blocks[at][BLOCK - 1] < value {
                blocks.push(Vec::new());
                at += 1;
            } else {
                let upper = blocks[at].split_off(BLOCK / 2);
                let above = upper[0] <= value;
                blocks.insert(at + 1, upper);
                at += usize::from(above);
            }
        }
        let before = blocks[at].len();
        insert(&mut blocks[at], value);
        self.len += blocks[at].len() - before;
    }

    fn remove(&mut self, value: T) {
        let Some(at) = self.block(|first| first <= value) else { return };
        let blocks = &mut self.blocks;
        let before = blocks[at].len();
        remove(&mut blocks[at], value);
        self.len -= before - blocks[at].len();
        // Half a block with its neighbour: otherwise values that come and go would leave a block for each that stays. An
        // empty one goes, too, because it fits its neighbour, or because it was the last of full ones.
        for left in [at, at.saturating_sub(1)] {
            if left + 1 < blocks.len() && blocks[left].len() + blocks[left + 1].len() <= BLOCK / 2 {
                let right = blocks.remove(left + 1);
                blocks[left].extend(right);
            }
        }
        if blocks.get(at).is_some_and(Vec::is_empty) {
            blocks.remove(at);
        }
    }
}

fn insert<T: Copy + Ord>(values: &mut Vec<T>, value: T) {
    let at = match values.last() {
        Some(last) if *last >= value => match values.binary_search(&value) {
            Ok(_) => return,
            Err(at) => at,
        },
        _ => values.len(),
    };
    // A quarter more room, not twice as much: there are millions of these.
    if values.len() == values.capacity() {
        values.reserve_exact((values.len() / 4).clamp(2, BLOCK));
    }
    values.insert(at, value);
}

fn remove<T: Copy + Ord>(values: &mut Vec<T>, value: T) {
    if let Ok(at) = values.binary_search(&value) {
        values.remove(at);
        if values.len() * 2 < values.capacity() {
            values.shrink_to(values.len() + values.len() / 4);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn it_does_what_a_set_does(
            steps in prop::collection::vec((any::<bool>(), 0..3000_u32, 1..400_u32), 1..60), from in 0..3000_u32, to in 0..3000_u32,
        ) {
            let (mut sorted, mut model) = (Sorted::default(), BTreeSet::new());
            for (add, start, count) in steps {
                for value in start..start + count {
                    if add { sorted.insert(value); model.insert(value); } else { sorted.remove(value); model.remove(&value); }
                }
                prop_assert_eq!(sorted.len(), model.len());
                prop_assert_eq!(sorted.first(), model.first().copied());
                prop_assert_eq!(sorted.is_empty(), model.is_empty());
                prop_assert_eq!(sorted.below(from), model.range(..from).next_back().copied());
            }
            let between: Vec<u32> = sorted.between(from, to).flatten().copied().collect();
            let expected: Vec<u32> = model.iter().copied().filter(|value| (from..=to).contains(value)).collect();
            prop_assert_eq!(between, expected);
            sorted.replace(|value| value * 2);
            prop_assert!(sorted.blocks().flatten().copied().eq(model.iter().map(|value| value * 2)));
            let mut again = Sorted::of(model.iter().copied().collect());
            prop_assert_eq!(again.len(), model.len());
            again.insert(from);
            model.insert(from);
            prop_assert!(again.blocks().flatten().eq(&model));
        }
    }

    #[test]
    fn what_is_added_in_order_is_dense_and_what_is_removed_leaves_no_blocks() {
        let mut sorted = Sorted::default();
        (0..100_000_u32).for_each(|value| sorted.insert(value));
        let Sorted::Blocks(many) = &sorted else { panic!("flat") };
        let room: usize = many.blocks.iter().map(Vec::capacity).sum();
        assert!(
            many.blocks.len() == 100_000_usize.div_ceil(BLOCK) && room < 120_000,
            "{} blocks, room for {room}",
            many.blocks.len()
        );
        (0..100_000).filter(|value| value % 100 != 0).for_each(|value| sorted.remove(value));
        let Sorted::Blocks(many) = &sorted else { panic!("flat") };
        assert!(many.blocks.len() <= 9 && sorted.len() == 1000, "{} blocks", many.blocks.len());
        (0..100_000).for_each(|value| sorted.remove(value));
        assert!(sorted.is_empty() && matches!(sorted, Sorted::Flat(values) if values.capacity() == 0));
    }
}

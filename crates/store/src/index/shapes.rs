//! What records have in common. Most of a record's terms, its state or its algorithm, are those of thousands of others, and
//! so is the list of the fields its numbers are of: each such combination is kept once.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// Terms that several records have, and the fields of all their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    /// Sorted, each once.
    pub(super) terms: Box<[u64]>,
    /// Sorted; one comes twice if a record has two numbers of it.
    pub(super) fields: Box<[u32]>,
}

/// The shapes of a tenant's records. The number of one that no record has any more is used again.
#[derive(Default)]
pub(super) struct Shapes {
    numbers: HashTable<u32>,
    /// With the number of records of each.
    all: Vec<(Shape, u32)>,
    free: Vec<u32>,
}

/// The terms are hashes already, and the server chooses the fields.
fn hash(terms: &[u64], fields: &[u32]) -> u64 {
    let words = terms.iter().copied().chain(fields.iter().map(|field| u64::from(*field)));
    let mixed = words.fold(0, |hash: u64, word| (hash.rotate_left(23) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    mixed ^ mixed >> 32
}

impl Shapes {
    pub(super) fn get(&self, number: u32) -> &Shape {
        &self.all[number as usize].0
    }

    /// The number of a shape that one more record has.
    pub(super) fn hold(&mut self, terms: &[u64], fields: &[u32]) -> u32 {
        let all = &mut self.all;
        let matches = |number: &u32| {
            let (shape, _) = &all[*number as usize];
            *shape.terms == *terms && *shape.fields == *fields
        };
        let rehash = |number: &u32| hash(&all[*number as usize].0.terms, &all[*number as usize].0.fields);
        let number = match self.numbers.entry(hash(terms, fields), matches, rehash) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(entry) => {
                let number = self.free.pop().unwrap_or(all.len() as u32);
                entry.insert(number);
                let shape = Shape { terms: terms.into(), fields: fields.into() };
                match all.get_mut(number as usize) {
                    Some(free) => *free = (shape, 0),
                    None => all.push((shape, 0)),
                }
                number
            }
        };
        self.hold_again(number);
        number
    }

    /// One more record has a shape that others have.
    pub(super) fn hold_again(&mut self, number: u32) {
        self.all[number as usize].1 += 1;
    }

    /// A record has a shape no longer.
    pub(super) fn release(&mut self, number: u32) {
        let (shape, holders) = &mut self.all[number as usize];
        *holders -= 1;
        if *holders == 0 {
            let gone = std::mem::take(shape);
            if let Ok(entry) = self.numbers.find_entry(hash(&gone.terms, &gone.fields), |known| *known == number) {
                entry.remove();
            }
            self.free.push(number);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_kept_once_and_as_long_as_a_record_has_it() {
        let mut shapes = Shapes::default();
        let one = shapes.hold(&[1, 2], &[7]);
        assert_eq!(shapes.hold(&[1, 2], &[7]), one);
        let others = [shapes.hold(&[1, 2], &[7, 7]), shapes.hold(&[1], &[7]), shapes.hold(&[], &[])];
        assert!(others.iter().all(|other| *other != one) && shapes.len() == 4);
        shapes.hold_again(one);
        (0..2).for_each(|_| shapes.release(one));
        assert_eq!((&*shapes.get(one).terms, &*shapes.get(one).fields, shapes.len()), (&[1, 2][..], &[7][..], 4));
        shapes.release(one);
        assert_eq!((shapes.len(), shapes.hold(&[9], &[])), (3, one));
        for number in 0..1000 {
            let held = shapes.hold(&[number], &[]);
            shapes.release(held);
        }
        assert!(shapes.all.len() <= 5);
    }
}

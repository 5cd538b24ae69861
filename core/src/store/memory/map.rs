//! A sorted map whose copies share what they have in common.

use std::sync::Arc;

/// Entries of a chunk, at most: a change copies one chunk and the list of chunks, not the entries.
const CHUNK_MAX: usize = 128;

type Chunk<K, V> = Arc<Vec<(K, V)>>;

/// A sorted map. A copy costs one count; the first change after it copies the list of chunks (a hundredth of the entries)
/// and every change the one chunk it touches. Readers keep their copy while a writer goes on.
#[derive(Debug)]
pub(super) struct Map<K, V> {
    /// Never empty chunks, in order.
    chunks: Arc<Vec<Chunk<K, V>>>,
}

impl<K, V> Clone for Map<K, V> {
    fn clone(&self) -> Self {
        Self { chunks: Arc::clone(&self.chunks) }
    }
}

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self { chunks: Arc::default() }
    }
}

impl<K: Ord, V> Map<K, V> {
    /// The chunk that holds `key`, or would.
    fn chunk_of(&self, key: &K) -> usize {
        self.chunks.partition_point(|chunk| chunk.last().is_some_and(|(last, _)| last < key))
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        let chunk = self.chunks.get(self.chunk_of(key))?;
        let at = chunk.binary_search_by(|(own, _)| own.cmp(key)).ok()?;
        chunk.get(at).map(|(_, value)| value)
    }

    pub(super) fn contains(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// All entries, in order.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.chunks.iter().flat_map(|chunk| chunk.iter().map(|(key, value)| (key, value)))
    }

    /// All values, in order of their keys.
    pub(super) fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// The entries from `key` on, in order.
    pub(super) fn from<'a>(&'a self, key: &K) -> impl DoubleEndedIterator<Item = (&'a K, &'a V)> + use<'a, K, V> {
        let (_, rest) = self.chunks.split_at(self.chunk_of(key));
        let start = rest.first().map_or(0, |chunk| chunk.partition_point(|(own, _)| own < key));
        let (first, rest) = rest.split_at(rest.len().min(1));
        let first = first.iter().flat_map(move |chunk| chunk.get(start..).unwrap_or_default());
        first.chain(rest.iter().flat_map(|chunk| chunk.iter())).map(|(key, value)| (key, value))
    }

    /// The entries before `key`, in order.
    pub(super) fn before<'a>(&'a self, key: &K) -> impl DoubleEndedIterator<Item = (&'a K, &'a V)> + use<'a, K, V> {
        let (whole, rest) = self.chunks.split_at(self.chunk_of(key));
        let last = rest.first().and_then(|chunk| chunk.get(..chunk.partition_point(|(own, _)| own < key)));
        let whole = whole.iter().flat_map(|chunk| chunk.iter());
        whole.chain(last.unwrap_or_default()).map(|(key, value)| (key, value))
    }
}

impl<K: Ord + Clone, V: Clone> Map<K, V> {
    pub(super) fn insert(&mut self, key: K, value: V) {
        let at = self.chunk_of(&key);
        let chunks = Arc::make_mut(&mut self.chunks);
        let last = chunks.len().saturating_sub(1);
        let Some(chunk) = chunks.get_mut(at.min(last)) else {
            chunks.push(Arc::new(vec![(key, value)]));
            return;
        };
        // Ids grow: a full last chunk is left as it is instead of being halved, so that chunks stay full.
        if at > last && chunk.len() >= CHUNK_MAX {
            chunks.push(Arc::new(vec![(key, value)]));
            return;
        }
        let chunk = Arc::make_mut(chunk);
        match chunk.binary_search_by(|(own, _)| own.cmp(&key)) {
            Ok(found) => {
                if let Some(entry) = chunk.get_mut(found) {
                    entry.1 = value;
                }
            }
            Err(place) => chunk.insert(place, (key, value)),
        }
        if chunk.len() > CHUNK_MAX {
            let upper = chunk.split_off(CHUNK_MAX / 2);
            chunks.insert(at.min(last) + 1, Arc::new(upper));
        }
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let at = self.chunk_of(key);
        let place = self.chunks.get(at)?.binary_search_by(|(own, _)| own.cmp(key)).ok()?;
        let chunks = Arc::make_mut(&mut self.chunks);
        let chunk = Arc::make_mut(chunks.get_mut(at)?);
        let (_, value) = chunk.remove(place);
        if chunk.is_empty() {
            chunks.remove(at);
        }
        Some(value)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let at = self.chunk_of(key);
        let place = self.chunks.get(at)?.binary_search_by(|(own, _)| own.cmp(key)).ok()?;
        let chunk = Arc::make_mut(Arc::make_mut(&mut self.chunks).get_mut(at)?);
        chunk.get_mut(place).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::Map;

    #[test]
    fn a_copy_keeps_what_it_had() {
        let mut map = Map::default();
        for key in 0..1_000 {
            map.insert(key, key);
        }
        let copy = map.clone();
        for key in 0..1_000 {
            map.remove(&key);
        }
        assert!(map.iter().next().is_none());
        assert_eq!(copy.values().copied().collect::<Vec<_>>(), (0..1_000).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn it_behaves_as_the_standard_sorted_map(steps in proptest::collection::vec((0u8..4, 0u16..600, any::<u8>()), 0..2_000), edge in 0u16..600) {
            let mut map = Map::default();
            let mut model = BTreeMap::new();
            for (what, key, value) in steps {
                if what == 0 {
                    prop_assert_eq!(map.remove(&key), model.remove(&key));
                } else if what == 1 {
                    if let Some(own) = map.get_mut(&key) { *own = value; }
                    if let Some(own) = model.get_mut(&key) { *own = value; }
                } else {
                    map.insert(key, value);
                    model.insert(key, value);
                }
                prop_assert_eq!(map.get(&key), model.get(&key));
            }
            prop_assert!(map.iter().eq(model.iter()));
            prop_assert!(map.iter().rev().eq(model.iter().rev()));
            prop_assert!(map.from(&edge).eq(model.range(edge..)));
            prop_assert!(map.from(&edge).rev().eq(model.range(edge..).rev()));
            prop_assert!(map.before(&edge).eq(model.range(..edge)));
            prop_assert!(map.before(&edge).rev().eq(model.range(..edge).rev()));
        }
    }
}

//! The arena: regions with lifetimes, laid over one another.

/// Bytes of a cache line: regions take whole ones.
const LINE: usize = 64;

/// A region of the arena, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegionId(usize);

/// Something that needs so many bytes of memory from one step to another.
#[derive(Clone, Debug)]
struct Region {
    len: usize,
    birth: usize,
    death: usize,
}

/// Regions, to be placed together.
#[derive(Clone, Debug, Default)]
pub struct Regions(Vec<Region>);

/// Where each region lies.
#[derive(Clone, Debug)]
pub struct Placement {
    offsets: Vec<usize>,
    /// Bytes of the arena so far.
    pub len: usize,
}

impl Regions {
    /// A region of `len` bytes that lives during `step`.
    pub fn add(&mut self, len: usize, step: usize) -> RegionId {
        self.0.push(Region { len: len.next_multiple_of(LINE), birth: step, death: step });
        RegionId(self.0.len() - 1)
    }

    /// Lets a region live until `step`, and hold `len` bytes.
    pub fn extend(&mut self, id: RegionId, len: usize, step: usize) {
        let region = &mut self.0[id.0];
        region.len = region.len.max(len.next_multiple_of(LINE));
        region.death = region.death.max(step);
    }

    /// Bytes up to which the arena is taken during `step`.
    pub fn top(&self, placement: &Placement, step: usize) -> usize {
        let live = |r: &Region| r.birth <= step && step <= r.death;
        let ends =
            self.0.iter().zip(&placement.offsets).filter(|(r, _)| live(r)).map(|(r, offset)| offset + r.len);
        ends.max().unwrap_or(0)
    }

    /// Places the largest first, each at the lowest offset that is free while it lives.
    pub fn place(&self) -> Placement {
        let mut order: Vec<usize> = (0..self.0.len()).collect();
        order.sort_by_key(|&i| (std::cmp::Reverse(self.0[i].len), i));
        let mut offsets = vec![0; self.0.len()];
        let mut placed: Vec<usize> = Vec::new();
        for i in order {
            offsets[i] = self.lowest(i, &placed, &offsets);
            placed.push(i);
        }
        let len = self.0.iter().zip(&offsets).map(|(region, offset)| offset + region.len).max().unwrap_or(0);
        Placement { offsets, len }
    }

    fn lowest(&self, i: usize, placed: &[usize], offsets: &[usize]) -> usize {
        let region = &self.0[i];
        let overlaps = |r: &Region| r.birth <= region.death && region.birth <= r.death;
        let mut taken: Vec<(usize, usize)> = placed
            .iter()
            .filter(|&&j| overlaps(&self.0[j]))
            .map(|&j| (offsets[j], offsets[j] + self.0[j].len))
            .collect();
        taken.sort_unstable();
        let mut offset = 0;
        for (start, end) in taken {
            if start >= offset + region.len {
                break;
            }
            offset = offset.max(end);
        }
        offset
    }
}

impl Placement {
    /// Where a region lies.
    pub fn offset(&self, id: RegionId) -> usize {
        self.offsets[id.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_that_never_meet_share_memory() {
        let mut regions = Regions::default();
        let a = regions.add(100, 0);
        let b = regions.add(50, 0);
        regions.extend(b, 50, 1);
        let c = regions.add(90, 1);
        let placement = regions.place();
        assert_eq!([a, b, c].map(|id| placement.offset(id)), [0, 128, 0]);
        assert_eq!(placement.len, 128 + 64);
        assert_eq!(regions.top(&placement, 1), 128 + 64);
    }
}

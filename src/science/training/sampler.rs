use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Independent uses of one seed. The numbers are part of what a seed means: never reorder them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    SegmentorWeights = 1,
    DiscriminatorWeights = 2,
    AnnotatedOrder = 3,
    UnlabelledOrder = 4,
    MaskOrder = 5,
    AnnotatedAugmentation = 6,
    UnlabelledAugmentation = 7,
    MaskAugmentation = 8,
    DiscriminatorNoise = 9,
    GeneratorNoise = 10,
    AnnotatedNoise = 11,
    LabelNoise = 12,
    AnnotatedLabelNoise = 13,
    GeneratorLabelNoise = 14,
    DenoiserWeights = 40,
    Degradation = 41,
    ValidationDegradation = 42,
    DeformationWeights = 43,
    DeformationVectors = 44,
    DeformationChoice = 45,
    IntensityWeights = 46,
    IntensityVectors = 47,
    IntensityChoice = 48,
    TsdaTraining = 60,
}

/// The random generator of one use of a seed at one step. Nothing is carried from step to step, so a
/// training that goes on from a checkpoint draws what it would have drawn.
pub fn generator(seed: u64, stream: Stream, step: usize) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&(stream as u64).to_le_bytes());
    key[16..24].copy_from_slice(&(step as u64).to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

/// Endless passes over `length` items, each pass in a new order.
#[derive(Debug, Clone, Copy)]
pub struct Sampler {
    pub seed: u64,
    pub stream: Stream,
    pub length: usize,
}

impl Sampler {
    /// The items of batch `step`; a batch may straddle two passes.
    pub fn batch(&self, step: usize, size: usize) -> Vec<usize> {
        let first = step * size;
        let mut batch = Vec::with_capacity(size);
        let mut order = (usize::MAX, Vec::new());
        for position in first..first + size {
            let pass = position / self.length;
            if order.0 != pass {
                order = (pass, self.order(pass));
            }
            batch.push(order.1[position % self.length]);
        }
        batch
    }

    fn order(&self, pass: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.length).collect();
        order.shuffle(&mut generator(self.seed, self.stream, pass));
        order
    }
}

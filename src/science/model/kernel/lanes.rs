//! Vectors of the processor at hand, chosen when the program runs.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;
use std::sync::OnceLock;

/// The widest vectors that the processor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instructions {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

/// The environment's wish for narrower vectors, and the words that it may have.
const LIMIT: &str = "RUNNER_VECTORS";
const LIMITS: [&str; 3] = ["avx512", "avx2", "portable"];

/// Says what is wrong with `RUNNER_VECTORS`, if it is set and means nothing.
pub fn check_vectors() -> Result<(), String> {
    match std::env::var_os(LIMIT) {
        Some(limit) if !LIMITS.iter().any(|known| limit == *known) => {
            let limit = limit.to_string_lossy();
            Err(format!("the environment's {LIMIT} is `{limit}`: it may be {}, or unset", LIMITS.join(", ")))
        }
        _ => Ok(()),
    }
}

/// What the processor has, but no more than `RUNNER_VECTORS` says: results differ in their last bits between
/// these.
pub(super) fn instructions() -> Instructions {
    static BEST: OnceLock<Instructions> = OnceLock::new();
    *BEST.get_or_init(|| best(&std::env::var(LIMIT).unwrap_or_default()))
}

fn best(limit: &str) -> Instructions {
    #[cfg(target_arch = "x86_64")]
    {
        // The AVX-512 functions call AVX2 ones: both are asked for.
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        if avx2 && limit != "avx2" && limit != "portable" && is_x86_feature_detected!("avx512f") {
            return Instructions::Avx512;
        }
        if avx2 && limit != "portable" {
            return Instructions::Avx2;
        }
    }
    Instructions::Portable
}

/// A vector of floats. Pointers must be valid for `WIDTH` values, and the processor must have the type's
/// instructions.
pub(super) trait Lanes: Copy {
    const WIDTH: usize;
    /// Filters of a register block: as many as leave no sum in memory.
    const FILTERS: usize;
    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// `self * factor + sum`
    unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self;
    unsafe fn total(self) -> f32;
    unsafe fn plus(self, other: Self) -> Self;
    unsafe fn minus(self, other: Self) -> Self;
    unsafe fn times(self, factor: f32) -> Self;
    /// `self * factor + sum`
    #[inline(always)]
    unsafe fn times_plus(self, factor: f32, sum: Self) -> Self {
        unsafe { self.multiply_add(Self::splat(factor), sum) }
    }
}

/// Rows of a register block, of those that are left: as many as leave no sum in memory.
#[inline(always)]
pub(super) fn rows_together<V: Lanes>(left: usize) -> usize {
    match left {
        8.. if V::FILTERS >= 8 => 8,
        4.. => 4,
        2.. => 2,
        _ => 1,
    }
}

/// Channels that the widest vectors divide, whatever they are.
pub(super) const ANY_WIDTH: usize = 16;
/// Channels for vectors of eight.
pub(super) const EIGHT: usize = 8;

/// Work that is written once for all vectors. `run` and all that it calls must be `#[inline(always)]`, so
/// that it is compiled for the instructions at hand.
pub(super) trait Vectorised: Sized {
    /// # Safety
    /// The processor must have the instructions of `V`; more is said where it is implemented.
    unsafe fn run<V: Lanes>(self);

    /// Runs with the widest vectors that divide `channels`, a multiple of 8.
    ///
    /// # Safety
    /// As the implementation says.
    unsafe fn run_widest(self, channels: usize) {
        unsafe {
            match instructions() {
                #[cfg(target_arch = "x86_64")]
                Instructions::Avx512 if channels.is_multiple_of(16) => run_avx512(self),
                #[cfg(target_arch = "x86_64")]
                Instructions::Avx512 | Instructions::Avx2 => run_avx2(self),
                Instructions::Portable => self.run::<Portable>(),
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
unsafe fn run_avx512(work: impl Vectorised) {
    unsafe { work.run::<__m512>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn run_avx2(work: impl Vectorised) {
    unsafe { work.run::<__m256>() }
}

#[cfg(target_arch = "x86_64")]
impl Lanes for __m512 {
    const WIDTH: usize = 16;
    const FILTERS: usize = 8;
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        unsafe { _mm512_set1_ps(value) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { _mm512_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, self) }
    }
    #[inline(always)]
    unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self {
        unsafe { _mm512_fmadd_ps(self, factor, sum) }
    }
    #[inline(always)]
    unsafe fn total(self) -> f32 {
        unsafe { _mm512_reduce_add_ps(self) }
    }
    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        unsafe { _mm512_add_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn minus(self, other: Self) -> Self {
        unsafe { _mm512_sub_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn times(self, factor: f32) -> Self {
        unsafe { _mm512_mul_ps(self, _mm512_set1_ps(factor)) }
    }
}

#[cfg(target_arch = "x86_64")]
impl Lanes for __m256 {
    const WIDTH: usize = 8;
    const FILTERS: usize = 4;
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        unsafe { _mm256_set1_ps(value) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { _mm256_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm256_storeu_ps(to, self) }
    }
    #[inline(always)]
    unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self {
        unsafe { _mm256_fmadd_ps(self, factor, sum) }
    }
    #[inline(always)]
    unsafe fn total(self) -> f32 {
        let mut lanes = [0.0; 8];
        unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), self) };
        unsafe { Portable::total(Portable::load(lanes.as_ptr())) }
    }
    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        unsafe { _mm256_add_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn minus(self, other: Self) -> Self {
        unsafe { _mm256_sub_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn times(self, factor: f32) -> Self {
        unsafe { _mm256_mul_ps(self, _mm256_set1_ps(factor)) }
    }
}

/// Eight floats that the compiler makes the best of.
#[derive(Clone, Copy)]
pub(super) struct Portable([f32; 8]);

impl Lanes for Portable {
    const WIDTH: usize = 8;
    const FILTERS: usize = 4;
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Portable([value; 8])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Portable(unsafe { from.cast::<[f32; 8]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { to.cast::<[f32; 8]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self {
        let mut result = sum;
        for lane in 0..8 {
            result.0[lane] += self.0[lane] * factor.0[lane];
        }
        result
    }
    #[inline(always)]
    unsafe fn total(self) -> f32 {
        let [a, b, c, d, e, f, g, h] = self.0;
        ((a + e) + (c + g)) + ((b + f) + (d + h))
    }
    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        Portable(std::array::from_fn(|lane| self.0[lane] + other.0[lane]))
    }
    #[inline(always)]
    unsafe fn minus(self, other: Self) -> Self {
        Portable(std::array::from_fn(|lane| self.0[lane] - other.0[lane]))
    }
    #[inline(always)]
    unsafe fn times(self, factor: f32) -> Self {
        Portable(self.0.map(|value| value * factor))
    }
}

/// Compiles a function's body for each instruction set and calls the best one. The body must consist of
/// plain loops over slices; the compiler makes vectors of them.
macro_rules! vectorised {
    ($(#[$meta:meta])* $visibility:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block) => {
        $(#[$meta])*
        $visibility fn $name($($argument: $type),*) $(-> $result)? {
            #[inline(always)]
            fn body($($argument: $type),*) $(-> $result)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx2,fma")]
            unsafe fn avx512($($argument: $type),*) $(-> $result)? {
                body($($argument),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2($($argument: $type),*) $(-> $result)? {
                body($($argument),*)
            }
            match $crate::science::model::kernel::lanes::instructions() {
                // SAFETY: the processor has what the function was compiled for.
                #[cfg(target_arch = "x86_64")]
                $crate::science::model::kernel::lanes::Instructions::Avx512 => unsafe { avx512($($argument),*) },
                #[cfg(target_arch = "x86_64")]
                $crate::science::model::kernel::lanes::Instructions::Avx2 => unsafe { avx2($($argument),*) },
                $crate::science::model::kernel::lanes::Instructions::Portable => body($($argument),*),
            }
        }
    };
}
pub(super) use vectorised;

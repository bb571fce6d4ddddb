//! Threads that share the work of one run.
//!
//! A layer is many independent tasks. The thread that runs the network offers them; the team's other threads join if
//! they are awake, and everybody claims tasks one by one until none is left. Each thread begins with the same share of every
//! job, because what it reads is then what it has written in the job before, and goes on with the others' shares. Nobody is
//! waited for who has not joined, so that a thread that the system does not schedule costs nothing but its help.
//!
//! ```text
//! state = generation | open | joined
//!
//! run:    job = tasks;  state = (generation + 1, open, 0)     publishes the job
//!         claim and work;  close;  wait until joined = 0      nobody can join or is left inside: the job is over
//! others: see a new generation that is open;  joined + 1      by compare-and-swap, so that closing is final
//!         claim and work;  joined - 1
//! ```
//!
//! Between jobs a thread spins for a while, because the next layer follows at once, and then sleeps. On a busy machine both
//! can do harm: one that has joined and then loses its processor keeps the others waiting, and one that spins on the
//! processor of the calling thread keeps it from working. So the calling thread works alone for a multiple of the time that
//! it has waited too long, or has not been helped: what is lost is a share of the whole, however busy the machine is.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};
use std::vec::Vec;

/// Rounds of spinning before a thread sleeps: about a hundred microseconds, a few layers.
const SPINS: u32 = if cfg!(miri) { 10 } else { 4_000 };

/// Others finish at about the same time: a wait longer than one's own work, and than this, is for one who has lost its
/// processor.
const PATIENCE: Duration = Duration::from_micros(50);
/// Others wake up in less time than this: work without help for longer means that there is no processor for them.
const WAKING: Duration = Duration::from_micros(300);
/// Time that is lost is followed by so many times as long without the others.
const REST: u32 = 20;

/// Set in the state while a job may be joined.
const OPEN: u64 = 1 << 32;
/// One generation of the state; below [`OPEN`] stands how many have joined.
const GENERATION: u64 = 1 << 33;

/// Threads, the calling one among them. They end when it is dropped.
pub struct Team {
    shared: Arc<Shared>,
    others: Vec<JoinHandle<()>>,
    start: Instant,
    /// Nanoseconds after the start up to which the calling thread works alone.
    rest: AtomicU64,
    /// Nanoseconds of work since somebody has helped.
    unhelped: AtomicU64,
}

struct Shared {
    state: AtomicU64,
    /// The next task of each thread's share.
    next: Vec<Counter>,
    job: UnsafeCell<Job>,
    sleepers: AtomicUsize,
    ended: AtomicBool,
    /// Whether there is a job.
    busy: AtomicBool,
}

/// A counter in cache lines of its own: neighbours are fetched together.
#[repr(align(128))]
#[derive(Default)]
struct Counter(AtomicUsize);

/// What is to be done: `work` for each number below `tasks`.
#[derive(Clone, Copy)]
struct Job {
    work: *const (dyn Fn(usize) + Sync),
    tasks: usize,
}

// SAFETY: `job` is written by `Team::run` alone, while no thread has joined or can join, and read by threads that have
// joined; the state's release and acquire order the two. What `work` points to is Sync, and outlives the job, because
// `run` returns only when nobody is inside.
unsafe impl Sync for Shared {}
// SAFETY: as above; nothing in it belongs to a thread.
unsafe impl Send for Shared {}

impl Team {
    /// A team of so many threads. All but the calling one are started here.
    pub fn new(threads: NonZeroUsize) -> Self {
        let shared = Arc::new(Shared {
            state: AtomicU64::new(0),
            next: (0..threads.get()).map(|_| Counter::default()).collect(),
            job: UnsafeCell::new(Job { work: &|_| (), tasks: 0 }),
            sleepers: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
            busy: AtomicBool::new(false),
        });
        let start = |thread| {
            let shared = Arc::clone(&shared);
            // A system that gives fewer threads has a smaller team.
            thread::Builder::new().name("mobilenet".into()).spawn(move || shared.help(thread)).ok()
        };
        let others = (1..threads.get()).filter_map(start).collect();
        Team { shared, others, start: Instant::now(), rest: 0.into(), unhelped: 0.into() }
    }

    /// Threads, the calling one included.
    pub fn threads(&self) -> usize {
        self.others.len() + 1
    }

    /// Calls `work` with each number below `tasks` once, on any of the threads, and returns when all calls have. A team that
    /// is at work already is not waited for: the calling thread does everything.
    pub(crate) fn run(&self, tasks: usize, work: &(dyn Fn(usize) + Sync)) {
        let shared = &*self.shared;
        if tasks < 2 || self.others.is_empty() || shared.busy.swap(true, Ordering::Acquire) {
            return (0..tasks).for_each(work);
        }
        let start = self.start.elapsed();
        // SAFETY: the lifetime is only forgotten; the job ends before this function does.
        let work: &'static (dyn Fn(usize) + Sync) = unsafe { core::mem::transmute(work) };
        // SAFETY: `busy` was false, so this is the only one that runs a job, and the last one is over: nobody reads.
        unsafe { *shared.job.get() = Job { work, tasks } };
        for (thread, next) in shared.next.iter().enumerate() {
            next.0.store(shared.share(thread, tasks), Ordering::Relaxed);
        }
        let generation = shared.state.load(Ordering::Relaxed) / GENERATION + 1;
        // Sequentially consistent with going to sleep: either the sleeper sees the job, or this sees the sleeper.
        shared.state.store((generation * GENERATION) | OPEN, Ordering::SeqCst);
        if shared.sleepers.load(Ordering::SeqCst) > 0 {
            self.others.iter().map(JoinHandle::thread).for_each(Thread::unpark);
        }
        // Also when `work` panics, nobody may be left inside.
        let over = Over(shared);
        let done = shared.work(0, tasks, work);
        let worked = self.start.elapsed() - start;
        drop(over);
        let waited = self.start.elapsed() - start - worked;
        self.consider(worked, waited, done < tasks);
    }

    /// Decides on a rest after a job.
    fn consider(&self, worked: Duration, waited: Duration, helped: bool) {
        let before = Duration::from_nanos(self.unhelped.load(Ordering::Relaxed));
        let unhelped = if helped { Duration::ZERO } else { before + worked };
        let late = if waited > worked.max(PATIENCE) { waited } else { Duration::ZERO };
        let idle = if unhelped > WAKING { unhelped } else { Duration::ZERO };
        self.unhelped.store(if idle.is_zero() { unhelped.as_nanos() as u64 } else { 0 }, Ordering::Relaxed);
        let lost = late.max(idle);
        if !lost.is_zero() {
            self.rest.store((self.start.elapsed() + lost * REST).as_nanos() as u64, Ordering::Relaxed);
        }
    }

    /// Whether the calling thread had better work alone.
    pub(crate) fn is_resting(&self) -> bool {
        self.start.elapsed() < Duration::from_nanos(self.rest.load(Ordering::Relaxed))
    }
}

/// Closes the job when it is dropped, and waits until nobody is inside.
struct Over<'s>(&'s Shared);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.fetch_and(!OPEN, Ordering::Acquire) & !OPEN;
        let mut spins = 0;
        while !state.is_multiple_of(OPEN) {
            spin(&mut spins);
            state = self.0.state.load(Ordering::Acquire);
        }
        self.0.busy.store(false, Ordering::Release);
    }
}

/// Waits a moment; after many moments lets other threads have the processor.
fn spin(spins: &mut u32) {
    *spins += 1;
    if *spins < SPINS { core::hint::spin_loop() } else { thread::yield_now() }
}

impl Shared {
    /// Where a thread's share of the tasks begins.
    fn share(&self, thread: usize, tasks: usize) -> usize {
        tasks * thread / self.next.len()
    }

    /// Claims tasks until none is left, those of the thread's own share first; how many it has done.
    fn work(&self, thread: usize, tasks: usize, work: &dyn Fn(usize)) -> usize {
        let threads = self.next.len();
        let mut done = 0;
        for share in (thread..threads).chain(0..thread) {
            let end = self.share(share + 1, tasks);
            loop {
                let task = self.next[share].0.fetch_add(1, Ordering::Relaxed);
                if task >= end {
                    break;
                }
                work(task);
                done += 1;
            }
        }
        done
    }

    /// The life of a thread that helps.
    fn help(&self, thread: usize) {
        let mut seen = 0;
        while !self.ended.load(Ordering::Relaxed) {
            let state = self.wait(seen);
            seen = state / GENERATION;
            if self.join(state) {
                let left = Left(self);
                // SAFETY: joined: the job stays as it is until `left` is dropped.
                let Job { work, tasks } = unsafe { *self.job.get() };
                // SAFETY: what `work` points to lives as long as the job.
                self.work(thread, tasks, unsafe { &*work });
                drop(left);
            }
        }
    }

    /// Joins the job of a state, unless it has been closed or others have changed the state too often.
    fn join(&self, mut state: u64) -> bool {
        let generation = state / GENERATION;
        while state & OPEN != 0 && state / GENERATION == generation {
            match self.state.compare_exchange_weak(state, state + 1, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    /// Waits for a generation that has not been seen, first awake, then asleep.
    fn wait(&self, seen: u64) -> u64 {
        for _ in 0..SPINS {
            let state = self.state.load(Ordering::Relaxed);
            if state / GENERATION != seen {
                return state;
            }
            core::hint::spin_loop();
        }
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        let mut state = self.state.load(Ordering::SeqCst);
        while state / GENERATION == seen && !self.ended.load(Ordering::SeqCst) {
            thread::park();
            state = self.state.load(Ordering::SeqCst);
        }
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
        state
    }
}

/// Leaves the job when it is dropped.
struct Left<'s>(&'s Shared);

impl Drop for Left<'_> {
    fn drop(&mut self) {
        self.0.state.fetch_sub(1, Ordering::Release);
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        for other in self.others.drain(..) {
            other.thread().unpark();
            // A thread that has panicked has said so already.
            let _ = other.join();
        }
    }
}

impl core::fmt::Debug for Team {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Team").field("threads", &self.threads()).finish()
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use std::time::Duration;

    fn team(threads: usize) -> Team {
        Team::new(NonZeroUsize::new(threads).unwrap())
    }

    #[test]
    fn every_task_is_done_once() {
        for threads in [1, 2, 3, 8] {
            let team = team(threads);
            assert_eq!(team.threads(), threads);
            for tasks in [0, 1, 2, 3, 7, 100, 1000] {
                let done: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                team.run(tasks, &|task| {
                    done[task].fetch_add(1, Ordering::Relaxed);
                });
                assert!(done.iter().all(|done| done.load(Ordering::Relaxed) == 1), "{threads} {tasks}");
            }
        }
    }

    #[test]
    fn each_job_sees_what_the_one_before_has_written() {
        let team = team(4);
        let values: Vec<AtomicUsize> = (0..64).map(|_| AtomicUsize::new(0)).collect();
        // Miri takes a second for each.
        const ROUNDS: usize = if cfg!(miri) { 20 } else { 2000 };
        for round in 0..ROUNDS {
            team.run(64, &|task| {
                let before = values[(task + 1) % 64].load(Ordering::Relaxed);
                assert!(before == round || before == round + 1);
                values[task].store(round + 1, Ordering::Relaxed);
            });
        }
        assert!(values.iter().all(|value| value.load(Ordering::Relaxed) == ROUNDS));
    }

    #[test]
    fn threads_that_sleep_are_woken() {
        let team = team(2);
        for _ in 0..3 {
            thread::sleep(Duration::from_millis(20));
            let both = std::sync::Barrier::new(2);
            // Ends only if two threads are inside.
            team.run(2, &|_| {
                both.wait();
            });
        }
    }

    #[test]
    fn lost_time_is_followed_by_rest() {
        let team = team(2);
        let caller = thread::current().id();
        let joined = AtomicBool::new(false);
        assert!(!team.is_resting());
        while !joined.load(Ordering::Relaxed) {
            // The other thread, if it joins, takes longer than the caller for its one task.
            team.run(2, &|_| {
                let other = thread::current().id() != caller;
                joined.fetch_or(other, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(if other { 200 } else { 20 }));
            });
        }
        assert!(team.is_resting());
    }

    #[test]
    fn a_panic_leaves_nobody_inside() {
        let team = team(2);
        let caller = thread::current().id();
        let begun = AtomicBool::new(false);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            team.run(100, &|_| {
                begun.fetch_or(thread::current().id() == caller, Ordering::Relaxed);
                assert!(thread::current().id() != caller, "on purpose");
                // Or the other thread could do everything before the caller begins.
                while !begun.load(Ordering::Relaxed) {
                    thread::yield_now();
                }
            });
        }));
        assert!(result.is_err());
        let done = AtomicUsize::new(0);
        team.run(10, &|_| {
            done.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(done.load(Ordering::Relaxed), 10);
    }
}

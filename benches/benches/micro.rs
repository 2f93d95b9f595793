//! How long the steps of a call take that happen in this process.
//!
//! `cargo bench -p session-benches --bench micro`; the steps are in `benches/micro`, whose test
//! counts their instructions.

use criterion::{Criterion, criterion_group, criterion_main};

fn steps(criterion: &mut Criterion) {
    for step in session_micro::steps() {
        criterion.bench_function(step.name, |bencher| bencher.iter(|| step.run()));
    }
}

criterion_group!(micro, steps);
criterion_main!(micro);

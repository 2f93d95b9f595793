//! `session-micro STEP TIMES` does a step so many times, for valgrind to watch.

use std::env;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(name), Some(times)) = (arguments.next(), arguments.next()) else {
        return Err("usage: session-micro STEP TIMES".into());
    };
    let steps = session_micro::steps();
    let step = steps.iter().find(|step| step.name == name);
    let step = step.ok_or_else(|| format!("no step is called {name:?}"))?;
    for _ in 0..times.parse::<u32>()? {
        step.run();
    }
    Ok(())
}

//! How the line that each request leaves is put together, at little more than the cost of copying
//! it: `tracing-subscriber`'s own formats take longer for the line than the server for the request.
//!
//! The line is the same, byte for byte. All other events are left to those formats, and so is this
//! one within a span or in colours.

use std::cell::Cell;
use std::fmt::{self, Debug, Write as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{Format, Full, Json, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// A line of text for each event.
#[derive(Debug)]
pub(crate) struct Text(pub(crate) Format<Full>);

/// A JSON object for each event.
#[derive(Debug)]
pub(crate) struct JsonObject(pub(crate) Format<Json>);

/// Where the event of each request comes from.
const TARGET: &str = "session_server::exchange";

fn is_simple(event: &Event<'_>) -> bool {
    let metadata = event.metadata();
    metadata.target() == TARGET && *metadata.level() == Level::INFO
}

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let in_span = context.lookup_current().is_some();
        if in_span || writer.has_ansi_escapes() || !is_simple(event) {
            return self.0.format_event(context, writer, event);
        }
        writer.write_str(&text(event))
    }
}

impl<S, N> FormatEvent<S, N> for JsonObject
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if context.lookup_current().is_some() || !is_simple(event) {
            return self.0.format_event(context, writer, event);
        }
        writer.write_str(&json(event))
    }
}

/// Most lines fit.
const LINE_BYTES: usize = 512;

fn text(event: &Event<'_>) -> String {
    let mut line = String::with_capacity(LINE_BYTES);
    push_time(&mut line, SystemTime::now());
    let metadata = event.metadata();
    // Levels are set flush right.
    line.push_str("  INFO ");
    line.push_str(metadata.target());
    line.push_str(": ");
    event.record(&mut TextFields {
        line: &mut line,
        is_first: true,
    });
    line.push('\n');
    line
}

fn json(event: &Event<'_>) -> String {
    let mut line = String::with_capacity(LINE_BYTES);
    line.push_str("{\"timestamp\":\"");
    push_time(&mut line, SystemTime::now());
    let metadata = event.metadata();
    line.push_str("\",\"level\":\"");
    line.push_str(metadata.level().as_str());
    line.push('"');
    event.record(&mut JsonFields { line: &mut line });
    line.push_str(",\"target\":\"");
    line.push_str(metadata.target());
    line.push_str("\"}\n");
    line
}

struct TextFields<'a> {
    line: &'a mut String,
    is_first: bool,
}

impl TextFields<'_> {
    fn name(&mut self, field: &Field) -> &mut String {
        if !std::mem::take(&mut self.is_first) {
            self.line.push(' ');
        }
        if field.name() != "message" {
            self.line.push_str(field.name());
            self.line.push('=');
        }
        self.line
    }
}

impl Visit for TextFields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        let line = self.name(field);
        if field.name() == "message" {
            line.push_str(value);
        } else if is_plain(value) {
            line.push('"');
            line.push_str(value);
            line.push('"');
        } else {
            let _ = write!(line, "{value:?}");
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        push_thousandths(self.name(field), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.name(field), "{value:?}");
    }
}

struct JsonFields<'a> {
    line: &'a mut String,
}

impl JsonFields<'_> {
    fn name(&mut self, field: &Field) -> &mut String {
        self.line.push_str(",\"");
        self.line.push_str(field.name());
        self.line.push_str("\":");
        self.line
    }

    fn text(&mut self, field: &Field, value: &str) {
        let line = self.name(field);
        if is_plain(value) {
            line.push('"');
            line.push_str(value);
            line.push('"');
        } else {
            let text = serde_json::to_string(value);
            line.push_str(&text.expect("a string is JSON"));
        }
    }
}

impl Visit for JsonFields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        let _ = write!(self.name(field), "{value}");
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        let _ = write!(self.name(field), "{value}");
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        let _ = write!(self.name(field), "{value}");
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        push_thousandths(self.name(field), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field, &format!("{value:?}"));
    }
}

/// Whether quotes are all that a text needs around it.
fn is_plain(text: &str) -> bool {
    let needs_escape = |byte: u8| !(b' '..=b'~').contains(&byte) || matches!(byte, b'"' | b'\\');
    !text.bytes().any(needs_escape)
}

/// A number of at most three decimals, as `{:?}` shows it.
fn push_thousandths(line: &mut String, value: f64) {
    let thousandths = (value * 1e3).round();
    if !(0.0..1e15).contains(&thousandths) || thousandths / 1e3 != value {
        let _ = write!(line, "{value:?}");
        return;
    }
    let thousandths = thousandths as u64;
    let _ = write!(line, "{}.", thousandths / 1000);
    let decimals = format_digits::<3>(thousandths % 1000);
    let decimals = str::from_utf8(&decimals).expect("digits are ASCII");
    match decimals.trim_end_matches('0') {
        "" => line.push('0'),
        some => line.push_str(some),
    }
}

fn format_digits<const N: usize>(mut number: u64) -> [u8; N] {
    let mut digits = [b'0'; N];
    for digit in digits.iter_mut().rev() {
        *digit += (number % 10) as u8;
        number /= 10;
    }
    digits
}

/// UTC, RFC 3339, with microseconds.
fn push_time(line: &mut String, now: SystemTime) {
    thread_local! {
        /// A second since the epoch and how it begins: there are many lines a second.
        static SECOND: Cell<(u64, [u8; 19])> = const { Cell::new((u64::MAX, [b'0'; 19])) };
    }
    let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let (mut second, mut text) = SECOND.get();
    if second != since_epoch.as_secs() {
        second = since_epoch.as_secs();
        text = format_second(second);
        SECOND.set((second, text));
    }
    line.push_str(str::from_utf8(&text).expect("a date is ASCII"));
    line.push('.');
    let micros = format_digits::<6>(u64::from(since_epoch.subsec_micros()));
    line.push_str(str::from_utf8(&micros).expect("digits are ASCII"));
    line.push('Z');
}

fn format_second(second: u64) -> [u8; 19] {
    // The format's years have four digits.
    const LAST_OF_9999: u64 = 253_402_300_799;
    let second = UNIX_EPOCH + Duration::from_secs(second.min(LAST_OF_9999));
    let text = humantime::format_rfc3339_seconds(second).to_string();
    let text = text.as_bytes().first_chunk();
    *text.expect("date and time have 19 characters")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};
    use tracing::subscriber::with_default;
    use tracing_subscriber::fmt::MakeWriter;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("it isn't poisoned").extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Written {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    fn log_some() {
        for (path, latency_ms) in [("/healthz", 0.25), ("/\"ü\\\u{1b}", 1234.567), ("", 3.0)] {
            for status in [200_u64, 404] {
                tracing::info!(
                    target: TARGET,
                    method = %"GET",
                    path,
                    request_id = Some("req-1"),
                    caller = None::<&str>,
                    status,
                    latency_ms,
                    "answered"
                );
            }
        }
    }

    /// What is written, but for the times.
    fn lines(
        subscriber: impl Subscriber + Send + Sync + 'static,
        written: &Written,
    ) -> Vec<String> {
        with_default(subscriber, log_some);
        let written = written.0.lock().expect("it isn't poisoned").clone();
        let text = String::from_utf8(written).expect("a log is UTF-8");
        let without_time = |line: &str| {
            let at = line.find("20").expect("there is a time");
            let time = &line[at..at + 27];
            assert!(humantime::parse_rfc3339(time).is_ok(), "{time}");
            line.replacen(time, "TIME", 1)
        };
        text.lines().map(without_time).collect()
    }

    #[test]
    fn text_is_as_the_library_writes_it() {
        let (theirs, ours) = (Written::default(), Written::default());
        let log = || tracing_subscriber::fmt().with_ansi(false);
        let format = Text(tracing_subscriber::fmt::format());
        let our_log = log().with_writer(ours.clone()).event_format(format);
        let expected = lines(log().with_writer(theirs.clone()).finish(), &theirs);
        assert_eq!(lines(our_log.finish(), &ours), expected);
    }

    #[test]
    fn json_is_as_the_library_writes_it() {
        let (theirs, ours) = (Written::default(), Written::default());
        let log = || tracing_subscriber::fmt().json().flatten_event(true);
        let format = tracing_subscriber::fmt::format().json().flatten_event(true);
        let our_log = log()
            .with_writer(ours.clone())
            .event_format(JsonObject(format));
        let expected = lines(log().with_writer(theirs.clone()).finish(), &theirs);
        assert_eq!(lines(our_log.finish(), &ours), expected);
    }

    #[test]
    fn a_second_is_formatted_once_and_kept_apart_from_the_next() {
        let mut line = String::new();
        for micros in [
            1_739_010_600_000_007,
            1_739_010_600_999_999,
            1_739_010_601_000_000,
        ] {
            push_time(&mut line, UNIX_EPOCH + Duration::from_micros(micros));
        }
        let expected =
            "2025-02-08T10:30:00.000007Z2025-02-08T10:30:00.999999Z2025-02-08T10:30:01.000000Z";
        assert_eq!(line, expected);
    }
}

//! Figures as text for Prometheus, and as JSON in the form of `go-metrics`.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::Telemetry;
use super::figures::{BOUNDS, MethodFigures, Snapshot};
use crate::Code;

const MICROS_PER_SECOND: f64 = 1e6;

struct Writer<'a> {
    telemetry: &'a Telemetry,
    text: String,
}

type Labels<'a> = &'a [(&'a str, &'a str)];

impl Writer<'_> {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let name = full_name(self.telemetry, name);
        // Writing to a `String` cannot fail.
        let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn value(&mut self, name: &str, labels: Labels<'_>, value: impl std::fmt::Display) {
        self.text.push_str(&full_name(self.telemetry, name));
        let host = self.telemetry.hostname_label.iter().map(|host| ("host", host.as_str()));
        let global = self.telemetry.global_labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut separator = '{';
        for (name, value) in labels.iter().copied().chain(host).chain(global) {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.text, "{separator}{}=\"{value}\"", sanitized(name));
            separator = ',';
        }
        if separator == ',' {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }
}

/// Name with the service before it, as `go-metrics` makes it.
fn full_name(telemetry: &Telemetry, name: &str) -> String {
    match telemetry.service_name.as_str() {
        "" => name.to_owned(),
        service => format!("{}_{name}", sanitized(service)),
    }
}

/// What Prometheus allows in names.
fn sanitized(name: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    name.chars().map(letter).collect()
}

fn count(figures: &MethodFigures) -> u64 {
    figures.by_code.iter().sum()
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / MICROS_PER_SECOND // exact for 285 years
}

/// The codes that occurred, with how often.
fn codes(figures: &MethodFigures) -> impl Iterator<Item = (String, u64)> + '_ {
    let named = (0..).map(Code::from_number).zip(figures.by_code);
    named.filter(|(_, count)| *count > 0).map(|(code, count)| (go_name(code), count))
}

fn go_name(code: Code) -> String {
    match code {
        Code::Ok => "OK".to_owned(),
        code => format!("{code:?}"),
    }
}

pub(super) fn prometheus(telemetry: &Telemetry, doors: &[Snapshot]) -> String {
    let mut out = Writer { telemetry, text: String::new() };
    out.head("query_count", "counter", "Number of queries since the process started.");
    out.value("query_count", &[], total(doors));
    out.head("gateway_requests_total", "counter", "Number of requests by door, method and gRPC status code.");
    for door in doors {
        for (method, figures) in &door.methods {
            for (code, count) in codes(figures) {
                let labels = [("door", door.door.name()), ("method", method), ("code", &code)];
                out.value("gateway_requests_total", &labels, count);
            }
        }
    }
    out.head("gateway_request_seconds", "histogram", "Time from a whole request to its whole answer.");
    for door in doors {
        for (method, figures) in &door.methods {
            histogram(&mut out, &[("door", door.door.name()), ("method", method)], figures);
        }
    }
    out.head("gateway_requests_in_flight", "gauge", "Number of requests that are being answered.");
    for door in doors {
        out.value("gateway_requests_in_flight", &[("door", door.door.name())], door.in_flight);
    }
    out.head("gateway_connections", "gauge", "Number of open connections.");
    for door in doors {
        out.value("gateway_connections", &[("door", door.door.name())], door.connections);
    }
    let help = "Number of idle connections that were closed to make room for new ones.";
    out.head("gateway_evicted_connections_total", "counter", help);
    for door in doors {
        out.value("gateway_evicted_connections_total", &[("door", door.door.name())], door.evicted);
    }
    out.text
}

fn histogram(out: &mut Writer<'_>, labels: &[(&str, &str); 2], figures: &MethodFigures) {
    let [door, method] = *labels;
    let bounds = BOUNDS.iter().map(|bound| seconds(*bound).to_string()).chain(["+Inf".to_owned()]);
    let mut below = 0;
    for (bound, count) in bounds.zip(figures.by_time) {
        below += count;
        out.value("gateway_request_seconds_bucket", &[door, method, ("le", &bound)], below);
    }
    out.value("gateway_request_seconds_sum", labels, seconds(figures.micros));
    out.value("gateway_request_seconds_count", labels, below);
}

fn total(doors: &[Snapshot]) -> u64 {
    doors.iter().flat_map(|door| &door.methods).map(|(_, figures)| count(figures)).sum()
}

pub(super) fn json(telemetry: &Telemetry, doors: &[Snapshot]) -> String {
    let labels = |pairs: &[(&str, &str)]| -> Json {
        let host = telemetry.hostname_label.iter().map(|host| ("host", host.as_str()));
        let global = telemetry.global_labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let all = pairs.iter().copied().chain(host).chain(global);
        all.map(|(name, value)| (name.to_owned(), Json::from(value))).collect()
    };
    let name = |name| full_name(telemetry, name);
    let gauge = |metric, door: &Snapshot, value: i64| json!({ "Name": name(metric), "Value": value, "Labels": labels(&[("door", door.door.name())]) });
    let gauges: Vec<_> = doors
        .iter()
        .flat_map(|door| {
            let requests = gauge("gateway_requests_in_flight", door, door.in_flight);
            [requests, gauge("gateway_connections", door, door.connections)]
        })
        .collect();
    let mut counters = vec![json!({ "Name": name("query_count"), "Count": total(doors), "Labels": labels(&[]) })];
    let mut samples = Vec::new();
    for door in doors {
        for (method, figures) in &door.methods {
            for (code, count) in codes(figures) {
                let labels = labels(&[("door", door.door.name()), ("method", method), ("code", &code)]);
                counters.push(json!({ "Name": name("gateway_requests_total"), "Count": count, "Labels": labels }));
            }
            let count = count(figures);
            samples.push(json!({
                "Name": name("gateway_request_seconds"),
                "Count": count,
                "Sum": seconds(figures.micros),
                "Min": seconds(figures.least_micros),
                "Max": seconds(figures.most_micros),
                "Mean": seconds(figures.micros.checked_div(count).unwrap_or_default()),
                "Labels": labels(&[("door", door.door.name()), ("method", method)]),
            }));
        }
    }
    json!({ "Gauges": gauges, "Points": [], "Counters": counters, "Samples": samples }).to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Door, Metrics};
    use super::*;

    fn metrics() -> Metrics {
        let telemetry = Telemetry {
            enabled: true,
            service_name: "my-node".to_owned(),
            prometheus_retention_time: 60,
            hostname_label: Some("h1".to_owned()),
            global_labels: vec![("chain_id".to_owned(), "a\"b".to_owned())],
        };
        let metrics = Metrics::new(telemetry);
        metrics.answered(Door::Grpc, "/a.B/C", Code::Ok, Duration::from_micros(90));
        metrics.answered(Door::Grpc, "/a.B/C", Code::NotFound, Duration::from_micros(300));
        metrics
    }

    #[test]
    fn prometheus_reads_names_labels_and_cumulative_buckets() {
        let metrics = metrics();
        metrics.add_source(|| "other_metric 1\n".to_owned());
        let text = metrics.prometheus();
        let common = "host=\"h1\",chain_id=\"a\\\"b\"";
        for line in [
            "# TYPE my_node_query_count counter".to_owned(),
            format!("my_node_query_count{{{common}}} 2"),
            format!("my_node_gateway_requests_total{{door=\"grpc\",method=\"/a.B/C\",code=\"OK\",{common}}} 1"),
            format!("my_node_gateway_requests_total{{door=\"grpc\",method=\"/a.B/C\",code=\"NotFound\",{common}}} 1"),
            format!(
                "my_node_gateway_request_seconds_bucket{{door=\"grpc\",method=\"/a.B/C\",le=\"0.0001\",{common}}} 1"
            ),
            format!(
                "my_node_gateway_request_seconds_bucket{{door=\"grpc\",method=\"/a.B/C\",le=\"0.0005\",{common}}} 2"
            ),
            format!("my_node_gateway_request_seconds_bucket{{door=\"grpc\",method=\"/a.B/C\",le=\"+Inf\",{common}}} 2"),
            format!("my_node_gateway_request_seconds_sum{{door=\"grpc\",method=\"/a.B/C\",{common}}} 0.00039"),
            format!("my_node_gateway_request_seconds_count{{door=\"grpc\",method=\"/a.B/C\",{common}}} 2"),
            format!("my_node_gateway_requests_in_flight{{door=\"rest\",{common}}} 0"),
            "other_metric 1".to_owned(),
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\nis not in\n{text}");
        }
    }

    #[test]
    fn json_has_the_form_of_the_sink_in_memory() {
        let json: Json = serde_json::from_str(&metrics().json()).expect("JSON");
        assert_eq!(json["Counters"][0]["Name"], "my_node_query_count");
        assert_eq!(json["Counters"][0]["Count"], 2);
        let sample = &json["Samples"][0];
        assert_eq!(
            (&sample["Min"], &sample["Max"], &sample["Mean"]),
            (&json!(0.00009), &json!(0.0003), &json!(0.000195))
        );
        assert_eq!(sample["Labels"], json!({"door": "grpc", "method": "/a.B/C", "host": "h1", "chain_id": "a\"b"}));
        assert_eq!(json["Gauges"].as_array().map(Vec::len), Some(6));
    }
}

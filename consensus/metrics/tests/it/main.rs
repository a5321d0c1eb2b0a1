//! Metrics as Prometheus sees them.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use plume_metrics::{
    Block, CATALOGUE, Family, Kind, Mempool, Metric, MetricsServer, NodeMetrics, OwnVote, Peer, Raft, Voters,
};

/// A node of which everything has been recorded once.
fn busy() -> NodeMetrics {
    let metrics = NodeMetrics::new("cometbft", "net-1");
    let validators = Voters { count: 4, power: 40 };
    let own = Some(OwnVote { address: "AB".to_owned(), power: 10, signed: true });
    let block = Block {
        height: 7,
        txs: 3,
        bytes: 1000,
        interval: Some(Duration::from_millis(30)),
        validators,
        missing: Voters { count: 1, power: 10 },
        byzantine: Voters { count: 2, power: 20 },
        own: own.clone(),
        processing: Duration::from_millis(12),
        validator_updates: true,
        param_updates: true,
    };
    metrics.block_committed(&block);
    let missed = own.map(|own| OwnVote { signed: false, ..own });
    let next = Block { height: 8, txs: 2, bytes: 500, validators, own: missed, ..Block::default() };
    metrics.block_committed(&next);
    metrics.new_round(9, 1, Some(Duration::from_millis(250)));
    metrics.proposal_created();
    [true, true, false].into_iter().for_each(|accepted| metrics.proposal_received(accepted));
    let mempool =
        Mempool { size: 5, size_bytes: 900, failed_txs: 1, rejected_txs: 2, evicted_txs: 3, recheck_times: 4 };
    metrics.mempool(&mempool);
    metrics.tx_entered(200);
    let peer = |id: &str, received, sent, pending| Peer { id: id.to_owned(), received, sent, pending };
    metrics.peers(&[peer("p1", 10, 20, 5), peer("p2", 1, 2, 9)]);
    metrics.peers(&[peer("p1", 15, 4, 6)]);
    metrics.block_syncing(true);
    metrics.state_syncing(false);
    let raft = Raft {
        term: 2,
        is_leader: false,
        leader: Some("n1".to_owned()),
        last_log_index: 11,
        committed_index: 10,
        voters: 4,
        learners: 1,
    };
    metrics.raft(&raft);
    metrics.raft(&Raft { leader: None, ..raft.clone() });
    metrics.raft(&Raft { leader: Some("n1".to_owned()), ..raft.clone() });
    metrics.raft(&Raft { term: 3, is_leader: true, leader: Some("n2".to_owned()), ..raft });
    metrics.signed(Duration::from_millis(3));
    metrics.appended(Duration::from_millis(4));
    metrics.proposal_committed(Duration::from_millis(15));
    metrics
}

async fn serve(metrics: &NodeMetrics) -> MetricsServer {
    metrics.serve("127.0.0.1:0", 3).await.expect("loopback")
}

async fn scrape(addr: SocketAddr) -> String {
    let read = move || {
        let mut stream = TcpStream::connect(addr)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text).map(|_| text)
    };
    tokio::task::spawn_blocking(read).await.expect("no panic").expect("an answer")
}

/// Series by name with labels, and the types.
fn parse(text: &str) -> (BTreeMap<String, f64>, BTreeMap<String, String>) {
    let body = text.split_once("\r\n\r\n").map_or(text, |(_, body)| body);
    let (mut series, mut types) = (BTreeMap::new(), BTreeMap::new());
    for line in body.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            assert_eq!(types.insert(name.to_owned(), kind.to_owned()), None, "{name} twice");
        } else if let Some((name, value)) = line.rsplit_once(' ').filter(|_| !line.starts_with('#')) {
            series.insert(name.to_owned(), value.parse().expect("a number"));
        }
    }
    (series, types)
}

fn kind(metric: &Metric) -> &'static str {
    match metric.kind {
        Kind::Gauge => "gauge",
        Kind::Counter => "counter",
        Kind::Histogram(_) => "histogram",
    }
}

#[tokio::test]
async fn a_scrape_has_every_metric_with_its_type_help_and_chain() {
    let metrics = busy();
    let server = serve(&metrics).await;
    let answer = scrape(server.addr()).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("content-type: text/plain; version=0.0.4"), "{answer}");
    let (series, types) = parse(&answer);
    let expected: BTreeMap<String, String> =
        CATALOGUE.iter().map(|metric| (metric.full_name("cometbft"), kind(metric).to_owned())).collect();
    assert_eq!(expected.len(), CATALOGUE.len(), "names are unique");
    assert_eq!(types, expected);
    for metric in CATALOGUE {
        let name = metric.full_name("cometbft");
        assert!(answer.contains(&format!("# HELP {name} {}\n", metric.help)), "{name}");
        let of = |series: &&String| {
            series.split('{').next() == Some(&name) || series.starts_with(&format!("{name}_bucket{{"))
        };
        let found: Vec<&String> = series.keys().filter(of).collect();
        assert!(!found.is_empty(), "{name}");
        for series in found {
            for label in metric.labels.iter().chain(&["chain_id"]) {
                assert!(series.contains(&format!("{label}=\"")), "{series} without {label}");
            }
        }
    }
}

#[test]
fn records_become_values() {
    let (series, _) = parse(&busy().render());
    let value = |name: &str, labels: &str| {
        let wanted: Vec<&str> = labels.split(',').filter(|label| !label.is_empty()).collect();
        let mut found = series.iter().filter(|(series, _)| {
            series.split('{').next() == Some(name) && wanted.iter().all(|label| series.contains(label))
        });
        let (_, value) = found.next().unwrap_or_else(|| panic!("{name} {labels}"));
        assert!(found.next().is_none(), "{name} {labels}: more than one");
        *value
    };
    for (name, labels, expected) in [
        ("cometbft_consensus_height", "", 9.0),
        ("cometbft_consensus_latest_block_height", "", 8.0),
        ("cometbft_consensus_rounds", "", 1.0),
        ("cometbft_consensus_round_duration_seconds_bucket", "le=\"0.1\"", 0.0),
        ("cometbft_consensus_round_duration_seconds_bucket", "le=\"+Inf\"", 1.0),
        ("cometbft_consensus_round_duration_seconds_sum", "", 0.25),
        ("cometbft_consensus_validators", "", 4.0),
        ("cometbft_consensus_validators_power", "", 40.0),
        ("cometbft_consensus_validator_power", "validator_address=\"AB\"", 10.0),
        ("cometbft_consensus_validator_last_signed_height", "validator_address=\"AB\"", 7.0),
        ("cometbft_consensus_validator_missed_blocks", "validator_address=\"AB\"", 1.0),
        ("cometbft_consensus_missing_validators", "", 0.0),
        ("cometbft_consensus_block_interval_seconds_bucket", "le=\"0.025\"", 0.0),
        ("cometbft_consensus_block_interval_seconds_bucket", "le=\"0.05\"", 1.0),
        ("cometbft_consensus_block_interval_seconds_count", "", 1.0),
        ("cometbft_consensus_num_txs", "", 2.0),
        ("cometbft_consensus_total_txs", "", 5.0),
        ("cometbft_consensus_block_size_bytes", "", 500.0),
        ("cometbft_consensus_chain_size_bytes", "", 1500.0),
        ("cometbft_consensus_proposal_create_count", "", 1.0),
        ("cometbft_consensus_proposal_receive_count", "status=\"accepted\"", 2.0),
        ("cometbft_consensus_proposal_receive_count", "status=\"rejected\"", 1.0),
        ("cometbft_mempool_size", "", 5.0),
        ("cometbft_mempool_size_bytes", "", 900.0),
        ("cometbft_mempool_tx_size_bytes_bucket", "le=\"81\"", 0.0),
        ("cometbft_mempool_tx_size_bytes_bucket", "le=\"243\"", 1.0),
        ("cometbft_mempool_failed_txs", "", 1.0),
        ("cometbft_mempool_rejected_txs", "", 2.0),
        ("cometbft_mempool_evicted_txs", "", 3.0),
        ("cometbft_mempool_recheck_times", "", 4.0),
        ("cometbft_p2p_peers", "", 1.0),
        ("cometbft_p2p_peer_receive_bytes_total", "peer_id=\"p1\",chID=\"all\"", 15.0),
        ("cometbft_p2p_peer_send_bytes_total", "peer_id=\"p1\"", 24.0),
        ("cometbft_p2p_peer_send_bytes_total", "peer_id=\"p2\"", 2.0),
        ("cometbft_p2p_peer_pending_send_bytes", "peer_id=\"p1\"", 6.0),
        ("cometbft_p2p_peer_pending_send_bytes", "peer_id=\"p2\"", 0.0),
        ("cometbft_state_block_processing_time_bucket", "le=\"11\"", 1.0),
        ("cometbft_state_block_processing_time_bucket", "le=\"21\"", 2.0),
        ("cometbft_state_consensus_param_updates", "", 1.0),
        ("cometbft_state_validator_set_updates", "", 1.0),
        ("cometbft_blocksync_syncing", "", 1.0),
        ("cometbft_statesync_syncing", "", 0.0),
        ("plume_raft_term", "", 3.0),
        ("plume_raft_is_leader", "", 1.0),
        ("plume_raft_leader", "node_id=\"n1\"", 0.0),
        ("plume_raft_leader", "node_id=\"n2\"", 1.0),
        ("plume_raft_leader_changes", "", 2.0),
        ("plume_raft_last_log_index", "", 11.0),
        ("plume_raft_committed_index", "", 10.0),
        ("plume_raft_voters", "", 4.0),
        ("plume_raft_learners", "", 1.0),
        ("plume_raft_signature_latency_seconds_bucket", "le=\"0.002\"", 0.0),
        ("plume_raft_signature_latency_seconds_bucket", "le=\"0.005\"", 1.0),
        ("plume_raft_append_seconds_count", "", 1.0),
        ("plume_raft_proposal_to_commit_seconds_sum", "", 0.015),
    ] {
        assert_eq!(value(name, labels), expected, "{name} {labels}");
    }
}

#[tokio::test]
async fn nodes_of_one_process_do_not_mix() {
    let (one, two) = (NodeMetrics::new("cometbft", "net-1"), NodeMetrics::new("tendermint", "net-2"));
    one.block_syncing(true);
    let (first, second) = (serve(&one).await, serve(&two).await);
    let (one, two) = (scrape(first.addr()).await, scrape(second.addr()).await);
    assert!(one.contains("cometbft_blocksync_syncing{chain_id=\"net-1\"} 1\n"), "{one}");
    assert!(two.contains("tendermint_blocksync_syncing{chain_id=\"net-2\"} 0\n"), "{two}");
    assert!(two.contains("plume_raft_term{chain_id=\"net-2\"} 0\n"), "the namespace is CometBFT's only");
    assert!(!two.contains("cometbft_") && !two.contains("net-1"), "{two}");
}

#[tokio::test]
async fn the_server_ends_with_its_handle_and_reports_an_address_in_use() {
    let metrics = NodeMetrics::new("cometbft", "net-1");
    let server = serve(&metrics).await;
    let addr = server.addr();
    let taken = metrics.serve(&addr.to_string(), 0).await.expect_err("in use").to_string();
    assert!(taken.starts_with(&format!("cannot serve metrics on {addr}: ")), "{taken}");
    let wrong = metrics.serve("nowhere", 0).await.expect_err("no port").to_string();
    assert!(wrong.starts_with("cannot serve metrics on nowhere: "), "{wrong}");
    drop(server);
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    loop {
        match metrics.serve(&addr.to_string(), 0).await {
            Ok(again) => break assert_eq!(again.addr(), addr),
            Err(e) => assert!(std::time::Instant::now() < deadline, "{e}"),
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_address_without_a_host_is_all_addresses() {
    let server = NodeMetrics::new("cometbft", "net-1").serve(":0", 3).await.expect("any port");
    assert!(server.addr().ip().is_unspecified());
    let loopback = SocketAddr::from(([127, 0, 0, 1], server.addr().port()));
    assert!(scrape(loopback).await.contains("cometbft_consensus_height"));
}

#[test]
fn disabled_metrics_record_nothing() {
    let metrics = NodeMetrics::disabled();
    metrics.block_committed(&Block {
        own: Some(OwnVote { address: "A".to_owned(), power: 1, signed: true }),
        ..Block::default()
    });
    metrics.peers(&[]);
    metrics.raft(&Raft { leader: Some("n".to_owned()), ..Raft::default() });
    assert_eq!(metrics.render(), "");
}

#[test]
fn bucket_bounds_are_those_of_cometbft() {
    let bounds = |name: &str| {
        let metric = CATALOGUE.iter().find(|metric| metric.name == name).expect(name);
        let Kind::Histogram(buckets) = metric.kind else { panic!("{name} is no histogram") };
        buckets.bounds().into_iter().map(|bound| format!("{bound:.4}")).collect::<Vec<_>>().join(" ")
    };
    // prometheus.ExponentialBucketsRange(0.1, 100, 8)
    let rounds = "0.1000 0.2683 0.7197 1.9307 5.1795 13.8950 37.2759 100.0000";
    assert_eq!(bounds("consensus_round_duration_seconds"), rounds);
    // prometheus.DefBuckets
    let default = "0.0050 0.0100 0.0250 0.0500 0.1000 0.2500 0.5000 1.0000 2.5000 5.0000 10.0000";
    assert_eq!(bounds("consensus_block_interval_seconds"), default);
}

#[test]
fn the_operators_guide_names_every_metric() {
    let guide = include_str!("../../../../docs/operations/monitoring.md");
    for metric in CATALOGUE {
        let name = metric.full_name("cometbft");
        let row = guide.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("{name} has no row"));
        assert!(row.contains(kind(metric)), "{row}: a {}", kind(metric));
        assert!(metric.labels.iter().all(|label| row.contains(&format!("`{label}`"))), "{row}: labels");
    }
    let known = |name: &str| CATALOGUE.iter().any(|metric| metric.full_name("cometbft") == name);
    let rows = guide.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let unknown: Vec<&str> = rows.filter(|name| name.starts_with("plume_raft") && !known(name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    assert_eq!(CATALOGUE.iter().filter(|metric| metric.family == Family::Plume).count(), 11);
}

use super::*;

fn temp() -> tempfile::TempDir {
    tempfile::tempdir().expect("temp dir")
}

fn strings(flags: &[&str]) -> Vec<String> {
    flags.iter().map(ToString::to_string).collect()
}

#[test]
fn a_missing_binary_says_what_to_do() {
    let error = find_binary(Some(Path::new("/nowhere/cometbft")), None).expect_err("nothing there").to_string();
    assert_eq!(
        error,
        "the cometbft binary was not found (searched: /nowhere/cometbft); run scripts/setup, or `go install github.com/cometbft/cometbft/cmd/cometbft@v0.38.25`, or pass --cometbft PATH"
    );
}

#[test]
fn the_binary_is_found_in_the_tools_folder() {
    let tools = temp();
    let file = tools.path().join("cometbft");
    fs::write(&file, b"").expect("writable");
    assert_eq!(find_binary(None, Some(tools.path())).expect("there"), file);
    assert_eq!(find_binary(Some(&file), None).expect("there"), file);
    let host = tools.path().join("plume-cometbft");
    fs::write(&host, b"").expect("writable");
    assert_eq!(find_binary(None, Some(tools.path())).expect("there"), host, "the faster one is preferred");
}

#[test]
fn a_short_home_holds_the_socket_and_a_long_one_gets_a_private_folder() {
    let folder = temp();
    let socket = SocketPath::choose(&Home::new(folder.path())).expect("writable");
    assert_eq!(socket.path, folder.path().join("data/abci.sock"));

    let long = Home::new(folder.path().join("x".repeat(120)));
    let socket = SocketPath::choose(&long).expect("writable");
    assert!(socket.path.as_os_str().len() <= MAX_SOCKET_PATH);
    let private = socket.folder.clone().expect("a folder of its own");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&private).expect("made").permissions());
    assert_eq!(mode & 0o777, 0o700);
    drop(socket);
    assert!(!private.exists());
}

#[test]
fn a_held_database_lock_is_seen_and_a_stale_one_is_not() {
    let data = temp();
    let database = data.path().join("blockstore.db");
    fs::create_dir(&database).expect("writable");
    assert_eq!(locked_database(data.path()).expect("readable"), None);
    let lock = database.join("LOCK");
    let file = File::create(&lock).expect("writable");
    assert_eq!(locked_database(data.path()).expect("readable"), None, "a file alone is not a lock");
    file.lock().expect("free");
    assert_eq!(locked_database(data.path()).expect("readable"), Some(format!("the database lock {}", lock.display())));
    file.unlock().expect("held");
    assert_eq!(locked_database(data.path()).expect("readable"), None);
    assert_eq!(locked_database(&data.path().join("absent")).expect("no data yet"), None);
}

#[test]
fn a_taken_port_is_named_and_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("bound");
    let laddr = format!("tcp://{address}");
    assert_eq!(taken_port("rpc.laddr", &laddr), Some(format!("rpc.laddr {address}")));
    assert_eq!((taken_port("rpc.laddr", "tcp://127.0.0.1:0"), taken_port("rpc.laddr", "unix:///x")), (None, None));

    let folder = temp();
    let home = Home::new(folder.path());
    home.init(&plume_home::config::Config {
        rpc_laddr: laddr,
        p2p_laddr: "tcp://127.0.0.1:0".to_owned(),
        ..plume_home::config::Config::default()
    })
    .expect("writable");
    let options = SupervisorOptions { orphan_timeout: Duration::ZERO, ..SupervisorOptions::new(folder.path()) };
    let error = wait_for_orphan(&home, &options).expect_err("taken").to_string();
    assert_eq!(
        error,
        format!(
            "rpc.laddr {address} is still in use after 0 s; another node runs, or a process of an earlier run does not end"
        )
    );
    // A flag that moves the RPC elsewhere counts.
    let moved = SupervisorOptions { flags: strings(&["--rpc.laddr", "tcp://127.0.0.1:0"]), ..options.clone() };
    wait_for_orphan(&home, &moved).expect("free");
    // The wait ends when the port is freed.
    let patient = SupervisorOptions { orphan_timeout: Duration::from_secs(60), ..options };
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| wait_for_orphan(&home, &patient));
        drop(listener);
        waiting.join().expect("no panic").expect("freed");
    });
}

#[test]
fn flags_are_read_in_both_spellings_and_the_last_wins() {
    let flags = strings(&[
        "--moniker",
        "x",
        "--rpc.laddr=tcp://1.1.1.1:1",
        "--rpc.laddr",
        "tcp://2.2.2.2:2",
        "--rpc.laddrs=no",
    ]);
    assert_eq!(flag_value(&flags, "--rpc.laddr"), Some("tcp://2.2.2.2:2".to_owned()));
    assert_eq!(flag_value(&flags, "--p2p.laddr"), None);
}

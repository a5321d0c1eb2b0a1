//! A data folder put back from an old copy.

use std::path::Path;
use std::time::Duration;

use crate::cluster::Plan;

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        match entry.file_type().expect("a type").is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).expect("a file")),
        }
    }
}

/// The ledger fails the test if the restored node signs anything that differs from what it signed before.
#[test]
fn an_old_copy_of_a_node_abstains_up_to_what_it_signed() {
    for seed in 1..=2 {
        let mut net = Plan::new("old backup", 4).seed(seed).start();
        net.grow(3);
        let node = net.follower();
        let machinery = net.nodes[node].clone();

        // Cold copy: log, record of signatures, block store, application.
        net.kill(node);
        let copied = machinery.data.with_file_name("copy");
        copy(&machinery.data, &copied);
        let disk = net.life(node).disk.clone();
        net.life(node).disk = disk.crash();
        let (app, height) = (machinery.app.backup(), net.height());
        net.start_again(node);
        net.catch_up(node);
        net.grow(12);

        // The machine burns; the copy comes back on a new one. One of the others is away, so that its vote is needed.
        net.kill(node);
        let signed = {
            let ledger = net.ledger.lock();
            let own = machinery.address();
            let keys = ledger.signatures.keys().filter(|(who, ..)| *who == own);
            keys.map(|(_, height, _)| *height).max().expect("signatures")
        };
        assert!(signed > height + 5, "it signed since the copy was made");
        std::fs::remove_dir_all(&machinery.data).expect("removed");
        copy(&copied, &machinery.data);
        net.life(node).disk = disk.crash();
        machinery.app.restore(app);
        net.read_from(node, 0);
        let leader = net.wait_leader();
        let third = net.others(node).into_iter().find(|other| *other != leader).expect("a third");
        // The second time the others cannot even elect without it.
        net.kill(if seed == 1 { third } else { leader });
        net.run_for(Duration::from_millis(300));
        let broadcasts = net.ledger.lock().broadcasts.len();
        net.start_again(node);
        let took = net.grow(2);
        net.say("old copy started to a block that needs its vote", took);
        let took = net.catch_up(node);
        net.say("caught up", took);
        let again: Vec<u64> = {
            let ledger = net.ledger.lock();
            let own = machinery.address();
            let since = ledger.broadcasts[broadcasts..].iter();
            since.filter(|(who, height)| *who == own && *height < signed).map(|(_, height)| *height).collect()
        };
        assert!(again.is_empty(), "it signed {again:?} though peers know its signature at {signed}");
        net.finish();
    }
}

#[test]
fn an_empty_folder_with_the_same_key_abstains_too() {
    let mut net = Plan::new("empty folder", 4).start();
    net.grow(5);
    let node = net.follower();
    let machinery = net.nodes[node].clone();
    net.kill(node);
    std::fs::remove_dir_all(&machinery.data).expect("removed");
    net.life(node).disk = plume_wal::FaultyDisk::new(99);
    machinery.app.restore(crate::app::State::default());
    net.read_from(node, 0);
    net.start_again(node);
    let took = net.catch_up(node);
    net.say("empty folder to caught up", took);
    let away = net.others(node).into_iter().find(|other| Some(*other) != net.leader()).expect("a third");
    net.kill(away);
    let took = net.grow(2);
    net.say("a block that needs its vote", took);
    net.finish();
}

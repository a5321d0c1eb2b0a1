#!/usr/bin/env python3
"""Records what a real CometBFT chain asks of its application, for `tests/it/replay.rs`.

    record.py PATH/TO/plumed PATH/TO/cometbft OUTPUT.json

Four validators of unequal power run `plumed` over CometBFT. Between the first one's CometBFT and its `plumed` sits a
relay that keeps InitChain and every FinalizeBlock byte for byte. The last validator is stopped half way, so that votes
are missing. The blocks come from the RPC and are encoded again here. Standard library only.
"""
import base64, json, os, random, shutil, signal, socket, subprocess, sys, tempfile, threading, time, urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

plumed, cometbft, output = (os.path.abspath(path) for path in sys.argv[1:4])
POWERS = [11, 40, 23, 26]


# Protobuf, as much as a block needs.

def varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes(out + bytes([n]))


def number(field, n):
    return varint(field << 3) + varint(n) if n else b""


def data(field, content, always=False):
    return varint(field << 3 | 2) + varint(len(content)) + content if content or always else b""


def moment(text):
    whole, _, fraction = text.rstrip("Z").partition(".")
    then = datetime.fromisoformat(whole).replace(tzinfo=timezone.utc)
    days = (then - datetime(1970, 1, 1, tzinfo=timezone.utc))
    return number(1, days.days * 86400 + days.seconds) + number(2, int(fraction.ljust(9, "0") or 0))


def block_id(value):
    parts = number(1, value["parts"]["total"]) + data(2, bytes.fromhex(value["parts"]["hash"]))
    return data(1, bytes.fromhex(value["hash"])) + data(2, parts, True)


def commit(value):
    signatures = b"".join(
        data(4, number(1, s["block_id_flag"]) + data(2, bytes.fromhex(s["validator_address"]))
             + data(3, moment(s["timestamp"]), True) + data(4, base64.b64decode(s["signature"] or "")), True)
        for s in value["signatures"])
    return number(1, int(value["height"])) + number(2, value["round"]) + data(3, block_id(value["block_id"]), True) + signatures


def block(value):
    h = value["header"]
    version = number(1, int(h["version"]["block"])) + number(2, int(h["version"].get("app", 0)))
    header = (data(1, version, True) + data(2, h["chain_id"].encode()) + number(3, int(h["height"]))
              + data(4, moment(h["time"]), True) + data(5, block_id(h["last_block_id"]), True))
    hashes = ["last_commit_hash", "data_hash", "validators_hash", "next_validators_hash", "consensus_hash", "app_hash",
              "last_results_hash", "evidence_hash", "proposer_address"]
    for field, name in enumerate(hashes, 6):
        header += data(field, bytes.fromhex(h[name]))
    assert not value["evidence"]["evidence"], "no validator here signs twice"
    txs = b"".join(data(1, base64.b64decode(tx), True) for tx in value["data"]["txs"])
    return data(1, header, True) + data(2, txs, True) + data(3, b"", True) + data(4, commit(value["last_commit"]), True)


# The relay.

INIT_CHAIN, FINALIZE_BLOCK = 5, 20
recorded = []


def read_varint(stream):
    n = shift = 0
    while True:
        byte = stream.read(1)
        if not byte:
            return None
        n |= (byte[0] & 0x7F) << shift
        shift += 7
        if byte[0] < 0x80:
            return n


def content(message):
    """Number and bytes of the one field of a request."""
    at, parts = 0, []
    for _ in range(2):
        n = shift = 0
        while True:
            byte = message[at]
            at += 1
            n |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        parts.append(n)
    return parts[0] >> 3, message[at:]


def relay(listener, target):
    def requests(source, sink):
        stream = source.makefile("rb")
        while (length := read_varint(stream)) is not None:
            message = stream.read(length)
            field, inner = content(message)
            if field in (INIT_CHAIN, FINALIZE_BLOCK):
                recorded.append((field, inner))
            sink.sendall(varint(length) + message)
        sink.shutdown(socket.SHUT_WR)

    def answers(source, sink):
        while chunk := source.recv(1 << 16):
            sink.sendall(chunk)

    while True:
        source, _ = listener.accept()
        sink = socket.socket(socket.AF_UNIX)
        sink.connect(target)
        threading.Thread(target=requests, args=(source, sink), daemon=True).start()
        threading.Thread(target=answers, args=(sink, source), daemon=True).start()


# The chain.

def get(path):
    with urllib.request.urlopen(f"http://127.0.0.1:{rpc}/{path}", timeout=20) as r:
        return json.load(r)["result"]


def height():
    try:
        return int(get("status")["sync_info"]["latest_block_height"])
    except OSError:
        return 0


def wait(reached, what):
    deadline = time.time() + 240
    while not reached():
        assert time.time() < deadline, what
        time.sleep(0.1)


def send(*arguments):
    command = [plumed, "tx", "bank", *arguments, "--yes", "--output", "json"]
    done = subprocess.run([*command, "--home", f"{net}/node0"], capture_output=True, text=True)
    print(" ".join(arguments), (done.stdout + done.stderr)[:200].replace("\n", " "), file=sys.stderr)


folder = tempfile.mkdtemp()
net = f"{folder}/net"
rpc = random.randrange(20000, 30000, 100)
subprocess.run([plumed, "devnet", "--validators", "4", "--engine", "cometbft", "--cometbft", cometbft, "--output", net,
                "--rpc-port", str(rpc), "--p2p-port", str(rpc + 1), "--chain-id", "plume-recorded-1"], check=True,
               capture_output=True)
genesis = json.load(open(f"{net}/node0/config/genesis.json"))
for validator, power in zip(genesis["validators"], POWERS):
    validator["power"] = str(power)
for i in range(4):
    json.dump(genesis, open(f"{net}/node{i}/config/genesis.json", "w"))
people = {a["name"]: a["address"] for a in json.load(open(f"{net}/network.json"))["accounts"]}
processes = []


def start(name, *command):
    log = open(f"{folder}/{name}.log", "w")
    processes.append(subprocess.Popen(command, stdout=log, stderr=log))
    return processes[-1]


try:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{folder}/relay")
    listener.listen()
    threading.Thread(target=relay, args=(listener, f"{folder}/app"), daemon=True).start()
    start("app0", plumed, "start", "--home", f"{net}/node0", "--engine", "abci", "--address", f"unix://{folder}/app")
    wait(lambda: os.path.exists(f"{folder}/app"), "the application does not listen")
    start("comet0", cometbft, "start", "--home", f"{net}/node0", "--proxy_app", f"unix://{folder}/relay")
    others = [start(f"node{i}", plumed, "start", "--home", f"{net}/node{i}", "--engine", "cometbft", "--cometbft", cometbft)
              for i in (1, 2, 3)]
    wait(lambda: height() >= 2, "no blocks")
    alice, bob, carol = (people[name] for name in ("alice", "bob", "carol"))
    fresh = "plume1qqqsyqcyq5rqwzqfpg9scrgwpugpzysntjw7yc"
    rounds = [
        [("send", "alice", bob, "5uplume"), ("send", "bob", carol, "7uplume", "--fees", "300uplume"),
         ("send", "carol", alice, "1uplume", "--note", "a memo")],
        # Fails in the block: there is not as much.
        [("send", "alice", bob, "999999999999999999uplume", "--fees", "11uplume"),
         ("multi-send", "bob", alice, carol, "1000uplume"), ("send", "carol", fresh, "12345uplume")],
        # Fails in the block: the gas lasts for the checks before the messages only.
        [("send", "alice", bob, "3uplume", "--gas", "48000"), ("send", "bob", fresh, "2uplume", "--gas", "52000"),
         ("send", "carol", bob, "4uplume", "--gas", "56000")],
        [("multi-send", "alice", bob, carol, fresh, "99uplume", "--fees", "5uplume"),
         ("send", "bob", bob, "1uplume", "--sign-mode", "amino-json"), ("send", "carol", alice, "1other")],
        [("send", "alice", fresh, "1uplume", "--fees", "1uplume"), ("multi-send", "bob", fresh, alice, "10uplume", "--split"),
         ("send", "carol", bob, "2uplume", "--timeout-height", "100000")],
    ]
    with ThreadPoolExecutor(3) as pool:
        for step in range(2 * len(rounds)):
            before = height()
            list(pool.map(lambda arguments: send(*arguments), rounds[step % len(rounds)]))
            # Whoever sends next must see the sequence after this.
            wait(lambda: height() > before and get("num_unconfirmed_txs")["total"] == "0", "no next block")
            wait(lambda committed=height(): height() > committed, "no block after it")
            if step == len(rounds):
                others[2].send_signal(signal.SIGTERM)
                others[2].wait(60)
    wait(lambda: height() > before + 3, "no last blocks")
    last = min(height(), 60) - 1
    finalized = [inner for field, inner in recorded if field == FINALIZE_BLOCK]
    encode = lambda raw: base64.b64encode(raw).decode()
    heights = []
    for h in range(1, last + 1):
        after = get(f"block?height={h + 1}")["block"]["header"]
        heights.append({"finalize_block": encode(finalized[h - 1]), "block": encode(block(get(f"block?height={h}")["block"])),
                        "app_hash": after["app_hash"], "last_results_hash": after["last_results_hash"],
                        "codes": [r["code"] for r in get(f"block_results?height={h}")["txs_results"] or []]})
    seen = get(f"commit?height={last}")["signed_header"]["commit"]
    init = next(inner for field, inner in recorded if field == INIT_CHAIN)
finally:
    for process in processes:
        process.send_signal(signal.SIGTERM)
    for process in processes:
        process.wait(60)
    print(folder) if os.environ.get("KEEP") else shutil.rmtree(folder)

with open(output, "w") as out:
    compact = lambda value: json.dumps(value, separators=(",", ":"))
    out.write('{"genesis":%s,\n"init_chain":"%s",\n"seen_commit":"%s",\n"heights":[\n' % (compact(genesis), encode(init), encode(commit(seen))))
    out.write(",\n".join(compact(entry) for entry in heights))
    out.write("\n]}\n")

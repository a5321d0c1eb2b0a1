#!/usr/bin/env python3
"""Records chains of real CometBFT nodes with the built-in kvstore application, for the tests of plume-block.

    record.py PATH/TO/cometbft OUTPUT.json

Four nodes from height 1 with changing validators (some of them nobody runs, so that votes are missing), and one node
from height 100. Standard library only. With KEEP=1 the nodes' homes stay and are printed (`vectors.go state` reads the
stored state from the first).
"""
import base64, json, os, random, shutil, signal, socket, subprocess, sys, tempfile, time, urllib.request

binary, output = sys.argv[1:3]
rng = random.Random(38)


def port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Chain:
    def __init__(self, powers, initial_height):
        self.home = tempfile.mkdtemp()
        n = len(powers)
        run = lambda *a: subprocess.run([binary, *a], check=True, capture_output=True, text=True).stdout
        run("testnet", "--v", str(n), "--o", self.home, "--populate-persistent-peers=false")
        homes = [f"{self.home}/node{i}" for i in range(n)]
        rpc, p2p = [port() for _ in homes], [port() for _ in homes]
        ids = [run("show-node-id", "--home", h).strip() for h in homes]
        genesis = json.load(open(f"{homes[0]}/config/genesis.json"))
        genesis["chain_id"] = f"golden-{initial_height}"
        genesis["initial_height"] = str(initial_height)
        for validator, power in zip(genesis["validators"], powers):
            validator["power"] = str(power)
        self.genesis = genesis
        self.rpc = rpc[0]
        self.processes = []
        for i, home in enumerate(homes):
            json.dump(genesis, open(f"{home}/config/genesis.json", "w"))
            peers = ",".join(f"{ids[j]}@127.0.0.1:{p2p[j]}" for j in range(n) if j != i)
            log = open(f"{home}/log", "w")
            edit(f"{home}/config/config.toml", {
                "proxy_app": '"kvstore"', "persistent_peers": f'"{peers}"', "addr_book_strict": "false",
                "allow_duplicate_ip": "true", "timeout_commit": '"300ms"', "timeout_propose": '"1s"',
            }, {"rpc": {"laddr": f'"tcp://127.0.0.1:{rpc[i]}"', "pprof_laddr": '""'},
                "p2p": {"laddr": f'"tcp://127.0.0.1:{p2p[i]}"'}})
            self.processes.append(subprocess.Popen([binary, "start", "--home", home], stdout=log, stderr=log))

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.rpc}/{path}", timeout=10) as r:
            return json.load(r)["result"]

    def height(self):
        try:
            return int(self.get("status")["sync_info"]["latest_block_height"])
        except OSError:
            return 0

    def wait(self, height):
        deadline = time.time() + 120
        while self.height() < height:
            assert time.time() < deadline, f"no height {height}"
            time.sleep(0.1)

    def send(self, tx):
        body = {"jsonrpc": "2.0", "id": 1, "method": "broadcast_tx_sync",
                "params": {"tx": base64.b64encode(tx).decode()}}
        request = urllib.request.Request(f"http://127.0.0.1:{self.rpc}", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=10) as r:
            answer = json.load(r)
        assert answer["result"]["code"] == 0, answer

    def power(self, key, power):
        self.send(f"val=ed25519!{key}!{power}".encode())

    def record(self, last):
        first = int(self.genesis["initial_height"])
        blocks = []
        for h in range(first, last + 1):
            block = self.get(f"block?height={h}")
            commit = self.get(f"commit?height={h}")
            results = self.get(f"block_results?height={h}")
            blocks.append({
                "block_id": block["block_id"], "header": block["block"]["header"],
                "txs": [shorten(tx) for tx in block["block"]["data"]["txs"]],
                "commit": commit["signed_header"]["commit"],
                "validators": self.validators(h),
                "results": [{k: r[k] for k in ("code", "data", "gas_wanted", "gas_used") if r.get(k)}
                            for r in results["txs_results"] or []],
                "updates": results["validator_updates"] or [],
                "app_hash": results["app_hash"],
            })
        return {"genesis": {k: self.genesis[k] for k in
                            ("genesis_time", "chain_id", "initial_height", "consensus_params", "validators")},
                "app_version": self.get("abci_info")["response"].get("app_version", "0"),
                "after": self.validators(last + 1),
                "blocks": blocks}

    def validators(self, height):
        validators = self.get(f"validators?height={height}&per_page=100")["validators"]
        return [[v["pub_key"]["value"], int(v["voting_power"]), int(v["proposer_priority"])] for v in validators]

    @staticmethod
    def stop_nodes(processes):
        for p in processes:
            p.send_signal(signal.SIGTERM)
        for p in processes:
            p.wait(30)

    def stop(self):
        self.stop_nodes(self.processes)
        print(self.home) if os.environ.get("KEEP") else shutil.rmtree(self.home)


def edit(path, anywhere, in_section):
    section, out = "", []
    for line in open(path):
        if line.startswith("["):
            section = line.strip().strip("[]")
        key = line.split("=")[0].strip()
        value = in_section.get(section, {}).get(key) or anywhere.get(key)
        out.append(f"{key} = {value}\n" if value and "=" in line and not line.startswith("#") else line)
    open(path, "w").writelines(out)


def shorten(tx):
    """A transaction as text; a long run of one letter at its end as [rest, letter, count]."""
    text = base64.b64decode(tx).decode()
    run = len(text) - len(text.rstrip(text[-1]))
    return [text[:-run], text[-1], run] if run > 100 else text


def four_nodes(chain):
    """Each change as (key, power). No change is ever repeated: the mempool would refuse the same bytes."""
    chain.wait(2)
    own = [v["pub_key"]["value"] for v in chain.genesis["validators"]]
    ghosts = [base64.b64encode(rng.randbytes(32)).decode() for _ in range(6)]
    steps = [
        [(ghosts[0], 50)], [], [(ghosts[1], 1), (ghosts[2], 150)], [(ghosts[0], 0)], [(own[2], 250)],
        [(ghosts[3], 7), (ghosts[1], 0)], [], [(own[0], 500), (ghosts[2], 20)], [(ghosts[0], 100), (ghosts[4], 100)],
        [(ghosts[5], 30)], [(own[3], 0)], [], [(ghosts[0], 101), (ghosts[4], 0)], [(own[3], 150)], [(own[1], 350)],
        [(ghosts[1], 9), (ghosts[5], 0)], [],
    ]
    height = 2
    for number, step in enumerate(steps):
        for i in range(rng.randrange(4)):
            chain.send(f"key{number}.{i}=value{rng.randrange(1000)}".encode())
        for key, power in step:
            chain.power(key, power)
        if number == 5:
            chain.send(b"large=" + b"x" * 150_000)
        height = max(height + 3, chain.height() + 1)
        chain.wait(height)
    chain.wait(height + 4)
    # Too few to go on: the first node now answers for a chain that has come to rest.
    chain.stop_nodes(chain.processes[1:])
    height, since = 0, time.time()
    while time.time() < since + 5:
        if chain.height() != height:
            height, since = chain.height(), time.time()
        time.sleep(0.2)
    return chain.record(height)


def late_start(chain):
    chain.wait(101)
    chain.send(b"a=b")
    chain.wait(105)
    return chain.record(104)


def recorded(what, *settings):
    chain = Chain(*settings)
    try:
        return what(chain)
    finally:
        chain.stop()


record = {"four_nodes": recorded(four_nodes, [400, 300, 200, 150], 1), "late_start": recorded(late_start, [10], 100)}
json.dump(record, open(output, "w"), separators=(",", ":"))

"""Two chains with one genesis document, one set of keys and the same transactions: on Raft and on CometBFT."""

import base64
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
PLUMED = os.environ.get("PLUMED") or os.path.join(
    os.environ.get("CARGO_TARGET_DIR") or os.path.join(ROOT, "target"), "debug/plumed")
PATIENCE = 90


def free_ports(count):
    """Below those that the kernel gives to outgoing connections, of which one could take a port before its node does."""
    sockets = {}
    while len(sockets) < count:
        port = random.randrange(11000, 32000)
        free = socket.socket()
        try:
            free.bind(("127.0.0.1", port))
            sockets[port] = free
        except OSError:
            free.close()
    for free in sockets.values():
        free.close()
    return list(sockets)


def plumed(home, *words):
    """Exit code, standard output and standard error of a command."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PLUMED_") or name == "PLUMED_COMETBFT"}
    done = subprocess.run(
        [PLUMED, "--home", home, *words], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, env=env)
    return done.returncode, done.stdout, done.stderr


def plumed_json(home, *words):
    code, out, err = plumed(home, *words)
    assert code == 0, (words, out, err)
    return json.loads(out)


class Node:
    """A node with one validator that makes blocks only where there is something to put in or to prove."""

    def __init__(self, engine, home):
        self.engine, self.home = engine, home
        rpc, p2p, grpc, api = free_ports(4)
        self.rpc_url, self.grpc, self.api = f"http://127.0.0.1:{rpc}", f"127.0.0.1:{grpc}", f"http://127.0.0.1:{api}"
        settings = {
            ("config", "rpc.laddr"): f"tcp://127.0.0.1:{rpc}", ("config", "p2p.laddr"): f"tcp://127.0.0.1:{p2p}",
            ("config", "consensus.create_empty_blocks"): "false",
            ("config", "consensus.create_empty_blocks_interval"): "0s",
            ("app", "grpc.address"): self.grpc, ("app", "api.address"): f"tcp://127.0.0.1:{api}",
            ("client", "node"): f"tcp://127.0.0.1:{rpc}",
        }
        for (file, key), value in settings.items():
            code, _, err = plumed(home, "config", "set", file, key, value)
            assert code == 0, (key, err)
        self.log = open(os.path.join(home, "node.log"), "w", encoding="utf-8")
        self.process = subprocess.Popen(
            [PLUMED, "--home", home, "start", "--engine", engine, "--stop-with-stdin"], stdin=subprocess.PIPE,
            stdout=self.log, stderr=self.log)

    def rpc(self, method, **params):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self.rpc_url, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.load(answer)["result"]
        except urllib.error.HTTPError as error:
            raise LookupError(error.read().decode()) from error

    def height(self):
        return int(self.rpc("status")["sync_info"]["latest_block_height"])

    def rest(self, verb, target, body=None, height=None):
        """Status and JSON of an answer of REST."""
        headers = {"Content-Type": "application/json"}
        if height:
            headers["x-cosmos-block-height"] = str(height)
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.api + target, data, headers, method=verb)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def wait(self, what, ready):
        """What `ready` gives once it gives something."""
        deadline = time.monotonic() + PATIENCE
        while True:
            assert self.process.poll() is None, f"{self.engine} ended while it was waited for {what}"
            try:
                if (found := ready()) is not None:
                    return found
            except (OSError, LookupError):
                pass
            assert time.monotonic() < deadline, f"{self.engine}: waited for {what}"
            time.sleep(0.05)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()

    def last_words(self):
        with open(self.log.name, encoding="utf-8") as log:
            return "".join(log.readlines()[-20:])


def start(folder):
    """The two nodes, and the accounts of the genesis document by name."""
    network = os.path.join(folder, "network")
    code, out, err = plumed(
        folder, "devnet", "--validators", "1", "--output", network, "--minimum-gas-prices", "0.001uplume", "--format", "json")
    assert code == 0, err
    description = json.loads(out)
    homes = [os.path.join(network, "node0"), os.path.join(network, "on-cometbft")]
    shutil.copytree(homes[0], homes[1])
    nodes = [Node(engine, home) for engine, home in zip(("raft", "cometbft"), homes)]
    return nodes, description


def signed(node, addresses, payer, payee, amount, sequence):
    """A payment as JSON and as bytes in base64, signed without asking the chain."""
    numbers = ["-a", str(list(addresses).index(payer)), "-s", str(sequence)]
    code, out, err = plumed(
        node.home, "tx", "bank", "send", payer, addresses[payee], amount, "--offline", "--yes", *numbers, "--fees", "500uplume",
        "--note", f"{payer} pays")
    assert code == 0, err
    path = os.path.join(node.home, "tx.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write(out)
    code, encoded, err = plumed(node.home, "tx", "encode", path)
    assert code == 0, err
    return json.loads(out), encoded.strip()


def transactions(nodes, description):
    """Three payments, the last of which fails in its block, each in a block of its own on both chains.

    Gives the accounts' addresses, what is in the blocks, and one more payment that nobody has sent."""
    addresses = {account["name"]: account["address"] for account in description["accounts"]}
    everything = description["accounts"][0]["balance"]
    for node in nodes:
        node.wait("the first block", lambda node=node: node.height() >= 1 or None)
    sent = []
    for payer, sequence, payee, amount in [("alice", 0, "bob", "1234uplume"), ("bob", 0, "carol", "5uplume"), ("alice", 1, "carol", everything)]:
        shown, encoded = signed(nodes[0], addresses, payer, payee, amount, sequence)
        digest = hashlib.sha256(base64.b64decode(encoded)).digest()
        heights = []
        for node in nodes:
            answer = node.rpc("broadcast_tx_sync", tx=encoded)
            assert (answer["code"], answer["hash"]) == (0, digest.hex().upper()), answer
            found = node.wait("a transaction", lambda node=node: node.rpc("tx", hash=base64.b64encode(digest).decode(), prove=False))
            heights.append(int(found["height"]))
            # Behind it comes the block that proves the state; then the chain rests.
            node.wait("the block behind it", lambda node=node: node.height() == heights[-1] + 1 or None)
        assert heights[0] == heights[1], f"one transaction, two heights: {heights}"
        sent.append({"hash": answer["hash"], "height": heights[0], "bytes": encoded, "json": shown})
    return addresses, sent, signed(nodes[0], addresses, "alice", "bob", "1uplume", 2)[1]

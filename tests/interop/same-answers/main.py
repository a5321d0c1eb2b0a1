"""The same question at every door: gRPC, REST, ABCI Query and the command line. See README.md."""

import base64
import json
import os
import sys
import tempfile
import time

import grpc
from google.protobuf import json_format

import nodes
from command_line import Commands
from reflected import Reflected, routes, target

HERE = os.path.dirname(os.path.abspath(__file__))
UNIMPLEMENTED = grpc.StatusCode.UNIMPLEMENTED.value[0]
passed = 0


def check(name, is_right, detail=""):
    global passed
    if not is_right:
        raise AssertionError(f"{name}  {str(detail)[:3000]}")
    passed += 1


def read_json(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return json.load(file)


def filled(value, known):
    """A request with what stands for `$name`."""
    if isinstance(value, dict):
        return {name: filled(inner, known) for name, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, known) for inner in value]
    return known[value[1:]] if isinstance(value, str) and value.startswith("$") else value


class Doors:
    """All doors of a node."""

    def __init__(self, node, channel):
        self.node, self.channel = node, channel
        self.reflected = Reflected(channel)
        _, options = node.rest("GET", "/cosmos/autocli/v1/app_options")
        if "module_options" not in options:
            raw = channel.unary_unary("/cosmos.autocli.v1.Query/AppOptions")(b"", timeout=20)
            message = self.reflected.classof("cosmos.autocli.v1.AppOptionsResponse").FromString(raw)
            options = self.reflected.canonical(message)
        self.commands = Commands(node.home, options)

    def encoded(self, method, request):
        message = self.reflected.classof(method.input_type.full_name)()
        scaled = self.reflected.unscaled(method.input_type, request)
        return json_format.ParseDict(scaled, message, descriptor_pool=self.reflected.pool).SerializeToString()

    def grpc(self, path, request, height):
        """The response's bytes and None, or None and (code, text)."""
        metadata = [("x-cosmos-block-height", str(height))] if height else []
        try:
            return self.channel.unary_unary(path)(request, metadata=metadata, timeout=30), None
        except grpc.RpcError as error:
            return None, (error.code().value[0], error.details())

    def ask(self, path, method, request, height, without):
        """Asks everywhere and compares; gives the answer in protobuf's JSON, or None where all refuse."""
        name = f"{path} {json.dumps(request)[:200]} at {height or 'the latest height'}"
        encoded = self.encoded(method, request)
        answer, refusal = self.grpc(path, encoded, height)
        output = method.output_type
        wanted = None
        if refusal is None:
            wanted = self.reflected.canonical(self.reflected.classof(output.full_name).FromString(answer))
        shown = None
        for verb, template, body in [] if "rest" in without else routes(self.reflected, method):
            where, sent = target(template, body, request, method.input_type)
            status, shown = self.node.rest(verb, where, sent, height)
            if refusal is None:
                check(f"{name}: {verb} {where}", status == 200 and self.reflected.read(output, shown) == wanted, (status, shown, wanted))
            else:
                # Of a method that is not served there is no route, either.
                text = "Not Implemented" if refusal[0] == UNIMPLEMENTED else refusal[1]
                same = (shown.get("code"), shown.get("message")) == (refusal[0], text) and status != 200
                check(f"{name}: {verb} {where} refuses", same, (status, shown, refusal))
        if "abci" not in without:
            over = self.node.rpc("abci_query", path=path, data=encoded.hex(), height=str(height or 0), prove=False)["response"]
            if refusal is None:
                same = over["code"] == 0 and base64.b64decode(over["value"] or "") == answer
                check(f"{name}: ABCI Query", same, over)
            else:
                text = "unknown query path" if refusal[0] == UNIMPLEMENTED else refusal[1]
                check(f"{name}: ABCI Query refuses", over["code"] != 0 and text in over["log"], (over, refusal))
                refusal = (refusal[0], text)
        if "cli" not in without:
            words = self.commands.arguments(path, request) + (["--height", str(height)] if height else [])
            code, out, err = nodes.plumed(self.node.home, *words, "--output", "json")
            if refusal is None:
                printed = json.loads(out) if code == 0 else None
                same = code == 0 and self.reflected.read(output, printed) == wanted
                check(f"{name}: plumed {' '.join(words)}", same, (code, err, printed, wanted))
                check(f"{name}: the command line prints what REST shows", shown is None or printed == shown, (printed, shown))
            else:
                check(f"{name}: plumed {' '.join(words)} refuses", code == 1 and refusal[1] in err, (code, err, refusal))
        return wanted


def same_everywhere(doors, addresses, sent, waiting):
    """Every method that the node answers, with the table's requests: now, and for a state that is past."""
    known = {
        **addresses, "past": str(sent[0]["height"] - 1), "hash": sent[0]["hash"], "tx_bytes": sent[0]["bytes"],
        "tx": sent[0]["json"], "height": str(sent[0]["height"]), "at_height": f"tx.height={sent[0]['height']}",
        "address_bytes": base64.b64encode(b"\x01" * 20).decode(), "other_hash": "00" * 32,
        "failed_hash": sent[2]["hash"], "waiting_bytes": waiting,
    }
    table = read_json("examples.json")
    methods = dict(doors.reflected.methods())
    check("every method has an example", not methods.keys() - table.keys(), methods.keys() - table.keys())
    check("every example has a method", not table.keys() - methods.keys(), table.keys() - methods.keys())
    answered, refused, changed = set(), set(), set()
    for path, method in methods.items():
        entry = table[path]
        for number, example in enumerate(entry["requests"]):
            request, without = filled(example, known), entry.get("without", {})
            answer = doors.ask(path, method, request, None, without)
            # A service that is called `Query` reads state, and has it of every height.
            if number == 0 and answer is not None and method.containing_service.name == "Query":
                past = doors.ask(path, method, request, int(known["past"]), without)
                if past is not None and past != answer:
                    changed.add(path)
            if answer is not None:
                answered.add(path)
        if path not in answered:
            check(f"{path} answers one of its examples", entry.get("may_refuse"))
            refused.add(path)
    check("balances of a past height are others", "/cosmos.bank.v1beta1.Query/Balance" in changed, changed)
    check("there are methods", len(answered) >= 50, len(answered))
    return answered, refused


def forms_of_the_sdk(doors, sent):
    """Commands of the SDK that go to the engine's RPC show what the services show."""
    node = doors.node
    for tx in sent:
        _, shown = node.rest("GET", f"/cosmos/tx/v1beta1/txs/{tx['hash']}")
        check("query tx", nodes.plumed_json(node.home, "query", "tx", tx["hash"], "--output", "json") == shown["tx_response"], shown)
        _, shown = node.rest("GET", f"/cosmos/base/tendermint/v1beta1/validatorsets/{tx['height']}")
        printed = nodes.plumed_json(node.home, "query", "comet-validator-set", str(tx["height"]), "--output", "json")
        check("query comet-validator-set", printed["validators"] == shown["validators"], (printed, shown))
    _, shown = node.rest("GET", "/cosmos/tx/v1beta1/txs?query=tx.height%3E0&order_by=ORDER_BY_ASC&limit=2")
    printed = nodes.plumed_json(node.home, "query", "txs", "--query", "tx.height>0", "--limit", "2", "--output", "json")
    check("query txs", (printed["txs"], printed["total_count"]) == (shown["tx_responses"], shown["total"]), (printed, shown))


def kind_holds(kind, value):
    """Whether a value that may differ is of its kind."""
    if kind == "time":
        return value.endswith("Z") and bool(time.strptime(value[:19], "%Y-%m-%dT%H:%M:%S"))
    if kind == "address":
        return value.startswith("tcp://127.0.0.1:") and value.rsplit(":", 1)[1].isdigit()
    length = len(base64.b64decode(value, validate=True))
    return length > 0 if kind == "bytes" else length == {"hash": 32, "signature": 64}[kind]


def leaves(value, path=""):
    """Path and value of everything in an answer that holds nothing itself."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if not inner:
        yield path.strip("."), value
    else:
        for step, one in inner:
            yield from leaves(one, f"{path}.{step}")


def matches(pattern, path):
    steps, given = pattern.split("."), path.split(".")
    return len(steps) == len(given) and all(step in ("*", at) for step, at in zip(steps, given))


def same_under_both_engines(raft, comet):
    """`/cosmos/base/tendermint` of the two chains, field by field."""
    rules = read_json("differences.json")
    needed = set()
    base = "/cosmos/base/tendermint/v1beta1"
    latest = raft.height()
    check("both chains have the same height", comet.height() == latest, (comet.height(), latest))
    paths = ["node_info", "syncing", "blocks/latest", "validatorsets/latest", f"blocks/{latest + 1}", "blocks/x", "validatorsets/0"]
    paths += [f"{what}/{height}" for what in ("blocks", "validatorsets") for height in range(1, latest + 1)]
    paths += ["abci_query?path=%2Fapp%2Fversion", "abci_query?path=%2Fno%2Fsuch", "validatorsets/latest?pagination.limit=1"]
    paths += [f"abci_query?path=%2Fstore%2Fbank%2Fkey&data=AAE%3D&prove=true&height={latest - 1}"]
    compared, unlisted = 0, []
    for path in paths:
        (status, ours), (real_status, real) = (node.rest("GET", f"{base}/{path}") for node in (raft, comet))
        check(f"{path}: one status", status == real_status, (status, ours, real_status, real))
        ours, real = dict(leaves(ours)), dict(leaves(real))
        check(f"{path}: the same fields", ours.keys() == real.keys(), ours.keys() ^ real.keys())
        for field, value in real.items():
            compared += 1
            if ours[field] == value:
                continue
            fitting = [(rule, pattern) for rule in rules for pattern in rule["fields"] if matches(pattern, field)]
            if fitting and all(kind_holds(fitting[0][0]["kind"], one) for one in (ours[field], value)):
                needed.add(fitting[0][1])
            else:
                unlisted.append((path, field, ours[field], value))
    check("other values are the same", not unlisted, unlisted)
    listed = {pattern for rule in rules for pattern in rule["fields"]}
    check("every accepted difference is one", listed == needed, listed - needed)
    check("every accepted difference has a reason", all(rule["reason"] for rule in rules))
    check("much was compared", compared > 200, compared)
    return compared


def main():
    folder = tempfile.TemporaryDirectory()
    started = []
    try:
        started, description = nodes.start(folder.name)
        addresses, sent, waiting = nodes.transactions(started, description)
        for node in started:
            with grpc.insecure_channel(node.grpc) as channel:
                doors = Doors(node, channel)
                answered, refused = same_everywhere(doors, addresses, sent, waiting)
                forms_of_the_sdk(doors, sent)
            print(f"{node.engine}: {len(answered)} methods answer the same at every door"
                  + (f"; refused everywhere: {', '.join(sorted(refused))}" if refused else ""))
        compared = same_under_both_engines(*started)
        print(f"/cosmos/base/tendermint: {compared} values compared between the engines")
    except BaseException:
        for node in started:
            print(f"--- the last lines of {node.engine}\n{node.last_words()}", file=sys.stderr)
        raise
    finally:
        for node in started:
            node.stop()
        folder.cleanup()
    print(f"{passed} checks passed")


if __name__ == "__main__":
    main()

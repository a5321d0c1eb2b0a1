"""Unmodified Python clients against a running chain: cosmpy over gRPC and over REST, and a client that knows nothing but
what server reflection tells it. Addresses come from the environment (tests/interop/with-devnet)."""

import base64
import json
import os
import sys
import time
import urllib.parse
import urllib.request

import grpc
from cosmpy.aerial.client import LedgerClient, NetworkConfig
from cosmpy.aerial.exceptions import QueryTimeoutError
from cosmpy.aerial.wallet import LocalWallet
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

ENV = os.environ
RPC, GRPC, API = ENV["PLUME_RPC"], ENV["PLUME_GRPC"], ENV["PLUME_API"]
PREFIX, DENOM = ENV["PLUME_PREFIX"], ENV["PLUME_DENOM"]
PRICE = float(ENV["PLUME_MIN_GAS_PRICE"])
passed = 0


def check(name, is_right, detail=""):
    """Counts what is right and ends with what is not."""
    global passed
    if not is_right:
        sys.exit(f"FAILED  {name}  {str(detail)[:2000]}")
    passed += 1
    print(f"ok      {name}")


def rpc(method, **params):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(RPC, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["result"]


def chain_id():
    return rpc("status")["node_info"]["network"]


def with_cosmpy(scheme, url):
    """What a wallet does: account, balance, gas estimate, payment, look-up."""
    config = NetworkConfig(
        chain_id=chain_id(), url=f"{scheme}+{url}", fee_minimum_gas_price=PRICE, fee_denomination=DENOM,
        staking_denomination=DENOM)
    client = LedgerClient(config, query_interval_secs=1, query_timeout_secs=30)
    wallet = LocalWallet.from_mnemonic(ENV["PLUME_MNEMONIC"], prefix=PREFIX)
    check(f"{scheme}: the wallet has the devnet's address", str(wallet.address()) == ENV["PLUME_ADDRESS"])
    account = client.query_account(wallet.address())
    check(f"{scheme}: account", account.address == wallet.address())
    before = client.query_bank_balance(wallet.address(), DENOM)
    check(f"{scheme}: balance", before > 0)
    stranger = LocalWallet.generate(prefix=PREFIX).address()
    sent = client.send_tokens(stranger, 1234, DENOM, wallet).wait_to_complete()
    check(f"{scheme}: payment is in a block", sent.response.code == 0 and sent.response.height > 0, sent.response)
    check(f"{scheme}: gas was estimated", 0 < sent.response.gas_used <= sent.response.gas_wanted)
    check(f"{scheme}: the receiver has it", client.query_bank_balance(stranger, DENOM) == 1234)
    after = client.query_bank_balance(wallet.address(), DENOM)
    check(f"{scheme}: the payer paid amount and fee", after < before - 1234)
    again = client.query_account(wallet.address())
    check(f"{scheme}: the sequence went on", again.sequence == account.sequence + 1)
    found = client.query_tx(sent.tx_hash)
    check(f"{scheme}: transaction by hash", found.hash == sent.tx_hash and "transfer" in found.events)
    try:
        client.wait_for_query_tx("AB" * 32, timeout=2, poll_period=1)
        check(f"{scheme}: a transaction that is not there", False)
    except QueryTimeoutError:
        check(f"{scheme}: a transaction that is not there", True)
    block = client.query_latest_block()
    check(f"{scheme}: latest block", block.chain_id == chain_id() and block.height >= sent.response.height)
    check(f"{scheme}: block by height", client.query_block(sent.response.height).height == sent.response.height)
    return sent


class Reflected:
    """A client made of what the server says about itself."""

    def __init__(self, channel, version):
        self.channel = channel
        self.service = f"grpc.reflection.{version}.ServerReflection"
        raw = channel.unary_unary("/cosmos.reflection.v1.ReflectionService/FileDescriptors")
        files = descriptor_pb2.FileDescriptorSet.FromString(raw(b""))
        self.described = {file.name for file in files.file}
        # The messages of reflection itself, to ask with.
        bootstrap = descriptor_pool.DescriptorPool()
        for file in files.file:
            if file.package == f"grpc.reflection.{version}":
                bootstrap.Add(file)
        self.request = self.classof(bootstrap, f"grpc.reflection.{version}.ServerReflectionRequest")
        self.response = self.classof(bootstrap, f"grpc.reflection.{version}.ServerReflectionResponse")
        self.pool = descriptor_pool.DescriptorPool()
        self.known = set()

    @staticmethod
    def classof(pool, name):
        return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))

    def ask(self, *requests):
        call = self.channel.stream_stream(f"/{self.service}/ServerReflectionInfo")
        answers = call(iter([request.SerializeToString() for request in requests]), timeout=20)
        return [self.response.FromString(answer) for answer in answers]

    def services(self):
        [answer] = self.ask(self.request(list_services="*"))
        return [service.name for service in answer.list_services_response.service]

    def load(self, symbol):
        """Fetches the file of a symbol with its imports, as grpcurl does."""
        [answer] = self.ask(self.request(file_containing_symbol=symbol))
        if answer.HasField("error_response"):
            return answer.error_response.error_code
        files = map(descriptor_pb2.FileDescriptorProto.FromString, answer.file_descriptor_response.file_descriptor_proto)
        self.add({file.name: file for file in files}, None)
        return 0

    def add(self, files, names):
        """Adds files, each after what it imports."""
        for name in list(files) if names is None else names:
            if name not in self.known:
                self.known.add(name)
                self.add(files, files[name].dependency)
                self.pool.Add(files[name])

    def call(self, service, method, metadata=()):
        found = self.pool.FindServiceByName(service).methods_by_name[method]
        respond = self.classof(self.pool, found.output_type.full_name)
        raw, call = self.channel.unary_unary(f"/{service}/{method}").with_call(b"", metadata=metadata, timeout=20)
        respond.FromString(raw)
        return raw, call


def with_reflection(version):
    with grpc.insecure_channel(GRPC) as channel:
        client = Reflected(channel, version)
        names = client.services()
        for wanted in ("cosmos.bank.v1beta1.Query", "cosmos.tx.v1beta1.Service", "grpc.health.v1.Health", client.service):
            check(f"{version}: {wanted} is listed", wanted in names, names)
        check(f"{version}: a symbol that is not there", client.load("no.Such") == grpc.StatusCode.NOT_FOUND.value[0])
        for name in names:
            check(f"{version}: {name} is described", client.load(name) == 0)
        answered = 0
        height = int(rpc("abci_info")["response"]["last_block_height"])
        for name in names:
            for method in client.pool.FindServiceByName(name).methods:
                if name.startswith("grpc.") or method.name in ("GetLatestBlock", "GetSyncing", "Status", "BroadcastTx"):
                    continue
                path = f"/{name}/{method.name}"
                over_abci = rpc("abci_query", path=path, data="", height=str(height), prove=False)["response"]
                try:
                    response, call = client.call(name, method.name, [("x-cosmos-block-height", str(height))])
                    same = over_abci["code"] == 0 and base64.b64decode(over_abci["value"] or "") == response
                    shown = dict(call.initial_metadata()).get("x-cosmos-block-height")
                    check(f"{version}: {path}", same and shown == str(height), (over_abci, response, shown))
                    answered += 1
                except grpc.RpcError as error:
                    is_same = over_abci["code"] != 0 and error.details() in over_abci["log"]
                    is_same |= error.code() == grpc.StatusCode.UNIMPLEMENTED and over_abci["code"] == 6
                    check(f"{version}: {path} refuses", is_same, (over_abci, error.code(), error.details()))
        check(f"{version}: most methods answer without data", answered > 20, answered)


def with_health():
    with grpc.insecure_channel(GRPC) as channel:
        call = channel.unary_unary("/grpc.health.v1.Health/Check")
        deadline = time.monotonic() + 10
        while call(b"") != b"\x08\x01" and time.monotonic() < deadline:
            time.sleep(0.1)
        check("health: serving", call(b"") == b"\x08\x01")
        try:
            channel.unary_unary("/cosmos.bank.v1beta1.Query/Nothing")(b"")
            check("a method that is not there", False)
        except grpc.RpcError as error:
            check("a method that is not there", error.code() == grpc.StatusCode.UNIMPLEMENTED)
        try:
            balance = channel.unary_unary("/cosmos.bank.v1beta1.Query/Params")
            balance(b"", metadata=[("x-cosmos-block-height", "100000000")])
            check("a height that is not there", False)
        except grpc.RpcError as error:
            check("a height that is not there", "in the future" in error.details(), error.details())


def with_search(sent):
    query = f"tx.height={sent.response.height}"
    url = f"{API}/cosmos/tx/v1beta1/txs?query={urllib.parse.quote(query)}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        found = json.load(answer)
    hashes = [response["txhash"] for response in found["tx_responses"]]
    check("REST: transactions by event", sent.tx_hash in hashes, hashes)


if __name__ == "__main__":
    with_cosmpy("grpc", f"http://{GRPC}")
    sent = with_cosmpy("rest", API)
    with_search(sent)
    with_health()
    with_reflection("v1")
    with_reflection("v1alpha")
    print(f"{passed} checks passed")

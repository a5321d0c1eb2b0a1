#!/usr/bin/env python3
"""Writes textual.json: the Cosmos SDK's own test data of SIGN_MODE_TEXTUAL in a compact form.

    go mod download cosmossdk.io/x/tx@v0.13.7
    ./textual.py "$(go env GOMODCACHE)/cosmossdk.io/x/tx@v0.13.7" > textual.json

Screens are [title, content, indent, expert]. Cases that only concern parsing screens are left out, since a chain never
does that, and so are default values inside messages, which do not show.
"""
import base64
import datetime
import json
import pathlib
import sys

data = pathlib.Path(sys.argv[1]) / "signing/textual/internal/testdata"


def load(name):
    return json.loads((data / f"{name}.json").read_text())


def screen(s):
    return [s.get("title", ""), s.get("content", ""), s.get("indent", 0), s.get("expert", False)]


def screens(list_):
    return [screen(s) for s in list_]


def time(value):
    seconds = datetime.datetime.fromtimestamp(value.get("seconds", 0), datetime.timezone.utc)
    return f"{seconds:%Y-%m-%dT%H:%M:%S}.{value.get('nanos', 0):09}Z"


def any_of(value):
    """Protobuf JSON instead of Go's: bytes as base64, times as RFC 3339."""
    if isinstance(value, dict):
        value = {k: time(v) if k == "mtime" else [time(t) for t in v] if k == "expirations" else v for k, v in value.items()}
        if "data" in value and isinstance(value["data"], list):
            value = {**value, "data": base64.b64encode(bytes(value["data"])).decode()}
        return {k: any_of(v) for k, v in value.items()}
    if isinstance(value, list):
        return [any_of(v) for v in value]
    return value


def field(name, value, case):
    out = {"field": name, "value": value}
    if case.get("error"):
        out["error"] = True
    else:
        out["text"] = case["text"]
    return out


def coin_case(name, case):
    value = case["proto"]
    metadata = case.get("metadata") or {}
    if "base" in metadata:
        metadata = {metadata["base"]: metadata}
    return {**field(name, value, case), "metadata": metadata}


def pairs(name, field_names):
    return [field(f, value, {"text": text}) for value, text in load(name) for f in field_names]


values = pairs("integers", ["SDKINT"]) + pairs("decimals", ["SDKDEC"])
values += [field("INT64", v, {"text": t}) for v, t in load("integers") if v.lstrip("0") == v and int(v) < 2**63 and v != "0"]
values += [field("UINT64", v, {"text": t}) for v, t in load("integers") if v.lstrip("0") == v and int(v) < 2**64 and v != "0"]
values += [field("BYTES", v, {"text": t}) for v, t in load("bytes") if v]
values += [field("DURATION", c["proto"], c) for c in load("duration")]
values += [field("TIMESTAMP", c["proto"], c) for c in load("timestamp") if c.get("proto")]
values += [coin_case("COIN", c) for c in load("coin") if c.get("proto")]
values += [coin_case("COINS", c) for c in load("coins") if c.get("proto")]

messages = []
for name, type_ in (("message", "Foo"), ("repeated", "Qux")):
    for case in load(name):
        messages.append({"type": type_, "value": any_of(case["proto"]), "screens": screens(case["screens"])})
for case in load("enum"):
    ((key, value),) = case["proto"].items()
    if value:
        messages.append({"type": "Baz", "value": case["proto"], "screens": [["", "Baz object", 0, False], [{"ee": "Ee", "ie": "Ie", "option": "Option"}[key], case["text"], 1, False]]})

transactions = []
for case in load("tx") + load("e2e"):
    out = {
        "name": case["name"],
        "body": case["proto"]["body"],
        "auth_info": case["proto"]["auth_info"],
        "signer": case["signer_data"],
        "metadata": case.get("metadata"),
        "screens": screens(case["screens"]),
    }
    if "cbor" in case:
        out["cbor"] = case["cbor"]
    transactions.append(out)

out = {
    "values": values,
    "messages": messages,
    "anys": [{"value": c["proto"], "screens": screens(c["screens"])} for c in load("any")],
    "transactions": transactions,
    "encodings": [{"screens": screens(c["screens"]), "cbor": c["encoding"]} for c in load("encode")],
}
print("{")
for index, (key, cases) in enumerate(out.items()):
    lines = ",\n".join("  " + json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in cases)
    print(f' "{key}": [\n{lines}\n ]' + ("," if index + 1 < len(out) else ""))
print("}")

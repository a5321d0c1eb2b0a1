"""Compares our descriptor set with the descriptors inside the installed cosmpy, fact by fact.

    compare.py DESCRIPTORS ACCEPTED

A fact is a path and its text: `cosmos.bank.v1beta1.MsgSend.amount number` is `3`. Each difference must be covered by
one entry of ACCEPTED, and each entry must cover one; else the exit status is 1.
"""

import fnmatch
import importlib
import importlib.metadata
import pathlib
import pkgutil
import sys
import tomllib

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

COSMPY = "0.12.2"

# Options whose loss or change a client could notice. The other options of these packages steer code generators only.
OPTIONS = {
    "amino.dont_omitempty",
    "amino.encoding",
    "amino.field_name",
    "amino.message_encoding",
    "amino.name",
    "amino.oneof_name",
    "cosmos.msg.v1.service",
    "cosmos.msg.v1.signer",
    "cosmos.query.v1.module_query_safe",
    "cosmos_proto.accepts_interface",
    "cosmos_proto.declare_interface",
    "cosmos_proto.declare_scalar",
    "cosmos_proto.field_added_in",
    "cosmos_proto.implements_interface",
    "cosmos_proto.scalar",
    "gogoproto.castrepeated",
    "gogoproto.customtype",
    "gogoproto.embed",
    "gogoproto.nullable",
    "google.api.http",
    "google.protobuf.*.deprecated",
    "google.protobuf.*.packed",
}

OURS_ALONE = ("plume",)
# Both sides take these from protobuf itself.
WELL_KNOWN = ("google.protobuf",)
# The Python package has many more files of this package than any Cosmos chain uses: compare ours only.
BY_FILE = ("google.api",)


def our_files(path):
    return parse(pathlib.Path(path).read_bytes())


def cosmpy_files():
    """The files of all generated modules of cosmpy and of what they import."""
    version = importlib.metadata.version("cosmpy")
    if version != COSMPY:
        sys.exit(f"cosmpy {COSMPY} is needed, {version} is installed")
    import cosmpy.protos

    found = {}

    def add(file):
        if file.name not in found:
            for dependency in file.dependencies:
                add(dependency)
            found[file.name] = descriptor_pb2.FileDescriptorProto.FromString(file.serialized_pb)

    for module in pkgutil.walk_packages(cosmpy.protos.__path__, "cosmpy.protos."):
        if module.name.endswith("_pb2"):
            add(importlib.import_module(module.name).DESCRIPTOR)
    return parse(descriptor_pb2.FileDescriptorSet(file=found.values()).SerializeToString())


def parse(encoded):
    """Decodes a set whose options may be extensions that the set itself defines."""
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(encoded).file:
        pool.Add(file)
    set_type = pool.FindMessageTypeByName("google.protobuf.FileDescriptorSet")
    files = message_factory.GetMessageClass(set_type)
    return files.FromString(encoded).file


def within(package, packages):
    return any(package == outer or package.startswith(outer + ".") for outer in packages)


def facts(files):
    """All facts of the files by path. An item itself is a fact, so that a missing one shows as one difference."""
    found = {}

    def options(path, item):
        for field, value in item.options.ListFields():
            if any(fnmatch.fnmatchcase(field.full_name, option) for option in OPTIONS):
                name = field.full_name if field.is_extension else field.name
                values = value if field.label == field.LABEL_REPEATED else [value]
                found[f"{path} option {name}"] = "; ".join(text(one) for one in values)

    def text(value):
        if hasattr(value, "DESCRIPTOR"):
            return text_format.MessageToString(value, as_one_line=True)
        return repr(value)

    def field(path, item, oneofs):
        kinds = descriptor_pb2.FieldDescriptorProto
        found[path] = "field"
        found[f"{path} number"] = str(item.number)
        found[f"{path} type"] = item.type_name.lstrip(".") or kinds.Type.Name(item.type)[5:].lower()
        found[f"{path} label"] = "optional" if item.proto3_optional else kinds.Label.Name(item.label)[6:].lower()
        if item.HasField("oneof_index") and not item.proto3_optional:
            found[f"{path} oneof"] = oneofs[item.oneof_index].name
        options(path, item)

    def enumeration(path, item):
        found[path] = "enum"
        options(path, item)
        for value in item.value:
            found[f"{path}.{value.name}"] = str(value.number)
            options(f"{path}.{value.name}", value)

    def message(path, item):
        found[path] = "message"
        options(path, item)
        for member in item.field:
            field(f"{path}.{member.name}", member, item.oneof_decl)
        for inner in item.nested_type:
            message(f"{path}.{inner.name}", inner)
        for inner in item.enum_type:
            enumeration(f"{path}.{inner.name}", inner)

    for file in files:
        package = file.package
        for item in file.message_type:
            message(f"{package}.{item.name}", item)
        for item in file.enum_type:
            enumeration(f"{package}.{item.name}", item)
        for item in file.extension:
            path = f"{package}.{item.name}"
            if path in OPTIONS:
                field(path, item, [])
                found[f"{path} extends"] = item.extendee.lstrip(".")
        for item in file.service:
            found[f"{package}.{item.name}"] = "service"
            options(f"{package}.{item.name}", item)
            for method in item.method:
                path = f"{package}.{item.name}.{method.name}"
                found[path] = "method"
                found[f"{path} request"] = "stream " * method.client_streaming + method.input_type.lstrip(".")
                found[f"{path} response"] = "stream " * method.server_streaming + method.output_type.lstrip(".")
                options(path, method)
        options(file.name, file)
    return found


def parent(path):
    """What must exist for the path to exist, if anything."""
    if " " in path:
        return path.split(" ", 1)[0]
    return path.rpartition(".")[0]


def differences(ours, theirs):
    """Paths at which the two differ, with both texts; of an item that one side lacks only the item itself."""
    found = {}
    for path in sorted(ours.keys() | theirs.keys()):
        here, there = ours.get(path), theirs.get(path)
        if here == there:
            continue
        around = parent(path)
        if around in ours.keys() | theirs.keys() and (around not in ours or around not in theirs):
            continue
        found[path] = (here or "absent", there or "absent")
    return found


def judge(found, accepted):
    """Complaints about differences that are not accepted and about entries that accept nothing."""
    complaints = []
    used = set()
    for path, (here, there) in found.items():
        entries = [
            index
            for index, entry in enumerate(accepted)
            if fnmatch.fnmatchcase(path, entry["path"])
            and fnmatch.fnmatchcase(here, entry.get("ours", "*"))
            and fnmatch.fnmatchcase(there, entry.get("theirs", "*"))
        ]
        used.update(entries)
        if not entries:
            complaints.append(f"not accepted: {path}: ours {here}, cosmpy {there}")
    for index, entry in enumerate(accepted):
        if not entry.get("reason", "").strip():
            complaints.append(f"no reason: {entry['path']}")
        if index not in used:
            complaints.append(f"unused: {entry['path']}")
    return complaints


def main(descriptors, accepted):
    ours = [file for file in our_files(descriptors) if not within(file.package, OURS_ALONE + WELL_KNOWN)]
    packages = {file.package for file in ours}
    names = {file.name for file in ours}
    theirs = [
        file
        for file in cosmpy_files()
        if file.package in packages and (file.name in names or not within(file.package, BY_FILE))
    ]
    ours, theirs = facts(ours), facts(theirs)
    found = differences(ours, theirs)
    complaints = judge(found, tomllib.loads(pathlib.Path(accepted).read_text())["difference"])
    for complaint in complaints:
        print(complaint)
    print(f"{len(ours)} facts, {len(found)} differences, {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

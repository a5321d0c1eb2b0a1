"""Everything that is asked is what a node says about itself: services by server reflection, messages, HTTP rules and scalars by
their descriptors."""

import base64
import decimal
import re
import urllib.parse

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

REFLECTION = "grpc.reflection.v1"


class Reflected:
    """The descriptor pool of a node, and its services."""

    def __init__(self, channel):
        raw = channel.unary_unary("/cosmos.reflection.v1.ReflectionService/FileDescriptors")(b"", timeout=20)
        self.pool, added = descriptor_pool.DescriptorPool(), set()
        files = {file.name: file for file in descriptor_pb2.FileDescriptorSet.FromString(raw).file}

        def add(name):
            if name not in added:
                added.add(name)
                for imported in files[name].dependency:
                    add(imported)
                self.pool.Add(files[name])

        for name in files:
            add(name)
        request = self.classof(f"{REFLECTION}.ServerReflectionRequest")(list_services="*")
        call = channel.stream_stream(f"/{REFLECTION}.ServerReflection/ServerReflectionInfo")
        [answer] = call(iter([request.SerializeToString()]), timeout=20)
        listed = self.classof(f"{REFLECTION}.ServerReflectionResponse").FromString(answer).list_services_response.service
        self.services = sorted(service.name for service in listed)

    def classof(self, name):
        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(name))

    def methods(self):
        """Path and descriptor of every method that one message answers, those of gRPC's own services left out."""
        for service in self.services:
            for method in self.pool.FindServiceByName(service).methods:
                is_stream = method.client_streaming or method.server_streaming
                if not is_stream and not service.startswith("grpc."):
                    yield f"/{service}/{method.name}", method

    def option(self, descriptor, extension):
        """An option that only this pool knows; its default if it is not set."""
        known = self.classof(descriptor.GetOptions().DESCRIPTOR.full_name)
        return known.FromString(descriptor.GetOptions().SerializeToString()).Extensions[self.pool.FindExtensionByName(extension)]

    def read(self, message, shown):
        """The message of an answer's JSON, in protobuf's own JSON: what does not fit its descriptor is an error."""
        read = self.classof(message.full_name)()
        json_format.ParseDict(self.unscaled(message, shown), read, descriptor_pool=self.pool)
        return self.canonical(read)

    def canonical(self, message):
        return json_format.MessageToDict(
            message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True, descriptor_pool=self.pool)

    def unscaled(self, message, shown):
        """JSON with its decimals as the wire has them, in units of 10^-18."""
        if not isinstance(shown, dict):
            return shown
        if message.full_name == "google.protobuf.Any":
            # Nothing else decides which message it is.
            inner = self.pool.FindMessageTypeByName(shown["@type"].rsplit("/", 1)[-1])
            return {"@type": shown["@type"], **self.unscaled(inner, {k: v for k, v in shown.items() if k != "@type"})}
        read = {}
        for name, value in shown.items():
            field = message.fields_by_name.get(name)
            if field is None or value is None:
                # A name that the message does not have is refused by the parser.
                read[name] = value
                continue
            single = self.of_one(field)
            if field.message_type is not None and field.message_type.GetOptions().map_entry:
                held = field.message_type.fields_by_name["value"]
                read[name] = {key: self.of_one(held)(entry) for key, entry in value.items()}
            else:
                read[name] = [single(entry) for entry in value] if isinstance(value, list) else single(value)
        return read

    def of_one(self, field):
        if field.message_type is not None:
            return lambda value: self.unscaled(field.message_type, value)
        if self.is_decimal(field):
            return lambda value: str(int(decimal.Decimal(value) * 10**18))
        return lambda value: value

    def is_decimal(self, field):
        kind = self.option(field, "gogoproto.customtype")
        return self.option(field, "cosmos_proto.scalar") == "cosmos.Dec" or kind.endswith((".LegacyDec", ".Dec"))


def routes(reflected, method):
    """(verb, template, body) of every HTTP rule of a method."""
    rule = reflected.option(method, "google.api.http")
    for binding in [rule, *rule.additional_bindings]:
        verb = binding.WhichOneof("pattern")
        if verb is not None:
            yield verb.upper(), getattr(binding, verb), binding.body


def target(template, body, request, message):
    """The path and parameters of a request, and its body."""
    in_path = set()

    def fill(found):
        name = found[1].split("=")[0]
        in_path.add(name)
        field = message.fields_by_name[name]
        value = request.get(name, "0" if field.cpp_type in (field.CPPTYPE_INT64, field.CPPTYPE_UINT64) else "")
        if field.type == field.TYPE_BYTES:
            value = base64.urlsafe_b64encode(base64.b64decode(value)).decode()
        return urllib.parse.quote(str(value), safe="/" if "**" in found[1] else "")

    path = re.sub(r"\{([^}]+)\}", fill, template)
    rest = {name: value for name, value in request.items() if name not in in_path}
    if body == "*":
        return path, rest
    assert not body, f"{template}: a body that is one field"
    parameters = urllib.parse.urlencode(list(flat(rest)))
    return path + ("?" + parameters if parameters else ""), None


def flat(request, prefix=""):
    """Parameters of a request's fields: nested ones with points, lists as several."""
    for name, value in request.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
            continue
        for one in value if isinstance(value, list) else [value]:
            yield prefix + name, str(one).lower() if isinstance(one, bool) else one

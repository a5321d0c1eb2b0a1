"""The comparison notices what it is there for."""

import pathlib
import unittest

import compare

DESCRIPTORS = pathlib.Path(__file__).parents[2] / "proto/src/descriptors.bin"


def change(edit):
    """What the comparison says after `edit` changed a copy of our files, which it gets by name."""
    ours, copy = compare.our_files(DESCRIPTORS), compare.our_files(DESCRIPTORS)
    edit({file.name: file for file in copy})
    return compare.differences(compare.facts(ours), compare.facts(copy))


def named(items, name):
    return next(item for item in items if item.name == name)


def extension(options, name):
    return next(field for field, _ in options.ListFields() if field.full_name == name)


def message(files, file, name):
    return named(files[f"cosmos/bank/v1beta1/{file}.proto"].message_type, name)


class Differences(unittest.TestCase):
    maxDiff = None

    def check(self, edit, expected):
        self.assertEqual(change(edit), expected)

    def test_equal_sets_do_not_differ(self):
        self.check(lambda files: None, {})

    def test_number_type_and_label_of_a_field(self):
        def edit(files):
            field = named(message(files, "tx", "MsgSend").field, "to_address")
            field.number, field.type, field.label = 9, field.TYPE_BYTES, field.LABEL_REPEATED

        path = "cosmos.bank.v1beta1.MsgSend.to_address"
        self.check(
            edit,
            {
                f"{path} number": ("2", "9"),
                f"{path} type": ("string", "bytes"),
                f"{path} label": ("optional", "repeated"),
            },
        )

    def test_signer_and_amino_name_of_a_message(self):
        def edit(files):
            options = message(files, "tx", "MsgSend").options
            options.Extensions[extension(options, "amino.name")] = "x"
            options.Extensions[extension(options, "cosmos.msg.v1.signer")][:] = []

        path = "cosmos.bank.v1beta1.MsgSend option"
        self.check(
            edit,
            {
                f"{path} amino.name": ("'cosmos-sdk/MsgSend'", "'x'"),
                f"{path} cosmos.msg.v1.signer": ("'from_address'", "absent"),
            },
        )

    def test_scalar_of_a_field(self):
        def edit(files):
            options = named(message(files, "tx", "MsgSend").field, "to_address").options
            options.ClearExtension(extension(options, "cosmos_proto.scalar"))

        path = "cosmos.bank.v1beta1.MsgSend.to_address option cosmos_proto.scalar"
        self.check(edit, {path: ("'cosmos.AddressString'", "absent")})

    def test_http_rule_and_types_of_a_method(self):
        def edit(files):
            method = files["cosmos/bank/v1beta1/query.proto"].service[0].method[0]
            method.options.Extensions[extension(method.options, "google.api.http")].get = "/x"
            method.server_streaming = True

        path = "cosmos.bank.v1beta1.Query.Balance"
        answer = "cosmos.bank.v1beta1.QueryBalanceResponse"
        rule = 'get: "/cosmos/bank/v1beta1/balances/{address}/by_denom"'
        self.check(
            edit,
            {
                f"{path} option google.api.http": (rule, 'get: "/x"'),
                f"{path} response": (answer, f"stream {answer}"),
            },
        )

    def test_missing_items_show_once(self):
        def edit(files):
            del files["cosmos/bank/v1beta1/tx.proto"].message_type[:2]
            del files["cosmos/tx/v1beta1/service.proto"].enum_type[0].value[2]
            del message(files, "bank", "Input").field[0]

        self.check(
            edit,
            {
                "cosmos.bank.v1beta1.Input.address": ("field", "absent"),
                "cosmos.bank.v1beta1.MsgSend": ("message", "absent"),
                "cosmos.bank.v1beta1.MsgSendResponse": ("message", "absent"),
                "cosmos.tx.v1beta1.OrderBy.ORDER_BY_DESC": ("2", "absent"),
            },
        )

    def test_number_of_an_option(self):
        def edit(files):
            named(files["amino/amino.proto"].extension, "encoding").number = 5

        self.check(edit, {"amino.encoding number": ("11110003", "5")})


class Judgement(unittest.TestCase):
    FOUND = {"a.B number": ("1", "2")}

    def test_accepted_differences_pass(self):
        entry = {"path": "a.*", "ours": "1", "theirs": "?", "reason": "because"}
        self.assertEqual(compare.judge(self.FOUND, [entry]), [])

    def test_unlisted_differences_fail(self):
        complaint = ["not accepted: a.B number: ours 1, cosmpy 2"]
        self.assertEqual(compare.judge(self.FOUND, []), complaint)
        entry = {"path": "a.*", "theirs": "3", "reason": "because"}
        self.assertEqual(compare.judge(self.FOUND, [entry]), complaint + ["unused: a.*"])

    def test_entries_need_a_reason_and_a_use(self):
        entry = {"path": "a.*", "reason": " "}
        self.assertEqual(compare.judge(self.FOUND, [entry]), ["no reason: a.*"])
        entry = {"path": "z", "reason": "because"}
        self.assertEqual(compare.judge({}, [entry]), ["unused: z"])


if __name__ == "__main__":
    unittest.main()

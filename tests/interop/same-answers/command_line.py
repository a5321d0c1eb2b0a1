"""The command of a method, and a request as its arguments: from the manual pages and from what the node says of its commands."""

import json
import os
import re

from nodes import plumed

PAGES = {
    "limit": "--page-limit", "offset": "--page-offset", "key": "--page-key", "count_total": "--page-count-total",
    "reverse": "--page-reverse",
}


class Commands:
    """Every command below `query`, by the method that it calls."""

    def __init__(self, home, options):
        folder = os.path.join(home, "man")
        code, _, err = plumed(home, "man", "--dir", folder)
        assert code == 0, err
        self.words, self.flags = {}, {}
        for page in os.listdir(folder):
            with open(os.path.join(folder, page), encoding="utf-8") as file:
                text = file.read().replace("\\-", "-")
            calls = re.search(r"^Calls (/\S+)\.$", text, re.M)
            synopsis = re.search(r"^\.SH SYNOPSIS\n\\fBplumed (query [^\\]+)\\fR", text, re.M)
            if calls and synopsis:
                self.words[calls[1]] = synopsis[1].split()
                self.flags[calls[1]] = set(re.findall(r"--[a-z0-9-]+", text))
        self.positional = dict(self.places(options))

    @staticmethod
    def places(options):
        """The fields that have a place instead of a flag, for each method."""
        waiting = [module[tree] for module in options["module_options"].values() for tree in ("query", "tx") if module.get(tree)]
        while waiting:
            service = waiting.pop()
            waiting.extend((service.get("sub_commands") or {}).values())
            for command in service.get("rpc_command_options") or []:
                fields = [place["proto_field"] for place in command.get("positional_args") or []]
                yield f"/{service['service']}/{command['rpc_method']}", fields

    def arguments(self, path, request):
        """The words that ask `request` of the method."""
        request, words = dict(request), list(self.words[path])
        for name in self.positional.get(path, []):
            value = request.pop(name, None)
            words += [] if value is None else [str(one) for one in (value if isinstance(value, list) else [value])]
        for name, value in request.items():
            if name == "pagination":
                for part, given in value.items():
                    words += [PAGES[part]] if given is True else [PAGES[part], str(given)]
                continue
            plain = "--" + name.replace("_", "-")
            flag = "--field-" + plain[2:] if "--field-" + plain[2:] in self.flags[path] else plain
            assert flag in self.flags[path], f"{path}: the command has no flag {flag}"
            for one in value if isinstance(value, list) else [value]:
                text = json.dumps(one) if isinstance(one, (dict, bool)) else str(one)
                words.append(f"{flag}={text}")
        return words

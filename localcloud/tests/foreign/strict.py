"""Checks every answer against the service's own model as botocore carries it.

botocore itself ignores what it does not know. Here an unknown element, a bad number, time or enum value is an error.
"""
import re
import xml.etree.ElementTree as ElementTree

import botocore.parsers

problems = []
# What AWS answers, whatever its model says: an internet gateway is `available`.
BEYOND_MODEL = {"available"}
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")


def local(tag):
    return tag.split("}", 1)[-1]


def check(node, shape, path):
    kind = shape.type_name
    if kind == "structure":
        members = {m.serialization.get("name", name): m for name, m in shape.members.items()}
        seen = set()
        for child in node:
            name = local(child.tag)
            if name not in members:
                problems.append(f"{path}: unknown element {name}")
                continue
            if name in seen and not members[name].serialization.get("flattened"):
                problems.append(f"{path}: {name} stands twice")
            seen.add(name)
            check(child, members[name], f"{path}.{name}")
        if node.text and node.text.strip():
            problems.append(f"{path}: text {node.text!r} in a structure")
    elif kind == "list":
        entry = shape.member.serialization.get("name", "member")
        for index, child in enumerate(node):
            if local(child.tag) != entry:
                problems.append(f"{path}: entry {local(child.tag)}, not {entry}")
            check(child, shape.member, f"{path}[{index}]")
    elif len(node):
        problems.append(f"{path}: elements in a {kind}")
    else:
        check_leaf(node.text or "", shape, path)


def check_leaf(text, shape, path):
    kind = shape.type_name
    if kind in ("integer", "long") and not re.fullmatch(r"-?\d+", text):
        problems.append(f"{path}: {text!r} is no {kind}")
    elif kind == "boolean" and text not in ("true", "false"):
        problems.append(f"{path}: {text!r} is no boolean")
    elif kind == "timestamp" and not TIME.match(text):
        problems.append(f"{path}: {text!r} is no time")
    elif kind == "string" and getattr(shape, "enum", None) and text not in shape.enum and text not in BEYOND_MODEL:
        problems.append(f"{path}: {text!r} is none of {shape.enum[:8]}")


def check_body(response, shape):
    body = response["body"]
    if response["status_code"] >= 300 or not body.startswith(b"<") or shape is None:
        return
    root = ElementTree.fromstring(body)
    if not local(root.tag).endswith("Response"):
        problems.append(f"the root is {root.tag}")
    wrapper = shape.serialization.get("resultWrapper")
    if wrapper:
        for child in root:
            if local(child.tag) not in (wrapper, "ResponseMetadata"):
                problems.append(f"{wrapper}: {local(child.tag)} stands beside it")
        root = next(child for child in root if local(child.tag) == wrapper)
    else:
        for child in list(root):
            if local(child.tag) == "requestId":
                root.remove(child)
    check(root, shape, shape.name)


plain = botocore.parsers.ResponseParser.parse


def parse(self, response, shape):
    check_body(response, shape)
    return plain(self, response, shape)


botocore.parsers.ResponseParser.parse = parse

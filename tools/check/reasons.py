#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that the sentences which the API and the delivery write down where they are said have a code in
openapi/reasons.yaml, by which the apps say them in other languages. Sentences that modules make elsewhere are
seen by the tests of the API (tests/api/judge.mjs)."""
import pathlib
import re
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = r'((?:"(?:[^"\\]|\\.)*"\s*)+)'
# What says a sentence: the last group is it.
SAYING = {
    "services/api/*.c": [
        rf'\bcall_(?:send_)?problem\(\s*[^,]+,\s*[^,]+,\s*{TEXT}',
        rf'\bcall_(?:send_)?field_problem\(\s*[^,]+,\s*"[^"]*",\s*(?:"[^"]*"|[^",]+\([^"]*?\)),\s*{TEXT}',
        rf'\bfault\([^;"]*,\s*(?:STR\(|arena_printf\([^"]*){TEXT}',
        rf'\bapi_fault_add\([^;]*,\s*STR\({TEXT}\)\);',
        rf'\{{ "[\w-]+", is_\w+,\s*{TEXT}\}}',
    ],
    "services/delivery/*.c": [
        rf'\bdelivery_deferred\(\s*[^,]+,\s*"[\d.]+",\s*{TEXT}',
        rf'\b(?:refusal|put_off)\(\s*[^;"]*(?:"[\d.]+",\s*)?{TEXT}',
        rf'\bdelivery_tls_judge_lack\(\s*[^,]+,\s*{TEXT}',
        rf'QUEUE_\w+, "[\d.]+",\s*{TEXT}',
        rf'\.reply =\s*STR\({TEXT}',
    ],
}


def unquoted(literals):
    """The text of C's literals beside each other."""
    text = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literals))
    return text.replace('\\"', '"')


def main():
    sentences = yaml.safe_load((ROOT / "openapi/reasons.yaml").read_text(encoding="utf-8")).values()
    known = [re.compile(".+".join(map(re.escape, re.split(r"{\w+}", one)))) for one in sentences]
    found = {}
    for files, patterns in SAYING.items():
        for path in ROOT.glob(files):
            code = path.read_text(encoding="utf-8")
            for pattern in patterns:
                for match in re.finditer(pattern, code):
                    line = code.count("\n", 0, match.start(1)) + 1
                    found[f"{path.relative_to(ROOT)}:{line}"] = unquoted(match[1])
    for where, said in sorted(found.items()):
        filled = re.sub(r"%(?:\.\*)?[a-z]+", "7", said.removesuffix("%zu %s") + "7 items" * said.endswith("%zu %s"))
        if filled != "7" and not any(one.fullmatch(filled) for one in known):
            print(f'{where}: "{said}" has no code in openapi/reasons.yaml')
            found[where] = None
    if len(found) < 120:
        print(f"only {len(found)} sentences were found: do their functions have other names now?")
        return True
    print(f"{len(found)} sentences were looked at")
    return None in found.values()


sys.exit(main())

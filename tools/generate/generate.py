#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes from openapi/ what the rest is built from.

  tools/generate/generate.py c FOLDER           the sources in C, the bundle and the page, for the build
  tools/generate/generate.py bundle             the whole description as one JSON, to standard output
  tools/generate/generate.py files              the files that all of this is made from
  tools/generate/generate.py types              services/web-kit/schema.d.ts (needs npm ci)
"""
import argparse
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

import c_source
import page
from bundle import ROOT, ContractError, load

TYPES = ROOT / "services/web-kit/schema.d.ts"


def write_if_changed(path, text):
    """Leaves a file alone that holds the text already, so that nothing is compiled again."""
    data = text if isinstance(text, bytes) else text.encode()
    if not path.exists() or path.read_bytes() != data:
        path.write_bytes(data)


def as_json(document):
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"


def make_c(folder):
    document, _ = load()
    ops = c_source.operations_of(document)
    text = as_json(document)
    html, policy = page.render(document)
    etag = '"' + hashlib.sha256(text.encode()).hexdigest()[:16] + '"'
    folder.mkdir(parents=True, exist_ok=True)
    sources = {
        "api_routes.h": c_source.header(ops),
        "api_tables.h": c_source.tables_header(ops),
        "api_params.c": c_source.params_source(ops),
        "api_schemas.c": c_source.schemas_source(document, ops),
        "api_routes.c": [*c_source.routes_source(ops), *c_source.problems_source(document),
                         *c_source.reasons_source(document)],
        "api_documents.c": c_source.documents_source({
            "api_openapi_json": text.encode(), "api_openapi_etag": etag.encode(),
            "api_docs_html": html.encode(), "api_docs_policy": policy.encode()}),
        "openapi.json": [text],
        "docs.html": [html],
    }
    for name, parts in sources.items():
        write_if_changed(folder / name, "".join(parts))


def types_text():
    """The types as openapi-typescript makes them of the bundle."""
    document, _ = load()
    with tempfile.TemporaryDirectory() as folder:
        bundle = pathlib.Path(folder) / "openapi.json"
        result = pathlib.Path(folder) / "schema.d.ts"
        bundle.write_text(as_json(document), encoding="utf-8")
        subprocess.run([ROOT / "node_modules/.bin/openapi-typescript", bundle, "-o", result],
                       check=True, stdout=subprocess.DEVNULL, cwd=folder)
        return "// SPDX-License-Identifier: Apache-2.0\n" + result.read_text(encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["c", "bundle", "files", "types"])
    parser.add_argument("folder", nargs="?", type=pathlib.Path)
    options = parser.parse_args()
    try:
        if options.what == "c":
            make_c(options.folder)
        elif options.what == "bundle":
            sys.stdout.write(as_json(load()[0]))
        elif options.what == "files":
            print("\n".join(str(path) for path in load()[1]))
        else:
            TYPES.write_text(types_text(), encoding="utf-8")
    except ContractError as why:
        print(f"generate: {why}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

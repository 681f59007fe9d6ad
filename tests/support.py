# SPDX-License-Identifier: Apache-2.0
"""What tests of several protocols do with sockets. A server and its clients are in conftest.py."""
import contextlib
import os
import ssl


def all_of(sock):
    """What comes until the connection ends, in whatever way."""
    said = b""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while more := sock.recv(65536):
            said += more
    return said


def leads_to(fd):
    """What a descriptor in /proc/PID/fd is: "socket:[INODE]"; None when it was closed meanwhile."""
    with contextlib.suppress(OSError):
        return os.readlink(fd)
    return None

# SPDX-License-Identifier: Apache-2.0
"""Drives Thunderbird in an X server of its own (Xvfb) through Marionette, the remote control of
Mozilla programs: runs scripts with the rights of the program itself, takes pictures."""
import base64
import contextlib
import json
import os
import re
import socket
import subprocess
import time


class Marionette:
    """The remote control: `script` runs the body of an async function and gives what it returns."""

    def __init__(self, port, seconds=180):
        end = time.monotonic() + seconds
        while True:
            try:
                self.socket = socket.create_connection(("127.0.0.1", port), timeout=180)
                break
            except OSError:
                assert time.monotonic() < end, "the remote control does not answer"
                time.sleep(0.1)
        self.pending, self.number = b"", 0
        self.read()
        self.ask("WebDriver:NewSession", {"capabilities": {}})
        self.ask("Marionette:SetContext", {"value": "chrome"})
        self.ask("WebDriver:SetTimeouts", {"script": 150000})

    def read(self):
        while not (m := re.match(rb"(\d+):", self.pending)) or len(self.pending) < m.end() + int(m.group(1)):
            octets = self.socket.recv(1 << 16)
            assert octets, "the program has ended"
            self.pending += octets
        end = m.end() + int(m.group(1))
        message, self.pending = json.loads(self.pending[m.end():end]), self.pending[end:]
        return message

    def ask(self, command, parameters):
        self.number += 1
        text = json.dumps([0, self.number, command, parameters]).encode()
        self.socket.sendall(b"%d:%s" % (len(text), text))
        _, number, error, result = self.read()
        assert number == self.number and error is None, (command, error)
        return result

    def script(self, body, *arguments):
        wrapped = ("const done = arguments[arguments.length - 1]; const args = Array.from(arguments).slice(0, -1);"
                   f"(async () => {{ {body} }})().then(v => done({{value: v ?? null}}), "
                   "e => done({error: String(e) + ' ' + (e.stack || '')}));")
        value = self.ask("WebDriver:ExecuteAsyncScript", {"script": wrapped, "args": list(arguments)})["value"]
        assert "error" not in value, value
        return value["value"]

    def picture(self, path):
        path.write_bytes(base64.b64decode(self.ask("WebDriver:TakeScreenshot", {"full": False})["value"]))


@contextlib.contextmanager
def thunderbird(folder, port, preferences):
    """Thunderbird with a fresh profile in `folder`, remote-controlled on `port`."""
    profile = folder / "profile"
    profile.mkdir()
    lines = {**preferences, "marionette.port": port}
    (profile / "user.js").write_text("".join(f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in lines.items()))
    reader, writer = os.pipe()
    with contextlib.ExitStack() as stack:
        display = subprocess.Popen(["Xvfb", "-displayfd", str(writer), "-screen", "0", "1280x900x24", "-nolisten", "tcp"],
                                   pass_fds=[writer], stderr=subprocess.DEVNULL)
        stack.callback(end, display)
        os.close(writer)
        with open(reader, encoding="ascii") as told:
            number = told.readline().strip()
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "DISPLAY": f":{number}", "LC_ALL": "C.UTF-8",
                       "MOZ_DISABLE_CONTENT_SANDBOX": "1"}
        with open(folder / "thunderbird.log", "wb") as log:
            program = subprocess.Popen(["thunderbird", "--profile", profile, "--no-remote", "--marionette",
                                        "--remote-allow-system-access"], env=environment, stdout=log, stderr=log)
        stack.callback(end, program)
        yield Marionette(port)


def end(process):
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

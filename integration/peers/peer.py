#!/usr/bin/env python3
"""A peer of the cluster in Python, with nothing but a MessagePack library.

Usage: peer.py HOST:PORT [CLUSTER]

Joins the host at HOST:PORT, asks its allocator for the roles, links to the allocator, and waits to
hear how it ends. Each step prints one line of JSON. See protocol/README.md for the wire.
"""

import json
import os
import socket
import struct
import sys

import msgpack

TELL, ASK, REPLY, ERROR, LINK, UNLINK, EXITED, PING, PONG, HELLO, WELCOME, REJECT = range(12)


class Peer:
    """One connection to a host."""

    def __init__(self, host, cluster):
        name, port = host.rsplit(":", 1)
        self.socket = socket.create_connection((name, int(port)), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.asked = 0
        self.send(HELLO, "", "", "Hello", 0, {
            "min_version": 1,
            "max_version": 1,
            "cluster": cluster,
            "host": f"python-{os.getpid()}:0",
            "incarnation": 1,
        })
        kind, _, _, body = self.receive()
        if kind != WELCOME:
            raise SystemExit(f"refused: {body}")
        self.welcome = body

    def send(self, kind, to, sender, name, ask, body):
        packed = msgpack.packb(body) if body is not None else b""
        frame = msgpack.packb([to, sender, name, kind, ask, 0, 0, packed], use_bin_type=True)
        self.socket.sendall(struct.pack(">I", len(frame)) + frame)

    def exactly(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise SystemExit("the host closed the connection")
            data += more
        return data

    def receive(self):
        """The next frame that is not about keeping the connection alive."""
        while True:
            (length,) = struct.unpack(">I", self.exactly(4))
            _, sender, _, kind, ask, _, _, body = msgpack.unpackb(self.exactly(length))[:8]
            if kind == PING:
                self.send(PONG, "", "", "", 0, None)
            elif kind != PONG:
                return kind, sender, ask, msgpack.unpackb(body) if body else None

    def ask(self, to, name, body):
        self.asked += 1
        self.send(ASK, to, "me", name, self.asked, body)
        while True:
            kind, _, ask, reply = self.receive()
            if ask == self.asked and kind in (REPLY, ERROR):
                return ("reply" if kind == REPLY else "error"), reply


def say(step, what):
    print(json.dumps({step: what}), flush=True)


def main():
    host = sys.argv[1]
    peer = Peer(host, sys.argv[2] if len(sys.argv) > 2 else "meseta")
    say("joined", peer.welcome)
    say("roles", peer.ask("allocator", "GetRoles", {}))
    say("mistake", peer.ask("allocator", "GetRolls", {}))
    peer.send(LINK, "allocator", "me", "", 0, None)
    say("linked", "allocator")
    while True:
        kind, sender, _, body = peer.receive()
        if kind == EXITED:
            say("exited", {"actor": sender, "reason": body["reason"]})
            return


if __name__ == "__main__":
    main()

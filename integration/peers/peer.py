#!/usr/bin/env python3
"""A peer of the cluster in Python, with nothing but a MessagePack library.

Usage: peer.py HOST:PORT [CLUSTER]

Joins the host at HOST:PORT, asks its allocator for the roles, misspells a message, links to the
allocator, and waits to hear how it ends. Each step prints one line of JSON. See protocol/README.md
for the wire.
"""

import collections
import json
import secrets
import socket
import struct
import sys

import msgpack

TELL, ASK, REPLY, ERROR, LINK, UNLINK, EXITED, PING, PONG, HELLO, WELCOME, REJECT = range(12)

# A host pings after 5 s of silence; one that does not is gone.
SILENCE = 30


class Peer:
    """One connection to a host."""

    def __init__(self, host, cluster):
        name, port = host.rsplit(":", 1)
        self.socket = socket.create_connection((name.strip("[]"), int(port)), timeout=SILENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.asked = 0
        self.waiting = collections.deque()  # frames that came while an answer was waited for
        self.send(HELLO, "", "", "Hello", 0, {
            "min_version": 1,
            "max_version": 1,
            "cluster": cluster,
            # It does not listen: port 0, and a name that no other peer has.
            "host": f"python-{secrets.token_hex(8)}:0",
            "incarnation": 1,
        })
        kind, _, _, body = self.read()
        if kind != WELCOME:
            raise SystemExit(f"refused: {body['message']}")
        self.welcome = body

    def send(self, kind, to, sender, name, ask, body):
        packed = msgpack.packb(body) if body is not None else b""
        frame = msgpack.packb([to, sender, name, kind, ask, 0, 0, packed])
        self.socket.sendall(struct.pack(">I", len(frame)) + frame)

    def exactly(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise SystemExit("the host closed the connection")
            data += more
        return data

    def read(self):
        """The next frame that is not about keeping the connection alive: kind, from, id, body."""
        while True:
            (length,) = struct.unpack(">I", self.exactly(4))
            _, sender, _, kind, ask, _, _, body = msgpack.unpackb(self.exactly(length))[:8]
            if kind == PING:
                self.send(PONG, "", "", "", 0, None)
            elif kind != PONG:
                return kind, sender, ask, msgpack.unpackb(body) if body else None

    def receive(self):
        """The next frame that is not an answer."""
        return self.waiting.popleft() if self.waiting else self.read()

    def ask(self, to, name, body):
        self.asked += 1
        self.send(ASK, to, "me", name, self.asked, body)
        while True:
            frame = self.read()
            kind, _, ask, answer = frame
            if ask == self.asked and kind in (REPLY, ERROR):
                return {"reply" if kind == REPLY else "error": answer}
            self.waiting.append(frame)

    def link(self, to):
        """Asks to hear of the end of an actor."""
        self.send(LINK, to, "me", "", 0, None)
        # Frames are handled in order: with this answer, the link is known to be made.
        self.ask(to, "Stats", {})


def say(step, what):
    print(json.dumps({step: what}), flush=True)


def main():
    host = sys.argv[1]
    peer = Peer(host, sys.argv[2] if len(sys.argv) > 2 else "meseta")
    say("joined", peer.welcome)
    say("roles", peer.ask("allocator", "GetRoles", {}))
    say("mistake", peer.ask("allocator", "GetRolls", {}))
    peer.link("allocator")
    say("linked", "allocator")
    while True:
        kind, _, _, body = peer.receive()
        if kind == EXITED:
            return say("exited", body)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""An allocator for Meseta in Python, with nothing but a MessagePack library.

Usage: allocator.py HOST:PORT [CLUSTER]

Listens at HOST:PORT (port 0: a free one) as a host with one actor, `allocator`. Masters use it with

    [frameworks]
    allocator = "allocator@HOST:PORT"

Its rule is first come, first served: whatever is free on an agent is offered, all of it, to the
framework that has waited longest. What it is told and what it answers: protocol/src/allocator.rs;
how: protocol/README.md. It keeps nothing; a master tells it everything when it comes (back).
"""

import itertools
import json
import select
import socket
import struct
import sys
import time

import msgpack

TELL, ASK, REPLY, ERROR, LINK, UNLINK, EXITED, PING, PONG, HELLO, WELCOME, REJECT = range(12)
MAX_FRAME = 16 * 1024 * 1024


class Bag:
    """Resources that can be added to and subtracted from: for each kind an amount, or a set."""

    def __init__(self, resources=()):
        self.kinds = {}
        for resource in resources:
            ((shape, value),) = resource["value"].items()
            about = {key: field for key, field in resource.items() if key != "value"}
            self.kinds[shape, msgpack.packb(about)] = self.amount(shape, value)

    @staticmethod
    def amount(shape, value):
        if shape == "scalar":
            return round(value * 1000)
        if shape == "ranges":
            return {n for begin, end in value for n in range(begin, end + 1)}
        return set(value)

    def add(self, other):
        for kind, amount in other.kinds.items():
            mine = self.kinds.get(kind, 0 if kind[0] == "scalar" else set())
            if kind[0] != "scalar":
                self.kinds[kind] = mine | amount
            elif msgpack.unpackb(kind[1]).get("shared"):
                # Several had it, and each of them gives it back; there is one.
                self.kinds[kind] = max(mine, amount)
            else:
                self.kinds[kind] = mine + amount

    def subtract(self, other):
        for kind, amount in other.kinds.items():
            if kind in self.kinds:
                self.kinds[kind] = self.kinds[kind] - amount

    def resources(self):
        """As they go over the wire, without what is used up."""
        listed = []
        for (shape, about), amount in self.kinds.items():
            if shape == "scalar" and amount > 0:
                value = amount / 1000
            elif shape == "ranges" and amount:
                value = intervals(amount)
            elif shape == "set" and amount:
                value = sorted(amount)
            else:
                continue
            listed.append({**msgpack.unpackb(about), "value": {shape: value}})
        return listed


def intervals(numbers):
    """Runs of whole numbers as pairs, both ends included."""
    runs = itertools.groupby(enumerate(sorted(numbers)), lambda pair: pair[1] - pair[0])
    return [[run[0][1], run[-1][1]] for run in (list(run) for _, run in runs)]


class Allocator:
    """Who is offered what. Messages in, allocations out; it knows of no socket."""

    def __init__(self):
        self.round = 0
        self.frameworks = {}  # by id; those that have waited longest come first
        self.agents = {}  # by id: their generation, and what is free
        self.filters = {}  # (framework, agent): until when it does not want the agent

    # --- what it is told -------------------------------------------------------------------------

    def on_ResetAllocator(self, body):
        self.__init__()
        self.round = body["round"]

    def on_AddFramework(self, body):
        self.frameworks[body["framework_id"]] = {
            "roles": body["info"]["roles"],
            "suppressed": set(body["suppressed_roles"]),
            "active": body["active"],
        }

    def on_SetFrameworkActive(self, body):
        if body["framework_id"] in self.frameworks:
            self.frameworks[body["framework_id"]]["active"] = body["active"]
            self.forget_filters(body["framework_id"])

    def on_RemoveFramework(self, body):
        self.frameworks.pop(body["framework_id"], None)
        self.forget_filters(body["framework_id"])

    def on_AddAgent(self, body):
        free = Bag(body["info"]["resources"])
        for holding in body["used"]:
            free.subtract(Bag(holding["resources"]))
        self.agents[body["agent_id"]] = {"generation": body["generation"], "free": free}

    def on_RemoveAgent(self, body):
        if self.is_present(body):
            del self.agents[body["agent_id"]]

    def on_RecoverResources(self, body):
        if not self.is_present(body):
            return
        self.agents[body["agent_id"]]["free"].add(Bag(body["resources"]))
        refuse_ms = (body.get("filters") or {}).get("refuse_ms", 0)
        if refuse_ms:
            until = time.monotonic() + refuse_ms / 1000
            self.filters[body["framework_id"], body["agent_id"]] = until

    def on_ReviveRoles(self, body):
        if framework := self.frameworks.get(body["framework_id"]):
            framework["suppressed"] -= set(body["roles"] or framework["roles"])
            self.forget_filters(body["framework_id"])

    def on_SuppressRoles(self, body):
        if framework := self.frameworks.get(body["framework_id"]):
            framework["suppressed"] |= set(body["roles"] or framework["roles"])

    def on_GetRoles(self, _):
        return {"policy": "first come, first served (Python)", "roles": [], "total": {}, "free": {}}

    # --- what it decides -------------------------------------------------------------------------

    def allocate(self):
        """Everything that is free and wanted now, as `OfferAllocations`."""
        now = time.monotonic()
        self.filters = {pair: until for pair, until in self.filters.items() if until > now}
        allocations = []
        for agent_id, agent in self.agents.items():
            resources = agent["free"].resources()
            if not {"cpus", "mem"} <= {resource["name"] for resource in resources}:
                continue
            if taker := self.who_wants(agent_id):
                framework_id, role = taker
                allocations.append({
                    "framework_id": framework_id,
                    "role": role,
                    "agent_id": agent_id,
                    "generation": agent["generation"],
                    "resources": resources,
                })
                agent["free"] = Bag()
        return {"round": self.round, "allocations": allocations}

    def who_wants(self, agent_id):
        for framework_id, framework in self.frameworks.items():
            roles = [role for role in framework["roles"] if role not in framework["suppressed"]]
            if framework["active"] and roles and (framework_id, agent_id) not in self.filters:
                # Served now: it goes to the end of the line.
                self.frameworks[framework_id] = self.frameworks.pop(framework_id)
                return framework_id, roles[0]
        return None

    def next_lapse(self):
        """Seconds until something that was refused may be offered again."""
        return max(0, min(self.filters.values()) - time.monotonic()) if self.filters else None

    def is_present(self, body):
        agent = self.agents.get(body["agent_id"])
        return agent is not None and agent["generation"] == body["generation"]

    def forget_filters(self, framework_id):
        self.filters = {pair: at for pair, at in self.filters.items() if pair[0] != framework_id}


class Connection:
    """A master that has connected, and what the allocator knows from it."""

    def __init__(self, stream, cluster, address):
        self.stream, self.cluster, self.address = stream, cluster, address
        self.received = b""
        self.welcomed = False
        self.allocator = Allocator()

    def read(self):
        """Takes what has come. False: the connection has ended."""
        try:
            data = self.stream.recv(1 << 16)
        except OSError:
            return False
        self.received += data
        while len(self.received) >= 4:
            (length,) = struct.unpack(">I", self.received[:4])
            if length > MAX_FRAME:
                return False
            if len(self.received) < 4 + length:
                break
            frame = msgpack.unpackb(self.received[4:4 + length])
            self.received = self.received[4 + length:]
            if not self.handle(*frame[:8]):
                return False
        return bool(data)

    def handle(self, to, sender, name, kind, ask, _deadline, _trace, packed):
        body = msgpack.unpackb(packed) if packed else None
        if not self.welcomed:
            return kind == HELLO and self.greet(body)
        if kind == PING:
            self.send(PONG)
        elif kind in (TELL, ASK):
            self.take(to, name, kind == ASK, ask, body)
        # A link needs nothing: when this ends, its connections do, and that is heard.
        return True

    def greet(self, hello):
        if hello["cluster"] != self.cluster or hello["min_version"] > 1:
            self.send(REJECT, "Reject", body={
                "kind": "refused",
                "message": f"this allocator speaks version 1 to cluster `{self.cluster}`",
            })
            return False
        self.welcomed = True
        self.send(WELCOME, "Welcome", body={
            "version": 1, "host": self.address, "incarnation": time.time_ns() // 1000,
        })
        return True

    def take(self, to, name, asked, ask, body):
        handler = getattr(self.allocator, f"on_{name}", None)
        if to == "allocator" and handler:
            answer = handler(body)
            if asked:
                self.send(REPLY, ask=ask, body=answer)
        elif asked:
            kind = "unknown_message" if to == "allocator" else "no_such_actor"
            text = f"there is no {name} for {to} here: this is the allocator in Python"
            self.send(ERROR, ask=ask, body={"kind": kind, "message": text})

    def offer(self):
        decided = self.allocator.allocate()
        if decided["allocations"]:
            self.send(TELL, "OfferAllocations", to="frameworks", sender="allocator", body=decided)

    def send(self, kind, name="", to="", sender="", ask=0, body=None):
        packed = b"" if kind == PONG else msgpack.packb(body)
        frame = msgpack.packb([to, sender, name, kind, ask, 0, 0, packed])
        self.stream.sendall(struct.pack(">I", len(frame)) + frame)


def serve(listener, cluster, address):
    connections = {}
    while True:
        lapses = [c.allocator.next_lapse() for c in connections.values()]
        soonest = min((lapse for lapse in lapses if lapse is not None), default=None)
        ready, _, _ = select.select([listener, *connections], [], [], soonest)
        for stream in ready:
            if stream is listener:
                stream, _ = listener.accept()
                stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connections[stream] = Connection(stream, cluster, address)
            elif not connections[stream].read():
                connections.pop(stream).stream.close()
        for connection in connections.values():
            connection.offer()


def main():
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    host, port = sys.argv[1].rsplit(":", 1)
    listener = socket.create_server((host.strip("[]"), int(port)))
    address = f"{host}:{listener.getsockname()[1]}"
    print(json.dumps({"listening": address}), flush=True)
    serve(listener, sys.argv[2] if len(sys.argv) == 3 else "meseta", address)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""A scheduler on unmodified pymesos: `pymesos_scheduler.py MASTER[,MASTER..] SHORT LONG`.

Runs SHORT tasks that end by themselves and LONG ones that do not, kills one of the latter, asks what
became of tasks, hands the framework to a second scheduler and then to a third, and tears it down.
Says what happened in one JSON object to a line. With PRINCIPAL and SECRET in the environment it says
who it is.
"""

import json
import logging
import os
import sys
import threading
import time

from pymesos import MesosSchedulerDriver, Scheduler

PATIENCE = 60


def say(step, **what):
    print(json.dumps({step: what}), flush=True)


class Recorder(Scheduler):
    """Launches what is wanted, and remembers what it hears."""

    def __init__(self, wanted=()):
        self.changed = threading.Condition()
        self.wanted = list(wanted)
        self.agents = set()
        self.states = {}
        self.reconciled = {}
        self.framework_id = None
        self.errors = []
        self.heartbeats = 0

    def registered(self, driver, framework_id, master_info):
        with self.changed:
            self.framework_id = framework_id["value"]
            self.master = master_info
            self.changed.notify_all()

    def reregistered(self, driver, master_info):
        with self.changed:
            self.framework_id = driver.framework_id
            self.master = master_info
            self.changed.notify_all()

    def processHeartBeat(self, driver):
        with self.changed:
            self.heartbeats += 1
            self.changed.notify_all()

    def resourceOffers(self, driver, offers):
        for offer in offers:
            try:
                self.use(driver, offer)
            except RuntimeError:
                # Another has taken over between the offer and its answer; an error follows.
                logging.exception("offer not answered")

    def use(self, driver, offer):
        address = offer["url"]["address"]
        assert address["ip"] and address["port"], offer
        scalars = {r["name"]: r["scalar"]["value"] for r in offer["resources"] if "scalar" in r}
        tasks = []
        cpus, mem = scalars.get("cpus", 0), scalars.get("mem", 0)
        with self.changed:
            self.agents.add(offer["agent_id"]["value"])
            while self.wanted and cpus >= 0.1 and mem >= 16:
                cpus, mem = round(cpus - 0.1, 3), mem - 16
                name, command = self.wanted.pop(0)
                tasks.append(self.task(name, command, offer["agent_id"]))
        if tasks:
            driver.launchTasks(offer["id"], tasks, {"refuse_seconds": 0.1})
        else:
            driver.declineOffer(offer["id"], {"refuse_seconds": 4294967295})

    @staticmethod
    def task(name, command, agent_id):
        return {
            "name": name,
            "task_id": {"value": name},
            "agent_id": agent_id,
            "command": {"value": command},
            "resources": [
                {"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}},
                {"name": "mem", "type": "SCALAR", "scalar": {"value": 16}},
                {"name": "gpus", "type": "SCALAR", "scalar": {"value": 0}},
            ],
        }

    def statusUpdate(self, driver, update):
        with self.changed:
            task = update["task_id"]["value"]
            if update.get("reason") == "REASON_RECONCILIATION":
                assert "uuid" not in update, update
                self.reconciled[task] = update["state"]
            else:
                self.states.setdefault(task, []).append(update["state"])
            self.changed.notify_all()

    def error(self, driver, message):
        # An error is fatal; pymesos by itself would subscribe again, and take the framework back.
        driver.stop(failover=True)
        with self.changed:
            self.errors.append(message)
            self.changed.notify_all()

    def until(self, what, met):
        deadline = time.time() + PATIENCE
        with self.changed:
            while not met():
                if not self.changed.wait(deadline - time.time()) and time.time() > deadline:
                    sys.exit("not %s: %r %r %r" % (what, self.states, self.reconciled, self.errors))

    def last(self, task):
        return self.states.get(task, ["none"])[-1]


def framework(framework_id=None):
    info = {"user": os.environ.get("USER", "root"), "name": "pymesos-story",
            "failover_timeout": 60, "role": "*"}
    if framework_id:
        info["id"] = {"value": framework_id}
    return info


def start(master, recorder, framework_id=None):
    driver = MesosSchedulerDriver(
        recorder,
        framework(framework_id),
        master,
        principal=os.environ.get("PRINCIPAL"),
        secret=os.environ.get("SECRET"),
    )
    driver.start()
    recorder.until("subscribed", lambda: recorder.framework_id is not None)
    return driver


def reconcile(driver, recorder, tasks, expected):
    recorder.reconciled.clear()
    driver.reconcileTasks([{"task_id": {"value": task}} for task in tasks])
    recorder.until("reconciled", lambda: set(expected) <= set(recorder.reconciled))
    return dict(recorder.reconciled)


def main():
    master, short, long = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    brief = ["brief-%d" % n for n in range(short)]
    lasting = ["lasting-%d" % n for n in range(long)]
    wanted = [(n, "sleep 600") for n in lasting] + [(n, "echo $HOME; exit 0") for n in brief]

    first = Recorder(wanted)
    driver = start(master, first)
    say("subscribed", framework_id=first.framework_id, version=first.master["version"])
    first.until("run", lambda: all(first.last(n) == "TASK_RUNNING" for n in lasting)
                and all(first.last(n) == "TASK_FINISHED" for n in brief))
    say("ran", agents=len(first.agents), finished=len(brief), running=len(lasting),
        brief=first.states[brief[0]])

    victim = lasting[0]
    driver.killTask({"value": victim})
    first.until("killed", lambda: first.last(victim) == "TASK_KILLED")
    say("killed", states=first.states[victim])

    asked = reconcile(driver, first, [lasting[1], "nobody"], [lasting[1], "nobody"])
    say("reconciled", known=asked[lasting[1]], unknown=asked["nobody"])
    everything = reconcile(driver, first, [], lasting[1:])
    say("reconciled_all", tasks=len(everything), states=sorted(set(everything.values())))

    # One that has gone without a word, and leaves its framework to another.
    framework_id = first.framework_id
    driver.stop(failover=True)
    driver.join()
    second = Recorder()
    other = start(master, second, framework_id)
    asked = reconcile(other, second, [], lasting[1:])
    say("failed_over", same=second.framework_id == framework_id,
        states=sorted(set(asked.values())))

    # One that is there when another takes over.
    third = Recorder()
    last = start(master, third, framework_id)
    second.until("told", lambda: second.errors)
    other.join()
    say("taken_over", told=second.errors, same=third.framework_id == framework_id)

    last.suppressOffers()
    last.reviveOffers()
    last.requestResources([])
    last.stop()
    last.join()
    say("torn_down")


if __name__ == "__main__":
    main()

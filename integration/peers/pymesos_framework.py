#!/usr/bin/env python3
"""A framework on unmodified pymesos with an executor of its own that loses count of nothing.

Usage: pymesos_framework.py MASTER[,MASTER..] JOURNAL BRIEF LASTING

Has BRIEF pieces of work done that end by themselves and LASTING ones that do not, each by a task of
the executor executor.py. It writes to JOURNAL what it does before it does it, and what it hears
before it acknowledges it; when it is started again with the same journal, it goes on where it was.
A task that is reported lost is replaced by another one for the same piece. When all is done, it
reconciles, asks every executor which tasks it was given, kills the lasting ones and tears the
framework down. Says what happened in one JSON object to a line, the whole account last but one.
"""

import collections
import http.client
import json
import logging
import os
import sys
import threading
import time

from pymesos import MesosSchedulerDriver, Scheduler, decode_data, encode_data

PATIENCE = 60
# Between two questions to those who may not have heard the first one.
AGAIN = 1.0
EXECUTOR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "executor.py")
NEVER = {"refuse_seconds": 3600}
OVER = {"TASK_FINISHED", "TASK_KILLED", "TASK_FAILED", "TASK_ERROR", "TASK_LOST", "TASK_DROPPED"}
LOST = {"TASK_LOST", "TASK_DROPPED"}

speaking = threading.Lock()


def say(step, **what):
    with speaking:
        print(json.dumps({step: what}), flush=True)


def attempt(call, *arguments):
    """A call that may come to nothing: whoever makes it hears of that when it asks again."""
    try:
        call(*arguments)
    except Exception as error:
        logging.warning("%s: %s", call.__name__, error)


class Ledger:
    """What is known of every task. A task is PIECE.N: the Nth that is to do this piece."""

    def __init__(self, path, pieces):
        self.framework_id = None
        self.tasks = collections.OrderedDict()
        self.next = collections.Counter()
        self.wanted = list(pieces)
        self.heard = set()
        self.faults = []
        if os.path.exists(path):
            with open(path) as lines:
                for line in lines:
                    self.take(json.loads(line))
        self.journal = open(path, "a")

    def note(self, **entry):
        """Is on record, for a process that is killed too, before this returns."""
        self.journal.write(json.dumps(entry) + "\n")
        self.journal.flush()
        self.take(entry)

    def take(self, entry):
        getattr(self, "take_" + entry.pop("what"))(**entry)

    def take_framework(self, id):
        self.framework_id = id

    def take_launch(self, tasks, agent):
        for task in tasks:
            piece = task.rsplit(".", 1)[0]
            self.wanted.remove(piece)
            self.next[piece] += 1
            self.tasks[task] = {"agent": agent, "states": []}

    def take_update(self, task, state, uuid):
        """An update is repeated until it is acknowledged, which is no news."""
        if uuid and uuid in self.heard:
            return
        self.heard.add(uuid)
        states = self.tasks[task]["states"]
        if states and states[-1] in OVER:
            self.faults.append("%s is %s after %s" % (task, state, states))
        states.append(state)
        if state in LOST:
            self.wanted.append(task.rsplit(".", 1)[0])

    def state(self, task):
        states = self.tasks[task]["states"]
        return states[-1] if states else "none"

    def live(self):
        return [task for task in self.tasks if self.state(task) not in OVER]

    def with_state(self, state):
        return [task for task in self.tasks if self.state(task) == state]


class Framework(Scheduler):
    def __init__(self, ledger):
        self.ledger = ledger
        self.changed = threading.Condition()
        self.subscribed = 0
        # Tasks of which nothing was heard since the last subscription.
        self.doubtful = set()
        self.answers = {}
        self.launched = {}
        self.errors = []

    def registered(self, driver, framework_id, master_info):
        with self.changed:
            self.ledger.note(what="framework", id=framework_id["value"])
        self.reregistered(driver, master_info)

    def reregistered(self, driver, master_info):
        with self.changed:
            self.subscribed += 1
            self.doubtful = set(self.ledger.live())
            say("subscribed", framework_id=driver.framework_id, doubtful=len(self.doubtful))
            self.changed.notify_all()

    def disconnected(self, driver):
        say("disconnected")

    def resourceOffers(self, driver, offers):
        for offer in offers:
            with self.changed:
                tasks = self.fill(offer)
            if tasks:
                attempt(driver.launchTasks, offer["id"], tasks, {"refuse_seconds": 0})
            else:
                attempt(driver.declineOffer, offer["id"], NEVER)

    def fill(self, offer):
        """As many tasks as fit beside an executor that may not be there yet."""
        scalars = {r["name"]: r["scalar"]["value"] for r in offer["resources"] if "scalar" in r}
        room = min(scalars.get("cpus", 0) * 10 - 1, (scalars.get("mem", 0) - 128) / 16)
        pieces = self.ledger.wanted[:max(0, int(room + 1e-6))]
        tasks = ["%s.%d" % (piece, self.ledger.next[piece]) for piece in pieces]
        if tasks:
            self.ledger.note(what="launch", tasks=tasks, agent=offer["agent_id"]["value"])
        return [self.task(task, offer["agent_id"]) for task in tasks]

    @staticmethod
    def task(task, agent_id):
        def amounts(cpus, mem):
            return [{"name": name, "type": "SCALAR", "scalar": {"value": value}}
                    for name, value in (("cpus", cpus), ("mem", mem))]
        command = {"value": sys.executable, "shell": False, "arguments": [sys.executable, EXECUTOR]}
        return {
            "name": task,
            "task_id": {"value": task},
            "agent_id": agent_id,
            "executor": {"type": "CUSTOM", "executor_id": {"value": "pretender"},
                         "command": command, "resources": amounts(0.1, 128)},
            "data": encode_data(task.split("-")[0].encode()),
            "resources": amounts(0.1, 16),
        }

    def statusUpdate(self, driver, update):
        task, state = update["task_id"]["value"], update["state"]
        with self.changed:
            self.doubtful.discard(task)
            answer = update.get("reason") == "REASON_RECONCILIATION"
            if answer:
                self.answers[task] = state
            # Of a task that never came to an agent, an answer is the only news there is.
            news = task in self.ledger.live() and (not answer or state in LOST)
            told = "uuid" in update or news
            if told:
                self.ledger.note(what="update", task=task, state=state, uuid=update.get("uuid"))
            lost = told and state in LOST
            if lost:
                say("lost", task=task, reason=update.get("reason"), message=update.get("message"))
            self.changed.notify_all()
        attempt(driver.acknowledgeStatusUpdate, update)
        if lost:
            attempt(driver.reviveOffers)

    def frameworkMessage(self, driver, executor_id, agent_id, message):
        with self.changed:
            self.launched[agent_id["value"]] = json.loads(decode_data(message))
            self.changed.notify_all()

    def error(self, driver, message):
        with self.changed:
            self.errors.append(message)
            self.changed.notify_all()

    def until(self, what, met, ask=None):
        """Waits for a fact; what is asked may not have come through, so it is asked again."""
        deadline = time.time() + PATIENCE
        with self.changed:
            while not met():
                if self.errors or time.time() > deadline:
                    sys.exit("not %s: %r %r %r" % (what, self.errors, self.answers, self.ledger.tasks))
                if ask:
                    self.changed.release()
                    try:
                        ask()
                    finally:
                        self.changed.acquire()
                if not met():
                    self.changed.wait(AGAIN)


def leader(masters):
    """The one that takes calls: a standby redirects, and others do not answer."""
    for master in masters:
        connection = http.client.HTTPConnection(master, timeout=5)
        try:
            connection.request("GET", "/api/v1/scheduler")
            if connection.getresponse().status == 405:
                return master
        except OSError:
            pass
        finally:
            connection.close()
    return None


def detect(driver, masters):
    """In place of ZooKeeper, which is how pymesos hears of a new leader."""
    told = masters[0]
    while not driver.aborted:
        found = leader(masters)
        if found and found not in (told, driver.master):
            say("detected", master=found)
            driver.change_master(found)
            told = found
        time.sleep(0.1)


def start(masters, framework):
    info = {"user": os.environ.get("USER", "root"), "name": "pymesos-framework",
            "failover_timeout": 60, "role": "*", "checkpoint": True}
    if framework.ledger.framework_id:
        info["id"] = {"value": framework.ledger.framework_id}
    # It acknowledges what it has written down itself.
    driver = MesosSchedulerDriver(framework, info, masters[0], implicit_acknowledgements=False)
    driver.start()
    if len(masters) > 1:
        threading.Thread(target=detect, args=(driver, masters), daemon=True).start()
    framework.until("subscribed", lambda: framework.subscribed)
    return driver


def reconcile(driver, tasks):
    attempt(driver.reconcileTasks, [{"task_id": {"value": task}} for task in sorted(tasks)])


def work(driver, framework, brief, lasting):
    ledger = framework.ledger

    def ask():
        if framework.doubtful:
            reconcile(driver, framework.doubtful)

    def done(count):
        return len(ledger.with_state("TASK_FINISHED")) >= count

    framework.until("half done", lambda: done(brief // 2), ask)
    say("half", finished=len(ledger.with_state("TASK_FINISHED")), live=len(ledger.live()),
        wanted=len(ledger.wanted))
    framework.until("done", lambda: done(brief) and not framework.doubtful
                    and len(ledger.with_state("TASK_RUNNING")) == lasting, ask)


def question(driver, framework, tasks, expected):
    framework.answers.clear()
    framework.until("reconciled", lambda: set(expected) <= set(framework.answers),
                    lambda: reconcile(driver, tasks))
    # A question that was asked twice may be answered once more.
    return {task: framework.answers[task] for task in expected}


def finish(driver, framework):
    ledger = framework.ledger
    lasting = ledger.with_state("TASK_RUNNING")
    implicit = question(driver, framework, [], lasting)
    explicit = question(driver, framework, [lasting[0], "nobody"], [lasting[0], "nobody"])

    def ask():
        for agent in agents - set(framework.launched):
            attempt(driver.sendFrameworkMessage, {"value": "pretender"}, {"value": agent},
                    encode_data(b"launched"))

    agents = {task["agent"] for task in ledger.tasks.values() if "TASK_RUNNING" in task["states"]}
    framework.until("told by executors", lambda: agents <= set(framework.launched), ask)
    for task in lasting:
        attempt(driver.killTask, {"value": task})
    framework.until("killed", lambda: not ledger.live())
    return implicit, explicit


def account(framework, implicit, explicit):
    tasks = framework.ledger.tasks
    launched = collections.Counter(t for some in framework.launched.values() for t in some)
    courses = collections.Counter(" ".join(task["states"]) for task in tasks.values())
    ran = {task for task in tasks if "TASK_RUNNING" in tasks[task]["states"]}
    say("account", courses=courses, agents=len(framework.launched), launched=len(launched),
        twice=sorted(task for task, times in launched.items() if times > 1),
        unaccounted=sorted(set(launched) ^ ran), wanted=framework.ledger.wanted,
        faults=framework.ledger.faults, subscriptions=framework.subscribed,
        implicit=collections.Counter(implicit.values()), explicit=sorted(explicit.values()))


def main():
    masters, journal = sys.argv[1].split(","), sys.argv[2]
    brief, lasting = int(sys.argv[3]), int(sys.argv[4])
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    pieces = ["run-%d" % n for n in range(lasting)] + ["brief-%d" % n for n in range(brief)]
    framework = Framework(Ledger(journal, pieces))
    driver = start(masters, framework)
    work(driver, framework, brief, lasting)
    account(framework, *finish(driver, framework))
    driver.stop()
    driver.join()
    say("torn_down")


if __name__ == "__main__":
    main()

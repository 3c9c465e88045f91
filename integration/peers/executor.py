#!/usr/bin/env python3
"""An executor on pymesos, for many tasks, all of which it only pretends to run.

A task whose data is `finish` ends at once, one whose data is `brief` after a moment, and any other
runs until it is killed. After the message `exit` the process ends with status 3; the message
`launched` is answered with the list of the tasks it was given; any other is sent back.

It shows the token that the agent has given it, if any, unless its first argument is `--no-token`.
"""

import json
import logging
import os
import sys
import threading

from pymesos import Executor, MesosExecutorDriver, decode_data, encode_data

MOMENT = 0.2


class Pretender(Executor):
    def __init__(self):
        self.running = set()
        self.launched = []

    def registered(self, driver, executor_info, framework_info, agent_info):
        print("registered on", agent_info["hostname"], flush=True)

    def reregistered(self, driver, agent_info):
        print("registered again on", agent_info["hostname"], flush=True)

    def launchTask(self, driver, task):
        task_id = task["task_id"]["value"]
        self.launched.append(task_id)
        self.update(driver, task_id, "TASK_RUNNING")
        data = decode_data(task["data"])
        if data == b"finish":
            self.update(driver, task_id, "TASK_FINISHED")
        elif data == b"brief":
            finished = (driver, task_id, "TASK_FINISHED")
            threading.Timer(MOMENT, self.update, finished).start()
        else:
            self.running.add(task_id)

    def killTask(self, driver, task_id):
        self.running.discard(task_id["value"])
        self.update(driver, task_id["value"], "TASK_KILLED")

    def frameworkMessage(self, driver, message):
        if decode_data(message) == b"exit":
            os._exit(3)
        if decode_data(message) == b"launched":
            message = encode_data(json.dumps(self.launched).encode())
        driver.sendFrameworkMessage(message)

    def shutdown(self, driver):
        for task_id in sorted(self.running):
            self.update(driver, task_id, "TASK_KILLED")

    def error(self, driver, message):
        print("error:", message, flush=True)

    def update(self, driver, task_id, state):
        driver.sendStatusUpdate({"task_id": {"value": task_id}, "state": state})


class TokenDriver(MesosExecutorDriver):
    """pymesos knows nothing of tokens."""

    authorization = "Bearer " + os.environ.get("MESOS_EXECUTOR_AUTHENTICATION_TOKEN", "")

    def gen_request(self):
        line, rest = super().gen_request().split(b"\r\n", 1)
        header = b"Authorization: " + self.authorization.encode()
        return b"\r\n".join([line, header, rest])

    def _send(self, body, **options):
        return super()._send(body, headers={"Authorization": self.authorization}, **options)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    tokens = "MESOS_EXECUTOR_AUTHENTICATION_TOKEN" in os.environ and "--no-token" not in sys.argv
    (TokenDriver if tokens else MesosExecutorDriver)(Pretender()).run()

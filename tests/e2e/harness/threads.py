"""Stopping single threads of a worker, as a deadlock would. Needs root."""

import ctypes
import os
from pathlib import Path

SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17
WALL = 0x40000000


def accepting(pid):
    """The threads of a process that wait for a connection."""
    tasks = [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    stacks = {task: Path(f"/proc/{pid}/task/{task}/stack").read_text() for task in tasks}
    return [task for task, stack in stacks.items() if "accept" in stack or "epoll_wait" in stack]


def _ptrace(request, task):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    assert libc.ptrace(request, task, None, None) == 0, os.strerror(ctypes.get_errno())


def stop(task):
    _ptrace(SEIZE, task)
    _ptrace(INTERRUPT, task)


def go_on(task):
    os.waitpid(task, WALL)  # only one that has come to its stop can be let go
    _ptrace(DETACH, task)


def reap(task):
    """Takes note of what became of a stopped one: killed, it stays until its tracer has."""
    try:
        os.waitpid(task, WALL | os.WNOHANG)
    except ChildProcessError:
        pass

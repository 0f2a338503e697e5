"""Signals to a process of the street and all that it started."""

import signal

import psutil

from akeso.lab.shop.running import signal_process


def tree(pid: int) -> tuple[int, ...]:
    """A process and its descendants, the process first; empty when it is gone."""
    if pid <= 0:
        return ()
    try:
        process = psutil.Process(pid)
        return (pid, *(child.pid for child in process.children(recursive=True)))
    except psutil.NoSuchProcess:
        return ()


def signal_tree(pid: int, number: signal.Signals) -> None:
    """Send a signal to all of them."""
    for each in tree(pid):
        signal_process(each, number)


def is_stopped(pid: int) -> bool:
    """Whether a process waits for SIGCONT."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_STOPPED
    except psutil.NoSuchProcess:
        return False

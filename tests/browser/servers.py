"""Servers that run for as long as a test needs them, on this machine only."""

import os
import signal
import socket
import subprocess
import time
import urllib.request
from contextlib import contextmanager


def free_port():
    """A port of this machine that nobody listens to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def alone(port):
    """Options of a JupyterLab that listens to this machine only, and asks nobody who they are."""
    options = ["--no-browser", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"]
    return [*options, "--IdentityProvider.token=", "--LabApp.expose_app_in_browser=True"]


@contextmanager
def serving(command, address, folder, env, log):
    """A server that runs in a folder until the tests are done; its address, as soon as it answers."""
    with log.open("w") as file:
        server = subprocess.Popen(command, cwd=folder, env=env, stdout=file, stderr=file, start_new_session=True)
        try:
            _wait_for(address, server, log)
            yield address
        finally:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:  # its farewell may take long on a busy machine
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()


def _wait_for(address, server, log):
    for _ in range(600):
        assert server.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(log.read_text())

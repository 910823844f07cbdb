import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory):
    """The address of an empty database of PostgreSQL."""
    (programs,) = Path("/usr/lib/postgresql").glob("*/bin")
    directory = Path(tempfile.mkdtemp(dir="/tmp"))  # the path of a socket must be short
    as_user = []
    if os.getuid() == 0:  # PostgreSQL does not run as root
        shutil.chown(directory, "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]

    def run(program, *arguments):
        command = [*as_user, str(programs / program), "-D", str(directory / "data"), *arguments]
        subprocess.run(command, check=True, cwd=directory, stdout=subprocess.DEVNULL)

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    run("initdb", "--auth=trust", "--username=occam", "--no-sync")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={directory}"
    run("pg_ctl", "-w", "-o", options, "-l", str(directory / "log"), "start")
    yield f"postgresql+psycopg2://occam@127.0.0.1:{port}/postgres"
    run("pg_ctl", "-m", "immediate", "stop")
    shutil.rmtree(directory)

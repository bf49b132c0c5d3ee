"""A container: Modal's real entrypoint in a process that sees only the uploaded files.

Its folder is rebuilt from the function's mounts, and its environment holds the function's secrets
and what Modal sets. `image` is a folder that makes it see the packages of an image only.
"""

import asyncio
import hashlib
import os
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from modal_proto import api_pb2 as pb

INHERITED = ("PATH", "LANG")  # variables of this process's environment
LINE = 2**20  # bytes: an answer is printed as one line
SHUTDOWN_TIMEOUT = 10  # seconds

OnOutput = Callable[["pb.FileDescriptor.ValueType", str], Awaitable[None]]


def rebuild(folder: Path, mounted: Sequence[pb.MountFile], contents: Mapping[str, bytes]) -> Path:
    """Write mounted files below a folder, shared by containers with equal mounts, and return their /root."""
    listed = "".join(sorted(f"{file.filename}{file.sha256_hex}" for file in mounted))
    place = folder / hashlib.sha256(listed.encode()).hexdigest()[:12]
    root = place / "root"
    if not root.exists():
        root.mkdir(parents=True)
        for file in mounted:
            path = place / file.filename.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(contents[file.sha256_hex])
    return root


class Container:
    """One process for one function; `ended` is done once it has exited and its output was passed on."""

    def __init__(
        self, root: Path, image: Path, folder: Path, arguments: pb.ContainerArguments, url: str
    ) -> None:
        self.ended: asyncio.Task[int]
        self.last: deque[str] = deque(maxlen=30)
        self._root = root
        self._image = image
        self._arguments = arguments
        self._given = folder / f"{arguments.task_id}.arguments"
        self._state = folder / f"{arguments.task_id}.restored"
        self._url = url

    async def start(self, secrets: Mapping[str, str], on_output: OnOutput) -> None:
        """Start the process; `on_output` gets every line of stdout and stderr."""
        self._given.write_bytes(self._arguments.SerializeToString())
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "modal._container_entrypoint"),
            cwd=self._root,
            env=self._environment(secrets),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LINE,
        )
        self._process = process
        self.ended = asyncio.create_task(self._follow(on_output))

    def restore(self) -> None:
        """Resume after the snapshot, with unchanged process state."""
        self._state.write_text("{}")

    async def finish(self) -> None:
        """Wait for the process to shut down, and kill it after a timeout."""
        try:
            await asyncio.wait_for(asyncio.shield(self.ended), SHUTDOWN_TIMEOUT)
        except TimeoutError:
            self._process.kill()
            await self.ended

    def _environment(self, secrets: Mapping[str, str]) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in INHERITED if name in os.environ},
            **secrets,
            "HOME": str(self._root),
            "PYTHONPATH": os.pathsep.join((str(self._root), str(self._image))),
            "PYTHONUNBUFFERED": "1",
            "MODAL_CONFIG_PATH": str(self._root / "no-such-file"),
            "MODAL_CONTAINER_ARGUMENTS_PATH": str(self._given),
            "MODAL_ENABLE_SNAP_RESTORE": "1",
            "MODAL_ENVIRONMENT": "main",
            "MODAL_IMAGE_ID": self._arguments.function_def.image_id,
            "MODAL_IS_REMOTE": "1",
            "MODAL_RESTORE_STATE_PATH": str(self._state),
            "MODAL_SERVER_URL": self._url,
            "MODAL_TASK_ID": self._arguments.task_id,
        }

    async def _follow(self, on_output: OnOutput) -> int:
        out, err = self._process.stdout, self._process.stderr
        assert out is not None
        assert err is not None
        await asyncio.gather(
            self._pump(out, pb.FILE_DESCRIPTOR_STDOUT, on_output),
            self._pump(err, pb.FILE_DESCRIPTOR_STDERR, on_output),
        )
        return await self._process.wait()

    async def _pump(
        self, stream: asyncio.StreamReader, which: "pb.FileDescriptor.ValueType", on_output: OnOutput
    ) -> None:
        async for line in stream:
            text = line.decode(errors="replace")
            self.last.append(text)
            await on_output(which, text)

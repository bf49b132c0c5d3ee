"""Modal on the loopback interface: deploy with the real command line, run in the real container entrypoint.

Real are the `modal` command, its protocol, the uploads, and the entrypoint with its hooks around a snapshot
and its bridge to ASGI. Not there are image builds, CRIU, the clock of schedules, scaling, regions and tokens.
"""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from grpclib.server import Server
from modal_proto import api_pb2 as pb

from tests.support.plane_calls import Calls
from tests.support.plane_container import Container, rebuild
from tests.support.plane_image import hide_the_rest
from tests.support.plane_rpc import ControlPlane
from tests.support.plane_service import Service
from tests.support.plane_web import WebGateway
from tests.support.servers import free_port

ROOT = Path(__file__).parents[2]
TIMEOUT = 120  # seconds, generous for a busy machine
T = TypeVar("T")


class Plane:
    """One workspace in a thread with its own event loop; `secrets` are what its owner has created, by name.

    `folder` is where containers live; `at_snapshot` is called whenever one of them has reached its snapshot.
    """

    def __init__(self, folder: Path, secrets: Mapping[str, Mapping[str, str]]) -> None:
        self.control = ControlPlane(secrets)
        self.url = f"http://127.0.0.1:{free_port()}"
        self.at_snapshot: Callable[[], None] = lambda: None
        self._folder = folder
        self._image = folder / "image"
        self._containers: dict[str, Container] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="plane", daemon=True)

    def start(self) -> None:
        """Listen in the thread."""
        hide_the_rest(self._image, ROOT / "requirements.lock")
        self._thread.start()
        self._do(self._open())

    def stop(self) -> None:
        """End all containers, close connections, end the thread."""
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # ---- for a test ----------------------------------------------------------------------------------

    def modal(
        self, *arguments: str, cwd: Path = ROOT, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the `modal` command in a clean environment."""
        return subprocess.run(  # noqa: S603 - the tool under test
            [sys.executable, "-m", "modal", *arguments],
            cwd=cwd,
            env=self._environment(environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT,
        )

    def functions(self, app: str = "veo") -> dict[str, pb.Function]:
        """Return the deployed functions by name."""
        ids = self.control.apps[self.control.deployed[app]].functions
        return {name: self.control.functions[function_id] for name, function_id in ids.items()}

    def call(self, name: str, *args: Any, app: str = "veo", **kwargs: Any) -> Any:
        """Call a deployed function; raises RemoteError for what it raises."""
        return self._do(self._calls.invoke(self._id(name, app), args, kwargs))

    def retire(self, *names: str, app: str = "veo") -> None:
        """End the containers of some functions; their next calls start others."""
        self._do(self._end([self._id(name, app) for name in names]))

    def fire(self, name: str, app: str = "veo") -> list[str]:
        """Run a function as its schedule does, in its own container, and return the lines it printed."""
        self.retire(name, app=app)
        self.call(name, app=app)
        self.retire(name, app=app)
        logs = self.control.apps[self.control.deployed[app]].logs
        mine = (item for batch in logs if batch.function_id == self._id(name, app) for item in batch.items)
        return [item.data.rstrip() for item in mine if item.file_descriptor == pb.FILE_DESCRIPTOR_STDOUT]

    def _id(self, name: str, app: str) -> str:
        return self.control.apps[self.control.deployed[app]].functions[name]

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(TIMEOUT)

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        modal = {
            "MODAL_CONFIG_PATH": str(self._folder / "no-such-file"),
            "MODAL_ENVIRONMENT": "main",
            "MODAL_SERVER_URL": self.url,
            "MODAL_TOKEN_ID": "ak-of-the-tests",
            "MODAL_TOKEN_SECRET": "as-of-the-tests",
        }
        return {**kept, "HOME": str(self._folder), **modal, **more}

    # ---- on the loop of the plane --------------------------------------------------------------------

    async def _open(self) -> None:
        self._calls = Calls()
        self._web = WebGateway(self._calls)
        self._calls.ensure, self._calls.restored = self._ensure, self._restored
        self.control.serve_web, self.control.end = self._web.open, self._end
        self._server = Server([Service(self.control, self._calls)])
        await self._server.start("127.0.0.1", int(self.url.rpartition(":")[2]))

    async def _close(self) -> None:
        await self._end(list(self._containers))
        await self._web.close()
        self._server.close()
        await self._server.wait_closed()

    async def _ensure(self, function_id: str) -> None:
        """Start the container of a function unless it runs."""
        if function_id in self._containers:
            return
        control, function = self.control, self.control.functions[function_id]
        app_id = control.app_of[function_id]
        task_id = control.new("ta")
        mounted = [file for mount_id in function.mount_ids for file in control.mounts[mount_id]]
        arguments = pb.ContainerArguments(
            task_id=task_id,
            function_id=function_id,
            app_id=app_id,
            function_def=function,
            checkpoint_id=function_id,
            environment_name="main",
            app_layout=control.layout(app_id),
        )
        arguments.function_def.is_checkpointing_function = function.checkpointing_enabled
        root = rebuild(self._folder, mounted, control.files)
        container = Container(root, self._image, self._folder, arguments, self.url)
        self._containers[function_id] = container

        async def log(which: "pb.FileDescriptor.ValueType", text: str) -> None:
            items = [pb.TaskLogs(data=text, file_descriptor=which)]
            await control.apps[app_id].log(
                pb.TaskLogsBatch(task_id=task_id, function_id=function_id, items=items)
            )

        secrets = [control.secrets[secret_id] for secret_id in function.secret_ids]
        await container.start(_merged(secrets), log)
        container.ended.add_done_callback(lambda _: self._gone(function_id, container))

    def _gone(self, function_id: str, container: Container) -> None:
        """Forget a container that has ended, and fail what it has not answered."""
        self._containers.pop(function_id, None)
        self._calls.fail(function_id, "the container has ended:\n" + "".join(container.last))

    def _restored(self, function_id: str) -> None:
        self.at_snapshot()
        self._containers[function_id].restore()

    async def _end(self, function_ids: Iterable[str]) -> None:
        """Let the containers of some functions end by themselves, and wait for that."""
        running = {name: self._containers[name] for name in function_ids if name in self._containers}
        for function_id in running:
            self._calls.stop(function_id)
        await asyncio.gather(*(container.finish() for container in running.values()))


def _merged(secrets: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return the variables of all secrets; a later one wins."""
    return {name: value for secret in secrets for name, value in secret.items()}

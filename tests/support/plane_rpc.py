"""Modal's control plane as `modal deploy` and `modal run` see it: apps, secrets, mounts, images, functions.

Images are never built.
"""

import asyncio
import hashlib
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.empty_pb2 import Empty  # type: ignore[import-untyped]  # it comes without types
from grpclib import GRPCError, Status
from modal_proto import api_pb2 as pb

BUILT = pb.GenericResult(status=pb.GenericResult.GENERIC_STATUS_SUCCESS)
BUILDER = "2025.06"  # the release of the image builder that the environment is set to
INLINE = (pb.OBJECT_CREATION_TYPE_ANONYMOUS_OWNED_BY_APP, pb.OBJECT_CREATION_TYPE_EPHEMERAL)


@dataclass
class App:
    """One deployment or run: its functions' ids by their tags, and what its containers print."""

    ephemeral: bool
    functions: dict[str, str] = field(default_factory=dict)
    logs: list[pb.TaskLogsBatch] = field(default_factory=list)
    logged: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def log(self, batch: pb.TaskLogsBatch) -> None:
        """Store some output and pass it on to followers of the logs."""
        async with self.logged:
            self.logs.append(batch)
            batch.entry_id = str(len(self.logs))
            self.logged.notify_all()


class ControlPlane:
    """The objects of one workspace. `secrets` are what its owner has created, by name.

    `serve_web` returns the address of a web function, `end` ends the containers of some functions.
    """

    def __init__(self, secrets: Mapping[str, Mapping[str, str]]) -> None:
        self.secrets = {f"st-{name}": dict(values) for name, values in secrets.items()}
        self.required: dict[str, list[str]] = {}
        self.apps: dict[str, App] = {}
        self.deployed: dict[str, str] = {}
        self.mounts: dict[str, list[pb.MountFile]] = {}
        self.files: dict[str, bytes] = {}
        self.functions: dict[str, pb.Function] = {}
        self.app_of: dict[str, str] = {}
        self.serve_web: Callable[[str], Any]
        self.end: Callable[[list[str]], Any]
        self._count: Counter[str] = Counter()

    def new(self, kind: str) -> str:
        """Return an unused id."""
        self._count[kind] += 1
        return f"{kind}-{self._count[kind]}"

    # ---- a workspace and its apps --------------------------------------------------------------------

    async def environment_get_or_create(
        self, request: pb.EnvironmentGetOrCreateRequest
    ) -> pb.EnvironmentGetOrCreateResponse:
        """Return the only environment."""
        settings = pb.EnvironmentSettings(image_builder_version=BUILDER)
        metadata = pb.EnvironmentMetadata(name=request.deployment_name or "main", settings=settings)
        return pb.EnvironmentGetOrCreateResponse(environment_id="en-1", metadata=metadata)

    async def app_get_by_deployment_name(
        self, request: pb.AppGetByDeploymentNameRequest
    ) -> pb.AppGetByDeploymentNameResponse:
        """Return the app deployed under a name."""
        return pb.AppGetByDeploymentNameResponse(app_id=self.deployed.get(request.name, ""))

    async def app_get_layout(self, request: pb.AppGetLayoutRequest) -> pb.AppGetLayoutResponse:
        """Return a deployment's layout, so that a new one keeps its functions' ids and addresses."""
        return pb.AppGetLayoutResponse(app_layout=self.layout(request.app_id))

    async def app_create(self, request: pb.AppCreateRequest) -> pb.AppCreateResponse:
        """Begin a deployment or a run."""
        app_id = self.new("ap")
        self.apps[app_id] = App(ephemeral=request.app_state == pb.APP_STATE_EPHEMERAL)
        return pb.AppCreateResponse(app_id=app_id, app_page_url=f"http://127.0.0.1/{app_id}")

    async def app_publish(self, request: pb.AppPublishRequest) -> pb.AppPublishResponse:
        """Make the functions callable, and register a deployment by its name."""
        self.apps[request.app_id].functions = dict(request.function_ids)
        if request.app_state == pb.APP_STATE_DEPLOYED:
            self.deployed[request.name] = request.app_id
        return pb.AppPublishResponse(url="http://127.0.0.1", deployed_at=time.time())

    async def app_heartbeat(self, request: pb.AppHeartbeatRequest) -> Empty:
        """Accept a heartbeat."""
        del request
        return Empty()

    async def app_client_disconnect(self, request: pb.AppClientDisconnectRequest) -> Empty:
        """End a run and its containers; a deployment stays."""
        app = self.apps[request.app_id]
        if app.ephemeral:
            await self.end(list(app.functions.values()))
            await app.log(pb.TaskLogsBatch(app_done=True))
        return Empty()

    async def app_get_logs(self, request: pb.AppGetLogsRequest) -> AsyncIterator[pb.TaskLogsBatch]:
        """Follow what the containers of an app print, from where the caller has been, until it has ended."""
        app, seen = self.apps[request.app_id], int(request.last_entry_id or 0)
        while not (seen and app.logs[seen - 1].app_done):
            async with app.logged:
                await app.logged.wait_for(lambda: len(app.logs) > seen)  # noqa: B023 - called within the iteration
            yield app.logs[seen]
            seen += 1

    # ---- what functions are made of ------------------------------------------------------------------

    async def secret_get_or_create(
        self, request: pb.SecretGetOrCreateRequest
    ) -> pb.SecretGetOrCreateResponse:
        """Find a secret by its name, or keep one that is part of the app."""
        if request.object_creation_type in INLINE:
            secret_id = self.new("st")
            self.secrets[secret_id] = dict(request.env_dict)
        else:
            secret_id = f"st-{request.deployment_name}"
            self._check(secret_id, request)
        return pb.SecretGetOrCreateResponse(secret_id=secret_id)

    def _check(self, secret_id: str, request: pb.SecretGetOrCreateRequest) -> None:
        """Refuse a secret that is not there or lacks a key."""
        name = request.deployment_name
        if secret_id not in self.secrets:
            raise GRPCError(Status.NOT_FOUND, f"Secret '{name}' not found in environment 'main'")
        if missing := [key for key in request.required_keys if key not in self.secrets[secret_id]]:
            raise GRPCError(
                Status.FAILED_PRECONDITION, f"Secret '{name}' is missing key(s): {', '.join(missing)}"
            )
        self.required[name] = list(request.required_keys)

    async def mount_get_or_create(self, request: pb.MountGetOrCreateRequest) -> pb.MountGetOrCreateResponse:
        """Keep a list of files; Modal's own mounts have names."""
        digests = "".join(file.sha256_hex for file in request.files)
        digest = hashlib.sha256(digests.encode()).hexdigest()
        mount_id = f"mo-{request.deployment_name or digest[:12]}"
        self.mounts[mount_id] = list(request.files)
        metadata = pb.MountHandleMetadata(content_checksum_sha256_hex=digest)
        return pb.MountGetOrCreateResponse(mount_id=mount_id, handle_metadata=metadata)

    async def mount_batched_check_existence(
        self, request: pb.MountBatchedCheckExistenceRequest
    ) -> pb.MountBatchedCheckExistenceResponse:
        """Return which files have to be uploaded."""
        missing = [digest for digest in request.sha256_hex_hashes if digest not in self.files]
        return pb.MountBatchedCheckExistenceResponse(missing_sha256_hex_hashes=missing)

    async def mount_put_file(self, request: pb.MountPutFileRequest) -> pb.MountPutFileResponse:
        """Store a file; without content, return whether it exists."""
        if request.WhichOneof("data_oneof") is not None:
            self.files[request.sha256_hex] = request.data
        return pb.MountPutFileResponse(exists=request.sha256_hex in self.files)

    async def image_get_or_create(self, request: pb.ImageGetOrCreateRequest) -> pb.ImageGetOrCreateResponse:
        """Treat an image as built: its packages are those of this interpreter."""
        digest = hashlib.sha256(request.image.SerializeToString(deterministic=True)).hexdigest()
        python = f"Python {sys.version.split()[0]}"
        metadata = pb.ImageMetadata(image_builder_version=BUILDER, python_version_info=python)
        return pb.ImageGetOrCreateResponse(image_id=f"im-{digest[:12]}", result=BUILT, metadata=metadata)

    # ---- functions -----------------------------------------------------------------------------------

    async def function_precreate(self, request: pb.FunctionPrecreateRequest) -> pb.FunctionPrecreateResponse:
        """Assign a function its id; a function of an earlier deployment stays unchanged for now."""
        function_id = request.existing_function_id or self.new("fu")
        self.app_of[function_id] = request.app_id
        begun = pb.Function(
            function_name=request.function_name,
            function_type=request.function_type,
            function_schema=request.function_schema,
        )
        self.functions.setdefault(function_id, begun)
        return pb.FunctionPrecreateResponse(function_id=function_id, handle_metadata=self.handle(function_id))

    async def function_create(self, request: pb.FunctionCreateRequest) -> pb.FunctionCreateResponse:
        """Store a function's declaration, and end its earlier containers."""
        function_id, function = request.existing_function_id, request.function
        await self.end([function_id])
        if function.webhook_config.type:
            function.web_url = await self.serve_web(function_id)
        self.functions[function_id] = function
        ranked = pb.FunctionData.RankedFunction(rank=0, function=function)
        return pb.FunctionCreateResponse(
            function_id=function_id,
            function=function,
            function_data=pb.FunctionData(web_url=function.web_url, ranked_functions=[ranked]),
            handle_metadata=self.handle(function_id),
        )

    def handle(self, function_id: str) -> pb.FunctionHandleMetadata:
        """Return a function's metadata for callers."""
        function = self.functions[function_id]
        return pb.FunctionHandleMetadata(
            function_name=function.function_name,
            function_type=function.function_type,
            function_schema=function.function_schema,
            web_url=function.web_url,
            definition_id=f"de-{function_id}",
            supported_input_formats=function.supported_input_formats,
            supported_output_formats=function.supported_output_formats,
            app_id=self.app_of[function_id],
        )

    def layout(self, app_id: str) -> pb.AppLayout:
        """Return all objects of an app, as a container receives them."""
        functions = self.apps[app_id].functions
        objects = {
            function_id: pb.Object(object_id=function_id, function_handle_metadata=self.handle(function_id))
            for function_id in functions.values()
        }
        for function_id in functions.values():
            for needed in self.functions[function_id].object_dependencies:
                objects.setdefault(needed.object_id, _object(needed.object_id))
        return pb.AppLayout(function_ids=functions, objects=objects.values())


def _object(object_id: str) -> pb.Object:
    if object_id.startswith("mo-"):
        return pb.Object(object_id=object_id, mount_handle_metadata=pb.MountHandleMetadata())
    return pb.Object(object_id=object_id)

"""A ComfyUI server: files up, a workflow queued and followed, files down."""

import hashlib
import http.client
import json
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from parascale.errors import Cancelled, InputError
from parascale.generators.comfy.websocket import WebSocket
from parascale.types import CancelCheck

# Seconds between two looks at whether the job was cancelled.
_TICK = 0.5
_TIMEOUT = 60.0
# A file larger than this is no video of a shot.
_LARGEST = 8 << 30


class ComfyServer:
    """A server, by its host and port; every call is a connection of its own."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._client = uuid.uuid4().hex

    def upload(self, suffix: str, content: bytes) -> str:
        """Put a file into the server's input folder, named by its content, and return the name that nodes read it by.

        Raises
        ------
        InputError
            Where the server does not take it.
        """
        name = f"{hashlib.sha256(content).hexdigest()[:24]}{suffix}"
        boundary = uuid.uuid4().hex
        fields = {"type": "input", "subfolder": "parascale", "overwrite": "true"}
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
            for field, value in fields.items()
        ]
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n'
        parts.append(f"{head}Content-Type: application/octet-stream\r\n\r\n".encode() + content + b"\r\n")
        body = b"".join(parts) + f"--{boundary}--\r\n".encode()
        answer = self._ask("POST", "/upload/image", body, f"multipart/form-data; boundary={boundary}")
        stored = answer.get("name")
        if not isinstance(stored, str):
            raise self._nonsense("/upload/image")
        return "/".join(filter(None, (str(answer.get("subfolder") or ""), stored)))

    def run(
        self,
        workflow: dict[str, Any],
        report: Callable[[float, str], None],
        cancelled: CancelCheck | None = None,
    ) -> list[dict[str, str]]:
        """Run a workflow in API format, and return its output files: filename, subfolder, type.

        Raises
        ------
        InputError
            Where the server refuses it, or a node fails, with the server's own words; or where it was started anew.
        Cancelled
            The server was told to stop.
        """
        socket = self._open_socket()
        try:
            answer = self._ask("POST", "/prompt", {"prompt": workflow, "client_id": self._client})
            prompt, progress = answer.get("prompt_id"), _JobProgress(workflow)
            if not isinstance(prompt, str):
                raise self._nonsense("/prompt")
            while True:
                if cancelled is not None and cancelled():
                    self._stop(prompt)
                    raise Cancelled
                try:
                    text = socket.receive()
                except OSError:
                    socket.close()
                    socket = self._open_socket()
                    if not self._is_at_work(prompt):
                        break
                    continue
                if text is not None and progress.take(_parse_message(text), prompt):
                    break
                report(progress.fraction, progress.phase)
        finally:
            socket.close()
        history = self._written_history(prompt)
        _refuse_failure(history)
        return list(_output_files(history))

    def fetch(self, file: dict[str, str]) -> bytes:
        """Return the content of an output file."""
        query = urlencode({key: file.get(key, "") for key in ("filename", "subfolder", "type")})
        return self._request("GET", f"/view?{query}", None, "")

    def _open_socket(self) -> WebSocket:
        try:
            return WebSocket(self._host, self._port, f"/ws?clientId={self._client}", _TICK)
        except OSError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> InputError:
        return InputError(
            f"no ComfyUI server answers at {self._host}:{self._port} ({error}): start it, or name another"
        )

    def _stop(self, prompt: str) -> None:
        self._request("POST", "/queue", json.dumps({"delete": [prompt]}).encode(), "application/json")
        self._request("POST", "/interrupt", json.dumps({"prompt_id": prompt}).encode(), "application/json")

    def _written_history(self, prompt: str) -> dict[str, Any]:
        """Return the history of a workflow that is done; the server writes it a moment after it says so."""
        for _ in range(round(_TIMEOUT / _TICK)):
            if found := self._history(prompt):
                return found
            time.sleep(_TICK / 5)
        raise InputError("the ComfyUI server keeps no history of the workflow that it ran")

    def _is_at_work(self, prompt: str) -> bool:
        """Whether the server still works on a workflow, which it says in its queue; False where it is done.

        Raises
        ------
        InputError
            Where it knows nothing of it, as after it was started anew.
        """
        queue = self._ask("GET", "/queue", None)
        waiting = [entry for entries in queue.values() if isinstance(entries, list) for entry in entries]
        is_queued = any(isinstance(entry, list) and prompt in entry[:2] for entry in waiting)
        # What left the queue meanwhile is in the history by then.
        if self._history(prompt):
            return False
        if not is_queued:
            raise InputError("the ComfyUI server has lost the workflow: was it started anew? Generate again")
        return True

    def _history(self, prompt: str) -> dict[str, Any]:
        found = self._ask("GET", f"/history/{prompt}", None).get(prompt)
        return found if isinstance(found, dict) else {}

    def _nonsense(self, path: str) -> InputError:
        return InputError(f"{self._host}:{self._port} does not answer {path} as a ComfyUI server")

    def _ask(self, method: str, path: str, body: bytes | dict[str, Any] | None, kind: str = "") -> dict[str, Any]:
        content = json.dumps(body).encode() if isinstance(body, dict) else body
        answer = self._request(method, path, content, kind or "application/json")
        try:
            value = json.loads(answer)
        except ValueError as error:
            raise self._nonsense(path) from error
        return value if isinstance(value, dict) else {}

    def _request(self, method: str, path: str, body: bytes | None, kind: str) -> bytes:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT)
        try:
            connection.request(method, path, body, {"Content-Type": kind} if kind else {})
            response = connection.getresponse()
            answer = response.read(_LARGEST)
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise InputError(f"the ComfyUI server refused {path}: {_reason(answer) or response.reason}")
        return answer


class _JobProgress:
    """How far a workflow is, by the messages of its server."""

    def __init__(self, workflow: dict[str, Any]) -> None:
        self._titles = {name: _title(node) for name, node in workflow.items()}
        self._seen: set[str] = set()
        self._part = 0.0
        self.phase = "waiting for the ComfyUI server"

    @property
    def fraction(self) -> float:
        """0 .. 1, every node the same share."""
        return min(0.99, (max(0, len(self._seen) - 1) + self._part) / max(1, len(self._titles)))

    def take(self, message: dict[str, Any], prompt: str) -> bool:
        """Take a message in; return whether the workflow is done.

        Raises
        ------
        InputError
            Where a node failed, or somebody stopped it.
        """
        kind, data = message.get("type"), message.get("data")
        if not isinstance(data, dict) or data.get("prompt_id") != prompt:
            return False
        _refuse_failed_node(str(kind), data)
        if kind == "execution_cached":
            cached = data.get("nodes")
            self._seen |= set(map(str, cached if isinstance(cached, list) else ()))
        if kind == "executing":
            if data.get("node") is None:
                return True
            self._seen.add(str(data["node"]))
            self._part, self.phase = 0.0, self._titles.get(str(data["node"]), "working")
        value, most = data.get("value"), data.get("max")
        if kind == "progress" and isinstance(value, int | float) and isinstance(most, int | float) and most > 0:
            self._part = min(1.0, max(0.0, value / most))
            self.phase = f"{self._titles.get(str(data.get('node')), 'working')}, {value} of {most}"
        return kind == "execution_success"


def _title(node: dict[str, Any]) -> str:
    return str(node.get("_meta", {}).get("title") or node.get("class_type", "node"))


def _parse_message(text: str) -> dict[str, Any]:
    """Parse a message; one that is none of ComfyUI's is empty, as extensions send their own."""
    try:
        message = json.loads(text)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


def _refuse_failure(history: dict[str, Any]) -> None:
    """Raise what a history says went wrong, where its messages were missed."""
    status = history.get("status")
    status = status if isinstance(status, dict) else {}
    if status.get("status_str") != "error":
        return
    told = status.get("messages")
    for entry in told if isinstance(told, list) else ():
        if isinstance(entry, list) and len(entry) == 2 and isinstance(entry[1], dict):
            _refuse_failed_node(str(entry[0]), entry[1])
    raise InputError("the ComfyUI workflow failed at its server, which does not say why")


def _refuse_failed_node(kind: str, data: dict[str, Any]) -> None:
    if kind == "execution_error":
        raise InputError(
            f"the ComfyUI workflow failed in {data.get('node_type')}: {_first_line(data.get('exception_message'))}"
        )
    if kind == "execution_interrupted":
        raise InputError("the ComfyUI workflow was stopped at its server")


def _output_files(history: dict[str, Any]) -> Iterator[dict[str, str]]:
    outputs = history.get("outputs")
    for output in outputs.values() if isinstance(outputs, dict) else ():
        for files in output.values() if isinstance(output, dict) else ():
            for file in files if isinstance(files, list) else ():
                if isinstance(file, dict) and isinstance(file.get("filename"), str):
                    yield file


def _reason(answer: bytes) -> str:
    """Word what is wrong with a workflow, as the server says it: the error, and the first node's own."""
    try:
        value = json.loads(answer)
        error = value["error"]
        told = str(error["message"] if isinstance(error, dict) else error)
        for node in value.get("node_errors", {}).values():
            first = node["errors"][0]
            return f"{told} ({node.get('class_type')}: {first['message']}, {first.get('details', '')})"
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return _first_line(answer.decode(errors="replace"))
    return told


def _first_line(text: object) -> str:
    return (str(text).strip().splitlines() or ["no reason was given"])[0][:300]


def suffix_of(file: dict[str, str]) -> str:
    """Return the suffix of an output file, in lower case."""
    return Path(file["filename"]).suffix.lower()

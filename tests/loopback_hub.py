"""A Hugging Face Hub on 127.0.0.1: what huggingface_hub 2.x asks for when it pushes and loads a
model, a dataset or a Space, and no more.

State lies on disk: a folder a repository, in it a folder a commit; those of datasets lie under
`datasets/`, those of Spaces under `spaces/`. What the server does not know it refuses, and notes in
`refused`."""

import base64
import hashlib
import json
import re
import shutil
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import yaml


NAME = r"(?P<repo>(?:datasets/|spaces/)?[\w.-]+/[\w.-]+)"
API = rf"/api/(?:models/)?{NAME}"
ROUTES = {
    ("GET", r"/api/whoami-v2"): "whoami",
    ("POST", r"/api/repos/create"): "create",
    ("POST", r"/api/validate-yaml"): "validate_yaml",
    ("POST", rf"{API}/preupload/(?P<revision>[^/]+)"): "preupload",
    ("POST", rf"{API}/commit/(?P<revision>[^/]+)"): "commit",
    ("GET", API): "repo_info",
    ("GET", rf"{API}/revision/(?P<revision>[^/]+)"): "repo_info",
    ("GET", rf"{API}/tree/(?P<revision>[^/]+)(?:/(?P<folder>.+))?"): "tree",
    ("POST", rf"{API}/paths-info/(?P<revision>[^/]+)"): "paths_info",
    ("HEAD", rf"/{NAME}/resolve/(?P<revision>[^/]+)/(?P<file>.+)"): "resolve",
    ("GET", rf"/{NAME}/resolve/(?P<revision>[^/]+)/(?P<file>.+)"): "resolve",
    (
        "GET",
        r"/api/agent-harnesses",
    ): "nothing",  # which tools may call the client; it lives without
}


class LoopbackHub(ThreadingHTTPServer):
    """Serves from its creation on, until `stop()`.

    Args:
        folder (`Path`): Where the repositories are kept.
        token (`str`): The one token that may write, and read private repositories.
    """

    daemon_threads = True

    def __init__(self, folder: Path, token: str = "hf_right") -> None:
        self.folder, self.token = folder, token
        self.refused: list[str] = []
        self.private: set[str] = set()
        self.dies_at_commit: int | None = (
            None  # number of the commit in whose middle the server dies
        )
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def stop(self) -> None:
        self.shutdown()
        self.server_close()

    def commits(self, repo: str) -> list[Path]:
        """Folders of the commits, oldest first; their names end in the hash."""
        return sorted((self.folder / repo).glob("*-*"))

    def files(self, repo: str, commit: int = -1) -> dict[str, Path]:
        """Files of a commit, the last one unless said otherwise."""
        root = self.commits(repo)[commit]
        return {
            path.relative_to(root).as_posix(): path
            for path in sorted(root.rglob("*"))
            if path.is_file()
        }

    def add_commit(self, repo: str) -> Path:
        """A new commit that begins as a copy of the last one."""
        known = self.commits(repo)
        digest = hashlib.sha1(f"{repo}{len(known)}".encode()).hexdigest()
        commit = self.folder / repo / f"{len(known):04d}-{digest}"
        if known:
            shutil.copytree(known[-1], commit)
        else:
            commit.mkdir(parents=True)
        return commit


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: LoopbackHub

    def handle_one(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        for (method, pattern), name in ROUTES.items():
            match = re.fullmatch(pattern, path)
            if match and method == self.command:
                arguments = match.groupdict()
                if self.may(name, arguments.get("repo")):
                    getattr(self, name)(**arguments)
                return
        self.server.refused.append(f"{self.command} {path}")
        self.fail(404, "NotFound", f"the loopback Hub does not know {self.command} {path}")

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = handle_one

    def may(self, name: str, repo: str | None) -> bool:
        given = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if name in ("whoami", "create", "preupload", "commit") and given != self.server.token:
            self.fail(401, None, "Invalid username or password.")
        elif repo and (
            not self.server.commits(repo)
            or repo in self.server.private
            and given != self.server.token
        ):
            self.fail(404 if given else 401, "RepoNotFound", "Repository not found")
        else:
            return True
        return False

    def whoami(self) -> None:
        self.reply(200, {"type": "user", "name": "tester", "orgs": [{"name": "team"}]})

    def create(self) -> None:
        wanted = json.loads(self.body)
        name = f"{wanted.get('organization') or 'tester'}/{wanted['name']}"
        kind = wanted.get("type", "model")
        repo = name if kind == "model" else f"{kind}s/{name}"
        answer = {"url": f"{self.server.url}/{repo}", "name": name, "id": name}
        if self.server.commits(repo):
            return self.reply(409, answer | {"error": "You already created this repo"})
        self.server.add_commit(repo)
        if wanted.get("visibility") == "private":
            self.server.private.add(repo)
        self.reply(200, answer)

    def validate_yaml(self) -> None:
        """Not the Hub's own rules, but those a card breaks most easily."""
        _, header, _ = json.loads(self.body)["content"].split("---\n", 2)
        data = yaml.safe_load(header)
        wrong = [
            f'"{name}" must not be empty' for name, value in data.items() if value in (None, "", [])
        ]
        wrong += [
            f'"{name}" must be a list'
            for name in ("tags", "datasets")
            if not isinstance(data.get(name, []), list)
        ]
        self.reply(
            400 if wrong else 200,
            {"errors": [{"message": message} for message in wrong], "warnings": []},
        )

    def preupload(self, repo: str, revision: str) -> None:
        files = [
            {"path": file["path"], "shouldIgnore": False, "uploadMode": "regular"}
            for file in json.loads(self.body)["files"]
        ]
        self.reply(200, {"files": files})

    def commit(self, repo: str, revision: str) -> None:
        with self.server.lock:
            if self.server.dies_at_commit == len(self.server.commits(repo)):
                threading.Thread(target=self.server.stop).start()
                self.close_connection = True
                return self.connection.shutdown(socket.SHUT_RDWR)
            commit = self.server.add_commit(repo)
            for line in self.body.splitlines():
                operation = json.loads(line)
                if operation["key"] == "file":
                    path = commit / operation["value"]["path"]
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(base64.b64decode(operation["value"]["content"]))
                elif operation["key"] != "header":
                    self.server.refused.append(f"commit operation {operation['key']}")
        digest = commit.name.split("-")[1]
        url = f"{self.server.url}/{repo}/commit/{digest}"
        self.reply(200, {"success": True, "commitOid": digest, "commitUrl": url, "hookOutput": ""})

    def find_commit(self, repo: str, revision: str | None) -> Path | None:
        known = {commit.name.split("-")[1]: commit for commit in self.server.commits(repo)}
        found = self.server.commits(repo)[-1] if revision in (None, "main") else known.get(revision)
        if found is None:
            self.fail(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return found

    def repo_info(self, repo: str, revision: str | None = None) -> None:
        if commit := self.find_commit(repo, revision):
            files = [
                path.relative_to(commit).as_posix()
                for path in sorted(commit.rglob("*"))
                if path.is_file()
            ]
            info = {
                "id": repo.removeprefix("datasets/").removeprefix("spaces/"),
                "sha": commit.name.split("-")[1],
                "private": repo in self.server.private,
                "tags": [],
            }
            self.reply(200, info | {"siblings": [{"rfilename": file} for file in files]})

    def tree(self, repo: str, revision: str, folder: str | None) -> None:
        if commit := self.find_commit(repo, revision):
            root = commit / (folder or "")
            if not root.is_dir():
                return self.fail(404, "EntryNotFound", f"{folder} does not exist")
            recursive = parse_qs(urlsplit(self.path).query).get("recursive") == ["true"]
            paths = root.rglob("*") if recursive else root.glob("*")
            self.reply(200, [self.entry(path, commit) for path in sorted(paths)])

    def paths_info(self, repo: str, revision: str) -> None:
        if commit := self.find_commit(repo, revision):
            paths = [commit / name for name in parse_qs(self.body.decode())["paths"]]
            self.reply(200, [self.entry(path, commit) for path in paths if path.exists()])

    def entry(self, path: Path, commit: Path) -> dict:
        name = path.relative_to(commit).as_posix()
        kind, size = ("directory", 0) if path.is_dir() else ("file", path.stat().st_size)
        return {"type": kind, "path": name, "size": size, "oid": name}

    def resolve(self, repo: str, revision: str, file: str) -> None:
        if commit := self.find_commit(repo, revision):
            headers = {"X-Repo-Commit": commit.name.split("-")[1]}
            if not (commit / file).is_file():
                return self.fail(404, "EntryNotFound", f"{file} does not exist", headers)
            content = (commit / file).read_bytes()
            self.reply(200, content, headers | {"ETag": f'"{hashlib.sha1(content).hexdigest()}"'})

    def nothing(self) -> None:
        self.fail(404, "EntryNotFound", "nothing here")

    def fail(
        self, status: int, code: str | None, message: str, headers: dict[str, str] | None = None
    ) -> None:
        codes = {"X-Error-Code": code} if code else {}
        self.reply(
            status, {"error": message}, (headers or {}) | codes | {"X-Error-Message": message}
        )

    def reply(
        self, status: int, content: bytes | dict | list, headers: dict[str, str] | None = None
    ) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        kind = "application/octet-stream" if isinstance(content, bytes) else "application/json"
        self.send_response(status)
        for name, value in (
            (headers or {}) | {"Content-Type": kind, "Content-Length": str(len(body))}
        ).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

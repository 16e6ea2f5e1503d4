"""Make releases of the agent and the signed index of releases. For maintainers, on a machine that serves nothing.

    agent_release.py key    --out KEY                      a new release key; its public half is printed
    agent_release.py build  --out FOLDER [--version V] [--release-key PUBLIC]
    agent_release.py index  --key KEY --number N --minimum V [--days 90] --out FOLDER FILE… [--vector V=FILE …]
    agent_release.py verify --public PUBLIC FOLDER

A release is a zip with `run.py`, `release.json` and `site-packages`: the agent, what it needs, all as installed in this
environment from the lock. Built twice from the same sources it is the same file. The key file is made with mode 600
and belongs on a machine or a stick that is off the network.
"""

import argparse
import hashlib
import importlib.metadata
import json
import os
import platform
import re
import shutil
import sys
import time
import zipfile
from pathlib import Path
from typing import Any, Final

from nacl.signing import SigningKey

from vectorflow_wire import envelope, releases
from vectorflow_wire.encoding import base64_bytes, base64_text
from vectorflow_wire.keys import key_id

ROOT: Final = Path(__file__).resolve().parent.parent
OURS: Final = {"vectorflow-agent": "vectorflow_agent", "vectorflow-wire": "vectorflow_wire"}
_ENTRY: Final = '''"""Starts this release of the agent with nothing but what lies beside this file."""

import os
import sys

if __name__ == "__main__":
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "site-packages"))
    from vectorflow_agent.cli import main

    main()
'''
_LEFT_OUT: Final = {"__pycache__", "tests", "test"}
_DAY_MS: Final = 24 * 3600 * 1000


def main(arguments: list[str] | None = None) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    key = commands.add_parser("key")
    key.add_argument("--out", type=Path, required=True)
    build = commands.add_parser("build")
    build.add_argument("--out", type=Path, required=True)
    build.add_argument("--version", default="")
    build.add_argument("--release-key", action="append", default=[])
    index = commands.add_parser("index")
    index.add_argument("--key", type=Path, required=True)
    index.add_argument("--number", type=int, required=True)
    index.add_argument("--minimum", required=True)
    index.add_argument("--days", type=int, default=90)
    index.add_argument("--out", type=Path, required=True)
    index.add_argument("--vector", action="append", default=[], metavar="VERSION=FILE")
    index.add_argument("files", type=Path, nargs="*")
    verify = commands.add_parser("verify")
    verify.add_argument("--public", required=True)
    verify.add_argument("folder", type=Path)
    options = parser.parse_args(arguments)
    try:
        made: dict[str, Any] = {"key": _key, "build": _build, "index": _index, "verify": _verify}
        print(made[options.command](options))
    except (OSError, ValueError, releases.ReleaseRefused) as error:
        print(f"agent_release: {error}", file=sys.stderr)
        return 1
    return 0


def _key(options: argparse.Namespace) -> str:
    made = SigningKey.generate()
    with os.fdopen(os.open(options.out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(base64_text(bytes(made)) + "\n")
    return base64_text(bytes(made.verify_key))


def _build(options: argparse.Namespace) -> str:
    version = options.version or importlib.metadata.version("vectorflow-agent")
    options.out.mkdir(parents=True, exist_ok=True)
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    system, processor = platform.system().lower(), platform.machine()
    target = options.out / f"vectorflow-agent-{version}-{system}-{processor}-{tag}.zip"
    about = {"program": "agent", "version": version, "os": system, "arch": processor, "python": tag}
    content = {"run.py": _ENTRY.encode(), "release.json": json.dumps(about, sort_keys=True).encode()}
    for name, data in _packages(version, options.release_key).items():
        content[f"site-packages/{name}"] = data
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as zipped:
        for name in sorted(content):
            # A fixed time and mode, so that the same content is the same file.
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr, entry.compress_type = 0o100644 << 16, zipfile.ZIP_DEFLATED
            zipped.writestr(entry, content[name])
    return str(target)


def _packages(version: str, keys: list[str]) -> dict[str, bytes]:
    """Every file of the agent and of what it needs, by its path."""
    found: dict[str, bytes] = {}
    for name in sorted(_closure("vectorflow-agent")):
        if name in OURS:
            source = ROOT / "packages" / name.removeprefix("vectorflow-") / "src" / OURS[name]
            for path in sorted(source.rglob("*")):
                if path.is_file() and not _LEFT_OUT & set(path.parts):
                    found[f"{OURS[name]}/{path.relative_to(source)}"] = path.read_bytes()
            continue
        for file in importlib.metadata.files(name) or ():
            parts = Path(str(file)).parts
            if (
                ".." in parts
                or _LEFT_OUT & set(parts)
                or parts[-1] in {"RECORD", "INSTALLER", "direct_url.json"}
            ):
                continue
            found[str(file)] = Path(str(file.locate())).read_bytes()
    found["vectorflow_agent/__init__.py"] = _replaced(
        found["vectorflow_agent/__init__.py"], r'__version__ = "[^"]*"', f'__version__ = "{version}"'
    )
    if keys:
        releases.release_keys(keys)
        written = "RELEASE_KEYS: Final[tuple[str, ...]] = " + repr(tuple(keys))
        found["vectorflow_agent/release_key.py"] = _replaced(
            found["vectorflow_agent/release_key.py"], r"RELEASE_KEYS: .*", written
        )
    return found


def _replaced(data: bytes, pattern: str, text: str) -> bytes:
    made, count = re.subn(pattern, lambda _: text, data.decode())
    if count != 1:
        raise ValueError(f"{pattern} is not there once")
    return made.encode()


def _closure(name: str) -> set[str]:
    """A distribution and all it needs here, by normalised names."""
    found: set[str] = set()
    waiting = [(name, frozenset[str]())]
    while waiting:
        each, extras = waiting.pop()
        plain = re.sub(r"[-_.]+", "-", each).lower()
        if plain in found and not extras:
            continue
        found.add(plain)
        for text in importlib.metadata.requires(plain) or ():
            needed = _needed(text, extras)
            if needed is not None:
                waiting.append(needed)
    return found


def _needed(text: str, extras: frozenset[str]) -> tuple[str, frozenset[str]] | None:
    from packaging.requirements import Requirement  # noqa: PLC0415  only for builds

    requirement = Requirement(text)
    marker = requirement.marker
    if marker is not None and not any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
        return None
    return requirement.name, frozenset(requirement.extras)


def _index(options: argparse.Namespace) -> str:
    options.out.mkdir(parents=True, exist_ok=True)
    listed = [_release_of(path) for path in options.files]
    for text in options.vector:
        version, _, file = text.partition("=")
        path = Path(file)
        listed.append(
            releases.Release(
                program="vector",
                version=version,
                digest=_digest(path),
                size=path.stat().st_size,
                os=platform.system().lower(),
                arch=platform.machine(),
                file=path.name,
            )
        )
    for path in [*options.files, *(Path(text.partition("=")[2]) for text in options.vector)]:
        if path.resolve().parent != options.out.resolve():
            shutil.copyfile(path, options.out / path.name)
    now = time.time_ns() // 1_000_000
    made = releases.ReleaseIndex(
        number=options.number,
        issued_at=now,
        expires_at=now + options.days * _DAY_MS,
        minimum=options.minimum,
        releases=tuple(listed),
    )
    key = SigningKey(base64_bytes(options.key.read_text().strip()))
    signer = envelope.MemorySigner(key, key_id(bytes(key.verify_key)))
    (options.out / "index.json").write_bytes(releases.index_sign(made, signer))
    return f"index {options.number} with {len(listed)} releases in {options.out}"


def _release_of(path: Path) -> releases.Release:
    with zipfile.ZipFile(path) as zipped:
        about = json.loads(zipped.read("release.json"))
    return releases.Release(**about, digest=_digest(path), size=path.stat().st_size, file=path.name)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def _verify(options: argparse.Namespace) -> str:
    data = (options.folder / "index.json").read_bytes()
    now = time.time_ns() // 1_000_000
    index = releases.index_verify(data, keys=releases.release_keys([options.public]), now=now)
    for each in index.releases:
        if _digest(options.folder / each.file) != each.digest:
            raise ValueError(f"{each.file} is not what the index names")
    return (
        f"index {index.number}: {len(index.releases)} releases, minimum {index.minimum}, all files as named"
    )


if __name__ == "__main__":
    sys.exit(main())

"""Making an installation and removing it: each step said, nothing done twice, nothing of a person's overwritten."""

import argparse
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from vectorflow_agent.install.plan import FOLDER, RUNTIME, SERVICE, STATE, UNIT, File, Plan, Wanted, plan_of
from vectorflow_agent.settings import Settings, SettingsInvalid
from vectorflow_agent.shell.secrets import memory_places

_SYSTEMD: Final = Path("/run/systemd/system")
_BESIDE: Final = ("", "-engines", "-programs")
_KEPT: Final = ("policy.yaml",)


def add_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `install` and `uninstall` to the command."""
    install = commands.add_parser("install", help="install the agent as a service of this machine")
    install.add_argument(
        "--server", required=True, help="the gateway's address, as the enrolment page shows it"
    )
    install.add_argument(
        "--token-file", required=True, help="file with the enrolment token; - reads it from standard input"
    )
    install.add_argument("--root-fingerprint", required=True, help="of the organisation's root key: sha256:…")
    install.add_argument("--ca-file", default="", help="certificates (PEM) to trust besides the system's")
    install.add_argument("--client-cert", default="", help="certificate (PEM) to show the gateway")
    install.add_argument("--client-key", default="", help="its private key (PEM)")
    install.add_argument("--proxy", default="", help="HTTP proxy on the way to the gateway")
    install.add_argument("--user", default="", help="run as this system user, made if need be; default: root")
    install.add_argument(
        "--write-path", action="append", default=[], help="folder that pipelines may write to"
    )
    install.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    install.add_argument(
        "--run", action="store_true", help="without systemd: run the agent now, in the foreground"
    )
    install.add_argument(
        "--root", type=Path, default=Path("/"), help="install into this tree instead, for images"
    )
    uninstall = commands.add_parser("uninstall", help="remove the service; engines are drained and stopped")
    uninstall.add_argument("--purge", action="store_true", help="remove state, keys and policy too")
    uninstall.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    uninstall.add_argument("--root", type=Path, default=Path("/"), help="remove from this tree instead")


def install(options: argparse.Namespace) -> int:
    """Install. Raises SettingsInvalid, OSError."""
    root: Path = options.root
    systemd = _has_systemd(root)
    wanted = Wanted(
        server=options.server,
        token=_token(options.token_file),
        fingerprint=options.root_fingerprint.strip().lower(),
        program=_program(),
        ca_file=options.ca_file,
        client_cert=options.client_cert,
        client_key=options.client_key,
        proxy=options.proxy,
        user=options.user,
        write_paths=tuple(options.write_path),
        systemd=systemd or root != Path("/"),
    )
    plan = plan_of(wanted)
    if not options.dry_run and root == Path("/") and os.geteuid() != 0:
        raise SettingsInvalid("installing needs root: run it with sudo")
    doing = _Doing(root, dry=options.dry_run)
    changed = doing.make(plan)
    if systemd:
        doing.call("systemctl", "daemon-reload")
        doing.call("systemctl", "enable", SERVICE)
        doing.call("systemctl", "restart" if changed else "start", SERVICE)
        doing.say("the node appears on the page Nodes; look after it with: vectorflow-agent doctor")
        return 0
    command = [wanted.program, "supervise", "--config", str(root / FOLDER.relative_to("/") / "agent.yaml")]
    if options.run and not options.dry_run:
        doing.say("no systemd here: the agent runs in the foreground now")
        sys.stdout.flush()
        environment = {**os.environ, **_environment(root, wanted)}
        os.execve(command[0], command, environment)  # noqa: S606  becoming the agent is what was asked for
    doing.say(f"no systemd here; to run the agent: {' '.join(command)}")
    return 0


def uninstall(options: argparse.Namespace) -> int:
    """Remove what `install` made, and opened secrets. State and policy stay unless told otherwise.

    Raises SettingsInvalid, OSError.
    """
    root: Path = options.root
    if not options.dry_run and root == Path("/") and os.geteuid() != 0:
        raise SettingsInvalid("removing needs root: run it with sudo")
    doing = _Doing(root, dry=options.dry_run)
    if _has_systemd(root) and (root / UNIT.relative_to("/")).exists():
        # Engines are in the service's control group: this ends them too, gracefully first.
        doing.call("systemctl", "disable", "--now", SERVICE)
        doing.call("systemctl", "kill", "--kill-whom=all", SERVICE, fails=True)
    doing.remove(UNIT)
    if _has_systemd(root):
        doing.call("systemctl", "daemon-reload")
    for name in ("agent.yaml", "token", "environment"):
        doing.remove(FOLDER / name)
    # Engines that still drain have read theirs.
    doing.remove(RUNTIME)
    if options.purge:
        for path in memory_places(Settings(state_dir=str(root / STATE.relative_to("/")))):
            doing.remove_here(path, path)
        for ending in _BESIDE:
            doing.remove(STATE.with_name(STATE.name + ending))
        doing.remove(FOLDER)
    else:
        doing.say(f"kept: {FOLDER}/policy.yaml and {STATE} (remove them with --purge)")
    return 0


class _Doing:
    """Does things below a root, or only says them."""

    def __init__(self, root: Path, *, dry: bool) -> None:
        self._root = root
        self._dry = dry

    def say(self, words: str) -> None:
        """Tell the person."""
        sys.stdout.write(words + "\n")

    def make(self, plan: Plan) -> bool:
        """Make everything of the plan; tells whether a file was changed."""
        if plan.user:
            self._user(plan.user)
        for path in plan.folders:
            self._folder(path, plan.user if path == STATE else "")
        written = [self._file(file) for file in plan.files]
        return any(written)

    def remove(self, path: Path) -> None:
        """Remove a file or folder, if it is there."""
        self.remove_here(self._here(path), path)

    def remove_here(self, here: Path, path: Path) -> None:
        """Remove what is called `path` and lies here, if it is there."""
        if not here.exists() and not here.is_symlink():
            return
        self.say(f"remove {path}")
        if self._dry:
            return
        if here.is_dir() and not here.is_symlink():
            shutil.rmtree(here)
        else:
            here.unlink()

    def call(self, *command: str, fails: bool = False) -> None:
        """Call a program of the system. Raises SettingsInvalid when it fails, unless that is to be expected."""
        self.say(f"run {' '.join(command)}")
        if self._dry:
            return
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        if done.returncode != 0 and not fails:
            raise SettingsInvalid(f"{' '.join(command)} failed: {done.stderr.strip()[:500]}")

    def _here(self, path: Path) -> Path:
        return self._root / path.relative_to("/")

    def _user(self, name: str) -> None:
        try:
            pwd.getpwnam(name)
        except KeyError:
            where = [] if self._root == Path("/") else ["--root", str(self._root)]
            self.call("useradd", *where, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name)

    def _folder(self, path: Path, user: str) -> None:
        here = self._here(path)
        mode = 0o711 if path == STATE and not user else 0o755 if path == FOLDER else 0o700
        if here.is_dir():
            return
        self.say(f"make {path}")
        if not self._dry:
            here.mkdir(parents=True, mode=mode)
            here.chmod(mode)
            if user and self._root == Path("/"):
                shutil.chown(here, user, user)

    def _file(self, file: File) -> bool:
        here = self._here(file.path)
        if here.exists():
            same = (
                here.read_text(encoding="utf-8") == file.content and here.stat().st_mode & 0o777 == file.mode
            )
            if same or file.keep:
                self.say(f"keep {file.path}")
                return False
        self.say(
            f"write {file.path} (mode {file.mode:04o}{', its content is secret' if file.secret else ''})"
        )
        if self._dry:
            return True
        here.parent.mkdir(parents=True, exist_ok=True)
        fresh = here.with_name(f".{here.name}.new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, file.mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            os.fchmod(opened.fileno(), file.mode)
            opened.write(file.content)
        os.replace(fresh, here)
        return True


def _has_systemd(root: Path) -> bool:
    return root == Path("/") and _SYSTEMD.is_dir() and shutil.which("systemctl") is not None


def _token(source: str) -> str:
    if source == "-":
        return sys.stdin.readline().strip()
    try:
        return Path(source).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SettingsInvalid(f"the enrolment token file {source} cannot be read") from None


def _program() -> str:
    """The command that is running, by its whole path."""
    called = Path(sys.argv[0])
    found = str(called.absolute()) if called.is_file() else shutil.which(sys.argv[0])
    beside = Path(sys.executable).with_name("vectorflow-agent")
    return str(beside) if beside.is_file() else str(found or "/usr/bin/vectorflow-agent")


def _environment(root: Path, wanted: Wanted) -> dict[str, str]:
    """What stands in files that name places below `/`, for a run from another tree."""
    proxy = {"HTTPS_PROXY": wanted.proxy, "HTTP_PROXY": wanted.proxy} if wanted.proxy else {}
    if root == Path("/"):
        return proxy
    below = {
        "VECTORFLOW_ENROLMENT_TOKEN_FILE": root / FOLDER.relative_to("/") / "token",
        "VECTORFLOW_AGENT_STATE_DIR": root / STATE.relative_to("/"),
        "VECTORFLOW_POLICY": root / FOLDER.relative_to("/") / "policy.yaml",
    }
    return proxy | {name: str(path) for name, path in below.items()}

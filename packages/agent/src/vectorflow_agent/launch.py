"""The last steps of a process before it becomes an engine.

The agent starts this file by itself (`python -I -S launch.py <orders> <program> <arguments …>`), so
it uses nothing but the standard library. It enters its cgroup, takes its limits, gives up its
privileges for good, and becomes the program, with the same process id. Doing this here and not
between fork and exec inside the agent keeps a process with threads from running Python in between.
"""

import ctypes
import json
import os
import resource
import sys
from typing import Any, Final

EXIT_NOT_LAUNCHED: Final = 71
"""The program was not started; the last line on standard error says why."""

_PR_SET_KEEPCAPS: Final = 8
_PR_CAPBSET_DROP: Final = 24
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_CAP_AMBIENT: Final = 47
_PR_CAP_AMBIENT_RAISE: Final = 2
_CAP_NET_BIND_SERVICE: Final = 10
_CAP_VERSION_3: Final = 0x20080522
_LIMITS: Final = {
    "address_space": resource.RLIMIT_AS,
    "open_files": resource.RLIMIT_NOFILE,
    "processes": resource.RLIMIT_NPROC,
}


def main(arguments: list[str]) -> None:
    """Follow the orders and become the program; ends the process when that does not work."""
    try:
        orders = json.loads(arguments[0])
        _confine(orders)
        # By name, because Python may have added to its own environment what nobody asked for.
        environment = {name: os.environ[name] for name in orders["environment"] if name in os.environ}
        os.execve(arguments[1], arguments[1:], environment)  # noqa: S606  becoming it is the purpose
    except (OSError, ValueError) as error:
        sys.stderr.write(f"vectorflow-agent: the engine cannot be started: {error}\n")
        sys.stderr.flush()
        os._exit(EXIT_NOT_LAUNCHED)


def _confine(orders: dict[str, Any]) -> None:
    if cgroup := orders.get("cgroup"):
        with open(f"{cgroup}/cgroup.procs", "w", encoding="ascii") as file:
            file.write(str(os.getpid()))
    # A core file would hold opened secrets.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name, value in orders.get("limits", {}).items():
        hard = resource.getrlimit(_LIMITS[name])[1]
        wanted = value if hard == resource.RLIM_INFINITY or os.geteuid() == 0 else min(value, hard)
        resource.setrlimit(_LIMITS[name], (wanted, wanted))
    os.umask(0o077)
    if "uid" in orders:
        _become(orders)
    if sys.platform == "linux":
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def _become(orders: dict[str, Any]) -> None:
    """Become another user for good: real, effective and saved ids, no groups but those named."""
    low_ports = bool(orders.get("low_ports"))
    if sys.platform == "linux":
        _drop_bounds(keep={_CAP_NET_BIND_SERVICE} if low_ports else set())
        if low_ports:
            _prctl(_PR_SET_KEEPCAPS, 1)
    os.setgroups(orders.get("groups", []))
    os.setresgid(orders["gid"], orders["gid"], orders["gid"])
    os.setresuid(orders["uid"], orders["uid"], orders["uid"])
    if low_ports and sys.platform == "linux":
        _only_low_ports()


def _drop_bounds(keep: set[int]) -> None:
    with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as file:
        last = int(file.read())
    for capability in range(last + 1):
        if capability not in keep:
            _prctl(_PR_CAPBSET_DROP, capability)


def _only_low_ports() -> None:
    """Keep the one capability that listening below port 1024 needs."""
    mask = 1 << _CAP_NET_BIND_SERVICE
    header = (ctypes.c_uint32 * 2)(_CAP_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
    if _libc().capset(ctypes.byref(header), ctypes.byref(data)) != 0:
        raise OSError(ctypes.get_errno(), "the capability to listen below port 1024 cannot be kept")
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_NET_BIND_SERVICE)


def _prctl(*values: int) -> None:
    padded = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:5]]
    if _libc().prctl(*padded) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl {values[0]} was refused: {os.strerror(number)}")


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


if __name__ == "__main__":
    main(sys.argv[1:])

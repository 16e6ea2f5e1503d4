"""`platform.bus` and `platform.database`: a path that goes silent without an end is noticed within seconds."""

import asyncio
import contextlib
import socket
import time
from contextlib import asynccontextmanager

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from vectorflow.platform import bus as bus_module
from vectorflow.platform.bus import Bus
from vectorflow.platform.credentials import Role, role_url
from vectorflow.platform.database import Database


class Path:
    """A path of bytes to PostgreSQL. What it has at the moment can go silent: nothing passes, and nothing ends."""

    def __init__(self, url: str) -> None:
        found = conninfo_to_dict(url)
        self.to = str(found["host"]), int(found["port"] or 5432)
        self._open: list[asyncio.Event] = []
        self._writers: list[asyncio.StreamWriter] = []

    def go_silent(self) -> None:
        for passing in self._open:
            passing.clear()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(*self.to)
        self._writers += [writer, server_writer]
        passing = asyncio.Event()
        passing.set()
        self._open.append(passing)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                while data := await source.read(65_536):
                    await passing.wait()
                    sink.write(data)
                sink.close()

        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(pump(reader, server_writer), pump(server_reader, writer))

    def end(self) -> None:
        for writer in self._writers:
            writer.close()


@asynccontextmanager
async def path_to(url: str):
    """Give a path and the address that leads over it."""
    path = Path(url)
    server = await asyncio.start_server(path.carry, "127.0.0.1", 0)
    try:
        yield path, make_conninfo(url, host="127.0.0.1", port=server.sockets[0].getsockname()[1])
    finally:
        path.end()
        server.close()


async def test_the_bus_connects_anew_when_its_path_goes_silent(database_url, state_dir, monkeypatch) -> None:
    monkeypatch.setattr(bus_module, "_PING_SECONDS", 0.2)
    monkeypatch.setattr(bus_module, "_SILENT_SECONDS", 1.0)
    connects: list[float] = []
    async with path_to(role_url(database_url, Role.APP, state_dir)) as (path, url):
        bus = Bus(url)
        bus.on_reconnect(lambda: connects.append(time.monotonic()))
        running = asyncio.create_task(bus.run())
        try:
            await asyncio.wait_for(bus.connected.wait(), 60)
            await asyncio.sleep(0.5)  # it was asked before, and answered
            assert len(connects) == 1
            path.go_silent()
            async with asyncio.timeout(20):
                while len(connects) == 1:
                    await asyncio.sleep(0.05)
            assert bus.connected.is_set()
        finally:
            running.cancel()
            path.end()
            await asyncio.gather(running, return_exceptions=True)


def limits(connection) -> tuple[int, ...]:
    with socket.socket(fileno=connection.fileno()) as same:
        found = (
            same.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
            *(
                same.getsockopt(socket.IPPROTO_TCP, option)
                for option in (
                    socket.TCP_KEEPIDLE,
                    socket.TCP_KEEPINTVL,
                    socket.TCP_KEEPCNT,
                    socket.TCP_USER_TIMEOUT,
                )
            ),
        )
        same.detach()
    return found


async def test_connections_of_a_pool_end_when_nothing_is_acknowledged(
    database_url, state_dir, signer
) -> None:
    url = role_url(database_url, Role.APP, state_dir)
    for address, expected in (
        (url, (1, 10, 5, 3, 15_000)),
        (make_conninfo(url, keepalives_idle=77, tcp_user_timeout=9_000), (1, 77, 5, 3, 9_000)),
    ):
        database = Database(address, signer, size=1)
        await database.open()
        try:
            async with database.connection() as connection:
                assert limits(connection) == expected
        finally:
            await database.close()

"""How many events per second the embedded engine carries: ``python bench/engine.py [EVENTS]``.

One real engine process per row, acknowledgements on, input of JSON lines as an access log has them.
Core-seconds are the process's own (user and system), so a busy machine does not change them much.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LINE = '{{"id":"{n:08x}","ts":"2026-01-01T00:00:00.{n:06d}Z","method":"GET","path":"/api/orders/{n}","status":{status},"ms":12.5}}\n'
REMAP = '{type: remap, inputs: [in], source: ". = parse_json!(.message)\\n.env = \\"bench\\"\\n.slow = .ms\\n.kept = true"}'
ROUTE = '{type: route, inputs: [map], route: {errors: "int!(.status) >= 500", slow: "float!(.ms) > 100.0"}}'
HEAD = """
data_dir: @/data
acknowledgements: true
sources: {in: {type: file, include: [@/in.log], glob_minimum_cooldown_ms: 100}}
"""
FILE = "{type: file, inputs: [%s], path: @/out.log, encoding: {codec: json}}"
PIPELINES = {
    "file → file": HEAD + f"sinks: {{out: {FILE % 'in'}}}",
    "file → remap (parse_json + 3 assignments) → file": HEAD
    + f"transforms: {{map: {REMAP}}}\nsinks: {{out: {FILE % 'map'}}}",
    "file → remap → route (2 conditions) → file": HEAD
    + f"transforms: {{map: {REMAP}, by: {ROUTE}}}\nsinks: {{out: {FILE % 'by.*'}}}",
}


def main() -> None:
    """Print the table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 150_000
    print(
        f"{'pipeline':<52}{'events':>9}{'seconds':>9}{'events/s':>10}{'core-s':>8}{'events/core-s':>15}{'MiB':>6}"
    )
    for name, text in PIPELINES.items():
        with tempfile.TemporaryDirectory() as folder:
            seconds, core, memory = measure(Path(folder), text, count)
        print(
            f"{name:<52}{count:>9}{seconds:>9.2f}{count / seconds:>10.0f}{core:>8.2f}{count / core:>15.0f}{memory:>6.0f}"
        )


def measure(folder: Path, text: str, count: int) -> tuple[float, float, float]:
    """Wall seconds from the first event to the last, core-seconds and peak MiB of the process."""
    (folder / "data").mkdir()
    config = folder / "c.yaml"
    config.write_text(text.replace("@", str(folder)))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "vectorflow_engine", "-q", "-c", str(config)], stderr=log
        )
    time.sleep(1.5)
    feed = folder / "feed"
    feed.write_text("".join(LINE.format(n=n, status=500 if n % 50 == 0 else 200) for n in range(count)))
    began = time.perf_counter()
    feed.rename(folder / "in.log")
    out, lines, position = folder / "out.log", 0, 0
    while lines < count and process.poll() is None and time.perf_counter() - began < 120:
        time.sleep(0.02)
        if out.exists():
            with out.open("rb") as file:
                file.seek(position)
                data = file.read()
            position, lines = position + len(data), lines + data.count(b"\n")
    seconds = time.perf_counter() - began
    process.send_signal(signal.SIGTERM)
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    if lines != count:
        raise SystemExit(f"{lines} of {count} events arrived:\n{(folder / 'log').read_text()}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()

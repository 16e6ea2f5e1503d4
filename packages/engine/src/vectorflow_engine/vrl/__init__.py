"""The one home of VRL: adapter over vrl-python, caps, denylist, typed timestamps, killable workers.

Nothing else in VectorFlow imports the VRL package, so that a newer one can take its place. The engine
runs programs in its own process (``Program``); the server compiles and runs them only in workers that it
can kill (``VrlPool`` for asyncio, ``WorkerVrlCompiler`` where a plain call is needed).
"""

from vectorflow_engine.vrl.pool import VrlPool, WorkerVrlCompiler
from vectorflow_engine.vrl.program import Condition, Program, diagnose
from vectorflow_engine.vrl.types import Kind, VrlDiagnostic, VrlError, VrlResult

__all__ = [
    "Condition",
    "Kind",
    "Program",
    "VrlDiagnostic",
    "VrlError",
    "VrlPool",
    "VrlResult",
    "WorkerVrlCompiler",
    "diagnose",
]

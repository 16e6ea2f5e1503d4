"""Programs that the VRL here cannot judge, because they call what only a newer one has."""

from vectorflow_engine.vrl.functions import calls
from vectorflow_engine.vrl.types import VrlDiagnostic

_UNKNOWN_FUNCTION = "E105"
_SYNTAX = "E2"


def noted(program: str, found: list[VrlDiagnostic]) -> list[VrlDiagnostic]:
    """``found`` with a note in place of complaints that follow from a missing function.

    What needs no function stays: syntax, limits, names that no version knows.
    """
    if not any(each.code == _UNKNOWN_FUNCTION for each in found):
        return found
    missing = [call for call in calls(program) if not call.function.compiles_here]
    if not missing:
        return found
    places = {(call.line, call.column) for call in missing}
    kept = [each for each in found if _stands(each, places)]
    first = missing[0]
    text = (
        f"{first.function.name} is newer than the VRL here, so this program was not compiled. "
        "Vector has the last word."
    )
    note = VrlDiagnostic(text, first.line, first.column, "vrl.not-compiled", "note")
    return [*kept, note]


def _stands(each: VrlDiagnostic, places: set[tuple[int, int]]) -> bool:
    if each.code == _UNKNOWN_FUNCTION:
        return (each.line, each.column) not in places
    return each.code.startswith((_SYNTAX, "vrl."))

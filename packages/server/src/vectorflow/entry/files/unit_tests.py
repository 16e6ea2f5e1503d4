"""`vectorflow test`: the unit tests of files, run by the embedded engine, for people and for CI."""

import asyncio
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec

from vectorflow.entry.files.load import Loaded
from vectorflow.entry.files.report import dump, printable
from vectorflow_engine.testing.sandbox import run_sealed
from vectorflow_engine.testing.types import Failure, TestResult
from vectorflow_topology.compiler.unit_tests import unit_tests_config


class TestsFormat(StrEnum):
    """How results are printed."""

    __test__ = False

    text = "text"
    json = "json"
    junit = "junit"


class FileResults(NamedTuple):
    """The results of one configuration's tests, in their order."""

    name: str
    results: list[TestResult]

    @property
    def passed(self) -> bool:
        """Whether every test passed."""
        return all(each.outcome == "passed" for each in self.results)


def run_files(loaded: Sequence[Loaded], seconds: float) -> list[FileResults]:
    """Run the tests of each configuration in a process of its own. Raises `TestsStopped`."""

    async def run() -> list[FileResults]:
        return [
            FileResults(each.name, await run_sealed(unit_tests_config(each.document), seconds=seconds))
            for each in loaded
        ]

    return asyncio.run(run())


def rendered(found: Sequence[FileResults], form: TestsFormat) -> str:
    """Return results in a form."""
    if form is TestsFormat.json:
        return dump([{"file": each.name, "tests": msgspec.to_builtins(each.results)} for each in found])
    return as_junit(found) if form is TestsFormat.junit else _as_text(found)


def as_junit(found: Sequence[FileResults]) -> str:
    """Return results as the XML that CI systems read."""
    root = ET.Element("testsuites")
    for name, results in found:
        suite = ET.SubElement(root, "testsuite", name=printable(name), tests=str(len(results)))
        suite.set("failures", str(sum(each.outcome == "failed" for each in results)))
        suite.set("errors", str(sum(each.outcome == "error" for each in results)))
        for result in results:
            case = ET.SubElement(suite, "testcase", classname=printable(name), name=printable(result.name))
            if result.outcome != "passed":
                tag = "failure" if result.outcome == "failed" else "error"
                told = [printable(told_of(each)) for each in result.failures]
                ET.SubElement(case, tag, message=told[0] if told else "").text = "\n".join(told)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def told_of(failure: Failure) -> str:
    """Return one line about what is not as a test says."""
    place = "" if failure.output is None else f"output {failure.output + 1}"
    place += "" if failure.condition is None else f", condition {failure.condition + 1}"
    return f"{place}: {failure.message}" if place else failure.message


def _as_text(found: Sequence[FileResults]) -> str:
    lines = []
    for name, results in found:
        for result in results:
            lines.append(printable(f"{name}: {result.name}: {result.outcome}"))
            lines += [
                f"    {printable(line)}" for each in result.failures for line in told_of(each).splitlines()
            ]
    count = sum(len(each.results) for each in found)
    bad = sum(result.outcome != "passed" for each in found for result in each.results)
    tests = "1 test" if count == 1 else f"{count} tests"
    lines.append("there are no tests" if not count else f"{tests}, {bad or 'none'} failed")
    return "".join(f"{line}\n" for line in lines)

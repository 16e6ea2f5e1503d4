"""Every problem type is one error's, has a message, and is of the form the contract names."""

import importlib
import pkgutil
import re

import pytest

import vectorflow
from vectorflow.kernel.errors import VectorFlowError, declared_errors


def test_problem_types_are_unique_in_the_whole_product() -> None:
    for module in pkgutil.walk_packages(vectorflow.__path__, "vectorflow."):
        if "migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    declared = [each for each in declared_errors() if each.__module__.startswith("vectorflow.")]
    codes = [each.code for each in declared]
    assert len(codes) > 25
    assert sorted(codes) == sorted(set(codes))
    for each in declared:
        assert re.fullmatch(r"urn:vectorflow:problem:[a-z][a-z0-9_]*\.[a-z][a-z0-9-]*", each.problem_type())
        assert 400 <= each.status < 600
        assert each.title().endswith("."), each
        room = each.__module__.split(".")[1]
        assert room == "entry" or each.code.startswith(f"{room}."), each


def test_a_leaf_needs_a_message_and_a_proper_code() -> None:
    with pytest.raises(TypeError, match="docstring"):
        type("Silent", (VectorFlowError,), {})
    with pytest.raises(TypeError, match=r"<module>\.<name>"):
        type("Odd", (VectorFlowError,), {"__doc__": "Odd."}, code="no dots")


def test_detail_defaults_to_the_message() -> None:
    assert VectorFlowError().detail == VectorFlowError.title() == "Something went wrong on our side."
    assert VectorFlowError("more").detail == str(VectorFlowError("more")) == "more"

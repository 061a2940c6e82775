"""Forty tests that begin with the same request: `retake run --mode record -- pytest -n 4`, then without `--mode record`."""

import os

import pytest

from app import what_to_wear

QUESTION = "What should I wear today?"


@pytest.mark.parametrize("degrees", range(40))
def test_the_advice_is_for_the_weather(degrees):
    changed = os.environ.get("CHANGED") == str(degrees)
    question = "What should I wear tonight?" if changed else QUESTION
    assert f"{degrees} degrees" in what_to_wear(f"{degrees} degrees", question)

"""German is complete, and Blender finds it; what is shown does not depend on English."""

from __future__ import annotations

import string

import pytest
from pflrm.tests.ui import messages
from pflrm.ui.locale import de


@pytest.fixture
def every(extension) -> set[messages.Message]:
    """All that an artist can see."""
    return messages.of_classes() | messages.of_source()


def test_every_word_has_german(every):
    assert sorted(every - de.MESSAGES.keys()) == []


def test_german_has_no_word_that_is_nowhere(every):
    assert sorted(de.MESSAGES.keys() - every) == []


def fields(message: str) -> set[tuple]:
    return {(name, form) for _, name, form, _ in string.Formatter().parse(message) if name is not None}


@pytest.mark.parametrize(("context", "message"), de.MESSAGES)
def test_german_has_the_same_places_and_stops(context, message):
    german = de.MESSAGES[context, message]
    assert fields(german) == fields(message)
    assert german.endswith(".") == message.endswith(".")
    assert german.endswith("…") == message.endswith("…")
    assert message.islower() or german[0] == german[0].upper() or german[0] == "{" or "left" in message


def test_words_are_looked_up_before_they_are_put_together():
    assert messages.put_together() == []


def test_operators_and_panels_are_found_among_them(every):
    """The collector sees what it should: one word of each kind."""
    assert ("Operator", "Reconstruct") in every
    assert ("*", "Take this photo off the list. Its file stays where it is") in every
    assert ("*", "Draft") in every
    assert ("Operator", "Move Earlier") in every
    assert ("*", "There is no result in this scene") in every
    assert ("*", "Finding Poses") in every
    assert ("*", "Overlays") in every

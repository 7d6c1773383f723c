"""German is complete, and Blender finds it; what is shown does not depend on English."""

from __future__ import annotations

import re
import string

import pytest
from pflrm.pflrm_blender.sentences import localized
from pflrm.tests.ui import messages, sentences
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
    assert message[0].islower() or german[0] == german[0].upper() or german[0] == "{" or "left" in message


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


def german(message: str) -> str:
    """What a German Blender says."""
    return de.MESSAGES.get(("*", message), message)


@pytest.mark.parametrize("template", sorted(sentences.collect()))
def test_a_finished_sentence_is_known_by_its_template(extension, template):
    if re.search(r"{[a-z]", template):
        return  # is looked up before its values are put in
    values = [f"Value.{number}" for number in range(template.count("{"))]
    words, expected = template.format(*values), german(template).format(*values)
    assert localized(words, german) == expected
    if template.endswith("."):  # as messages and remedies often come
        assert localized(f"{words} Give one of them.", german) == f"{expected} Eines davon angeben."


@pytest.mark.parametrize(("words", "expected"), [
    ("The new environment does not work: torch is missing.", "Die neue Umgebung läuft nicht: torch fehlt."),
    ("The image Copy or download the file again..png does not exist.",
     "Das Bild Copy or download the file again..png gibt es nicht."),
    ("The image missing.png cannot be read: unknown.", "Das Bild missing.png kann nicht gelesen werden: unbekannt."),
    ("The option Mask is Options.", "Die Option Mask ist Options."),
    ("Made with: Blender's own Python 3.13", "Gemacht mit: Blenders eigenes Python 3.13"),
    ("PyTorch 2.13.0 for the processor. GTX 970 is older than what torch 2.13.0 supports. It is your choice.",
     "PyTorch 2.13.0 für den Prozessor. GTX 970 ist älter, als torch 2.13.0 unterstützt. So ist es gewählt."),
    ("Python 3.13.5, torch missing", "Python 3.13.5, torch fehlt"),
    ("Device: cpu (x86_64, 15.6 GiB)", "Gerät: cpu (x86_64, 15.6 GiB)"),
    ("Nobody knows this. It is your choice.", "Nobody knows this. It is your choice."),
])  # fmt: skip
def test_values_stay_as_they_are_unless_they_are_words_of_ours(extension, words, expected):
    assert localized(words, german) == expected
    assert localized(words, lambda message: message) == words  # English comes back as it was

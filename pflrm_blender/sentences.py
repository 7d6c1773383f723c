"""Sentences that are finished in English where no Blender is near, in the user's language.

The worker and the threads put values into their sentences themselves. What an artist may read of them has a template
in ``ui/locale``, with {0}, {1} … for the values: here a sentence is recognised by its template, and its values are put
into the template's translation. So failures travel as plain words, and commands show them as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from bpy.app.translations import pgettext_rpt as rpt_

_FIELD = re.compile(r"\{\d\}")
_known: set[str] = set()  # of which those with fields are templates
_templates: list[tuple[re.Pattern[str], str]] = []  # compiled when they are first needed


def learn(messages: Iterable[str]) -> None:
    """Replace what is known; templates are the messages with {0}, {1} … in this order."""
    forget()
    _known.update(messages)


def forget() -> None:
    _known.clear()
    _templates.clear()


def localized(words: str, look_up: Callable[[str], str] = rpt_) -> str:
    """One or more known sentences in the user's language; other words as they are.

    :param look_up: how Blender translates a message.
    """
    return _localized(words, look_up) or look_up(words)


def names(message: str, file: str) -> bool:
    """Whether a message is about a file, and not about one whose name ends like it."""
    return re.search(rf"(?<![\w.-]){re.escape(file)}(?!\w)", message) is not None


def joined(messages: Iterable[str], files: Iterable[str]) -> list[str]:
    """The messages, those that say the same of several files as one."""
    known, said = list(files), dict[tuple[str, str], list[str]]()  # the files by what stands before and after them
    for message in messages:
        named = [file for file in known if names(message, file)]
        before, file, after = message.partition(named[0]) if len(named) == 1 else (message, "", "")
        said.setdefault((before, after), []).append(file)
    return [f"{before}{', '.join(dict.fromkeys(named))}{after}" for (before, after), named in said.items()]


def _localized(words: str, look_up: Callable[[str], str]) -> str | None:
    """None where the words are not known."""
    for end in re.finditer(r"\. ", words):
        first, rest = _sentence(words[:end.start() + 1], look_up), words[end.end():]
        if first is not None and (others := _localized(rest, look_up)) is not None:
            return f"{first} {others}"
    return _sentence(words, look_up)


def _sentence(words: str, look_up: Callable[[str], str]) -> str | None:
    if words in _known:
        return look_up(words)
    for pattern, template in _templates or _compile():
        if found := pattern.fullmatch(words):
            return look_up(template).format(*(_value(value, look_up) for value in found.groups()))
    return None


def _compile() -> list[tuple[re.Pattern[str], str]]:
    """The templates and what they match, those with most words of their own first."""
    templates = filter(_FIELD.search, _known)
    for template in sorted(templates, key=lambda words: (-len(_FIELD.sub("", words)), words)):
        parts = map(re.escape, _FIELD.split(template))
        _templates.append((re.compile("(.*?)".join(parts), re.DOTALL), template))
    return _templates


def _value(words: str, look_up: Callable[[str], str]) -> str:
    """A value is most often a name, which stays, even if it is also a word of ours; and sometimes a part of speech."""
    is_name = " " not in words and not words.islower()
    return words if is_name else _localized(words, look_up) or words

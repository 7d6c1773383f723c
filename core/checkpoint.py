"""Weights in and out: safetensors files that say which model they are, checked before anything is allocated.

The file's metadata holds one key, ``pflrm``: JSON with the format's number, the model configuration and the card (how
the weights came to be). Nothing in a file is executed, and a file that is not ours is refused with a reason.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from . import bundled
from .errors import InputError
from .model import PFLRM, ModelConfig
from .model.config import config_from_dict

FORMAT = 1
METADATA_KEY = "pflrm"
BUNDLED_NAME = "pflrm-small.safetensors"
LARGEST_FILE = 4 * 1024**3  # bytes; the paper's large model takes 2.3 GB in float32
LARGEST_HEADER = 8 * 1024**2  # bytes; ours takes some 20 KB
BYTES_OF = {"F32": 4, "F16": 2, "BF16": 2}
USE_OURS = "Use weights that were trained with this project, or leave the choice empty to use the bundled ones."
COPY_AGAIN = "Copy or download the file again."


@dataclass(frozen=True)
class Header:
    """What a weights file says about itself: its model, its card, and the shape of each tensor."""

    config: ModelConfig
    card: dict[str, str]
    shapes: dict[str, tuple[int, ...]]


def bundled_weights() -> Path:
    """The weights that come with the extension.

    :raises RuntimeMissingError: they are not there.
    """
    return bundled.find(BUNDLED_NAME)


def save_checkpoint(path: Path, model: PFLRM, card: dict[str, str], *, dtype: torch.dtype = torch.float32) -> None:
    """Write a model and its card; the file appears only when it is complete.

    :param card: how the weights came to be: samples seen, compute, data, licence.
    :param dtype: the stored type; bfloat16 halves the file.
    :raises OSError: the file cannot be written.
    """
    metadata = {METADATA_KEY: json.dumps({"format": FORMAT, "config": model.config.to_dict(), "card": card})}
    tensors = {name: value.detach().to("cpu", dtype).contiguous() for name, value in model.state_dict().items()}
    part = path.with_name(path.name + ".part")
    save_file(tensors, part, metadata=metadata)
    os.replace(part, path)


def load_checkpoint(path: Path, *, device: str = "cpu", dtype: torch.dtype = torch.float32) -> PFLRM:
    """The model of a weights file, ready for inference.

    :param dtype: the type of the parameters in memory, whatever the file stores.
    :raises InputError: the file is not ours, damaged, or does not fit the model it names.
    :raises RuntimeMissingError: the bundled weights differ from their checksum.
    """
    if path.resolve().parent == bundled.FOLDER.resolve():
        bundled.verify(path)
    header = read_header(path)
    layers = sum(value for key, value in vars(header.config).items() if key.endswith("_layers"))
    if layers > len(header.shapes):  # asked before building: a made-up configuration could build for minutes
        raise InputError(
            f"The weights file {path.name} promises {layers} layers but has {len(header.shapes)} tensors.", USE_OURS
        )
    with torch.device("meta"):
        model = PFLRM(header.config)
    _compare(path, {name: tuple(value.shape) for name, value in model.state_dict().items()}, header.shapes)
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"The weights file {path.name} cannot be read: {error}.", COPY_AGAIN) from error
    for name, value in tensors.items():
        if not torch.isfinite(value).all():
            raise InputError(f"The weights file {path.name} has values in {name} that are not numbers.", USE_OURS)
        tensors[name] = value.to(dtype)
    model.load_state_dict(tensors, assign=True)
    return model.to(device).eval()


def read_header(path: Path) -> Header:
    """Read and check all of a weights file but its numbers.

    :raises InputError: the file is missing, foreign or truncated, or its configuration is not a model.
    """
    entries, size = _read_entries(path)
    metadata = entries.pop("__metadata__", None)
    content = metadata.get(METADATA_KEY) if isinstance(metadata, dict) else None
    if not isinstance(content, str):
        raise InputError(f"The weights file {path.name} belongs to another program.", USE_OURS)
    shapes = _check_tensors(path, entries, size)
    description = _parse(content)
    known = description is not None and description.get("format") == FORMAT
    config, card = (description.get("config"), description.get("card")) if description is not None else (None, None)
    if not known or not isinstance(config, dict) or not isinstance(card, dict):
        raise InputError(f"The weights file {path.name} was written by another version of this project.", USE_OURS)
    try:
        model_config = config_from_dict(config)
    except InputError as error:
        raise InputError(f"The weights file {path.name} is not usable: {error.message}", error.remedy) from error
    return Header(model_config, {str(key): str(value) for key, value in card.items()}, shapes)


def _read_entries(path: Path) -> tuple[dict[str, Any], int]:
    """The JSON header of a safetensors file and the number of bytes that follow it."""
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise InputError(
                f"The weights file {path.name} has {size / 1e9:.1f} GB, more than any model of this project.", USE_OURS
            )
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            text = file.read(min(length, LARGEST_HEADER))
    except OSError as error:
        raise InputError(
            f"The weights file {path} cannot be read: {error.strerror}.", "Choose an existing file."
        ) from error
    if length > LARGEST_HEADER or text[:1] != b"{":
        raise InputError(f"The file {path.name} is not a safetensors file.", USE_OURS)
    if len(text) < length:
        raise InputError(f"The weights file {path.name} is truncated within its header.", COPY_AGAIN)
    entries = _parse(text)
    if entries is None:
        raise InputError(f"The weights file {path.name} has a damaged header.", COPY_AGAIN)
    return entries, size - 8 - length


def _parse(text: str | bytes) -> dict[str, Any] | None:
    """A JSON object, or None where the text is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _check_tensors(path: Path, entries: dict[str, Any], size: int) -> dict[str, tuple[int, ...]]:
    """The shapes of tensors that lie without gaps in ``size`` bytes."""
    shapes: dict[str, tuple[int, ...]] = {}
    spans: list[tuple[int, int]] = []
    for name, entry in entries.items():
        try:
            width, shape, (begin, end) = BYTES_OF[entry["dtype"]], tuple(entry["shape"]), entry["data_offsets"]
            sound = all(type(value) is int and value >= 0 for value in (*shape, begin, end))
        except (KeyError, TypeError, ValueError):
            sound = False
        if not sound or end - begin != width * math.prod(shape):
            raise InputError(f"The weights file {path.name} describes the tensor {name} in a way that cannot be.",
                             COPY_AGAIN)
        shapes[name] = shape
        spans.append((begin, end))
    spans.sort()
    if [begin for begin, _ in spans] != [0, *(end for _, end in spans)][: len(spans)]:
        raise InputError(f"The weights file {path.name} has tensors that overlap or leave gaps.", COPY_AGAIN)
    needed = spans[-1][1] if spans else 0
    if needed != size:
        problem = "is truncated" if needed > size else "has bytes that belong to no tensor"
        raise InputError(f"The weights file {path.name} {problem}: {needed} bytes expected, {size} found.", COPY_AGAIN)
    return shapes


def _compare(path: Path, expected: dict[str, tuple[int, ...]], found: dict[str, tuple[int, ...]]) -> None:
    """Name the first tensor by which a file differs from the model it names."""
    for name in sorted(expected.keys() - found.keys()):
        raise InputError(f"The weights file {path.name} lacks the tensor {name}.", USE_OURS)
    for name in sorted(found.keys() - expected.keys()):
        raise InputError(f"The weights file {path.name} has a tensor {name} that the model does not know.", USE_OURS)
    for name, shape in expected.items():
        if found[name] != shape:
            raise InputError(
                f"The weights file {path.name} has the tensor {name} in the shape {list(found[name])}, "
                f"where the model needs {list(shape)}.", USE_OURS,
            )

"""Weights files: round trips, and every way in which a file can be wrong, with the reader left unharmed."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import pickle
import struct
from pathlib import Path
from typing import Any

import pytest
import safetensors
import torch
from pflrm.core import bundled, checkpoint
from pflrm.core.checkpoint import bundled_weights, load_checkpoint, read_header, save_checkpoint
from pflrm.core.errors import InputError, PflrmError, RuntimeMissingError
from pflrm.core.model import CONFIGS, PFLRM
from safetensors.torch import save_file

CARD = {"samples": "1000", "licence": "CC0-1.0"}


@pytest.fixture(scope="module")
def model() -> PFLRM:
    torch.manual_seed(0)
    return PFLRM(CONFIGS["tiny"]).eval()


@pytest.fixture
def saved(model: PFLRM, tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    save_checkpoint(path, model, CARD)
    return path


def split(path: Path) -> tuple[dict[str, Any], bytes]:
    data = path.read_bytes()
    length = struct.unpack_from("<Q", data)[0]
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def join(path: Path, header: dict[str, Any], body: bytes) -> None:
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def describe(path: Path, **changes: Any) -> None:
    """Change the configuration that a file carries."""
    header, body = split(path)
    content = json.loads(header["__metadata__"]["pflrm"])
    content["config"] |= changes
    header["__metadata__"]["pflrm"] = json.dumps(content)
    join(path, header, body)


def test_a_model_comes_back_with_its_card_and_its_predictions(model: PFLRM, saved: Path) -> None:
    loaded = load_checkpoint(saved)
    assert loaded.config == model.config
    assert not loaded.training
    assert read_header(saved).card == CARD
    images, intrinsics = torch.rand(1, 2, 4, 32, 32), torch.tensor([1.2, 1.2, 0.5, 0.5]).expand(1, 2, 4)
    with torch.no_grad():
        expected, found = model(images, intrinsics), loaded(images, intrinsics)
    for field in dataclasses.fields(expected):
        torch.testing.assert_close(getattr(found, field.name), getattr(expected, field.name), rtol=0, atol=0)
    assert [entry.name for entry in saved.parent.iterdir()] == [saved.name]


def test_the_file_is_plain_safetensors(model: PFLRM, saved: Path) -> None:
    with safetensors.safe_open(saved, "pt") as file:
        assert json.loads(file.metadata()["pflrm"])["config"]["name"] == "tiny"
        assert set(file.keys()) == set(model.state_dict())


def test_loaded_weights_can_be_trained(saved: Path) -> None:
    loaded = load_checkpoint(saved)
    assert all(value.requires_grad and not value.is_meta for value in loaded.parameters())


def test_bfloat16_halves_the_file_and_loads_as_float32(model: PFLRM, saved: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.safetensors"
    save_checkpoint(small, model, CARD, dtype=torch.bfloat16)
    assert small.stat().st_size < 0.65 * saved.stat().st_size
    loaded = load_checkpoint(small)
    for name, value in model.state_dict().items():
        assert loaded.state_dict()[name].dtype == torch.float32
        torch.testing.assert_close(loaded.state_dict()[name], value.bfloat16().float(), rtol=0, atol=0)
    assert next(load_checkpoint(saved, dtype=torch.bfloat16).parameters()).dtype == torch.bfloat16


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.safetensors cannot be read"):
        load_checkpoint(tmp_path / "nothing.safetensors")
    with pytest.raises(InputError, match="cannot be read"):
        load_checkpoint(tmp_path)


def test_a_pickle_is_refused_and_not_executed(tmp_path: Path) -> None:
    witness = tmp_path / "witness"

    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (witness,)

    path = tmp_path / "model.pth"
    path.write_bytes(pickle.dumps(Bomb()))
    torch_file = tmp_path / "model.pt"
    torch.save({"weight": torch.ones(3)}, torch_file)
    for file in (path, torch_file):
        with pytest.raises(InputError, match="is not a safetensors file"):
            load_checkpoint(file)
    assert not witness.exists()


@pytest.mark.parametrize("content", [b"", b"abc", b"\xff" * 64, struct.pack("<Q", 4) + b"\x00" * 9])
def test_other_bytes_are_no_weights(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match="is not a safetensors file"):
        load_checkpoint(path)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.999])
def test_a_truncated_file_is_called_truncated(share: float, saved: Path) -> None:
    data = saved.read_bytes()
    saved.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(InputError, match="is truncated"):
        load_checkpoint(saved)


def test_bytes_after_the_end_are_refused(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes() + b"more")
    with pytest.raises(InputError, match="belong to no tensor"):
        load_checkpoint(saved)


@pytest.mark.parametrize("metadata", [{}, {"format": "pt"}])
def test_weights_of_another_program_are_refused(metadata: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "vit.safetensors"
    save_file({"weight": torch.ones(3)}, path, metadata=metadata)
    with pytest.raises(InputError, match="belongs to another program"):
        load_checkpoint(path)


@pytest.mark.parametrize("content", ["[]", "{", "null", '{"format": 2, "config": {}, "card": {}}', "[" * 100_000])
def test_another_version_is_refused(content: str, saved: Path) -> None:
    header, body = split(saved)
    header["__metadata__"]["pflrm"] = content
    join(saved, header, body)
    with pytest.raises(InputError, match="another version"):
        load_checkpoint(saved)


def test_a_damaged_header_is_refused(saved: Path) -> None:
    data = bytearray(saved.read_bytes())
    data[9] = ord("}")
    saved.write_bytes(data)
    with pytest.raises(InputError, match="damaged header"):
        load_checkpoint(saved)


def test_a_missing_and_an_unexpected_tensor_are_named(model: PFLRM, saved: Path) -> None:
    metadata = split(saved)[0]["__metadata__"]
    tensors = dict(model.state_dict())
    del tensors["triplane"]
    save_file(tensors, saved, metadata=metadata)
    with pytest.raises(InputError, match="lacks the tensor triplane"):
        load_checkpoint(saved)
    save_file({**model.state_dict(), "backdoor": torch.ones(1)}, saved, metadata=metadata)
    with pytest.raises(InputError, match="tensor backdoor that the model does not know"):
        load_checkpoint(saved)


def test_a_shape_that_does_not_fit_is_named(saved: Path) -> None:
    describe(saved, triplane_tokens=5)
    with pytest.raises(InputError, match=r"tensor triplane in the shape \[48, 64\], .* needs \[75, 64\]"):
        load_checkpoint(saved)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"trunk_layers": 4000}, "promises 40.. layers"),
        ({"trunk_width": 10**12}, "trunk_width"),
        ({"trunk_layers": -1}, "trunk_layers"),
        ({"trunk_layers": "2"}, "trunk_layers"),
        ({"code": "import os"}, "code"),
    ],
)
def test_absurd_configurations_are_refused_before_building(
    changes: dict[str, Any], words: str, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe(saved, **changes)
    monkeypatch.setattr(checkpoint, "PFLRM", lambda config: pytest.fail("the model was built"))
    with pytest.raises(InputError, match=words) as caught:
        load_checkpoint(saved)
    assert saved.name in caught.value.message


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [10**9, 10**9], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [-1, -1], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]},
        {"dtype": "I8", "shape": [4], "data_offsets": [0, 4]},
        {"dtype": ["F32"], "shape": [1], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1], "data_offsets": [0]},
        {"shape": [1]},
        7,
    ],
)
def test_tensors_that_cannot_be_are_refused(entry: Any, saved: Path) -> None:
    header, body = split(saved)
    header["triplane"] = entry
    join(saved, header, body)
    with pytest.raises(InputError, match="triplane in a way that cannot be"):
        load_checkpoint(saved)


def test_overlapping_tensors_are_refused(saved: Path) -> None:
    header, body = split(saved)
    names = [name for name in header if name != "__metadata__"]
    same = [name for name in names if header[name]["shape"] == header[names[-1]]["shape"]]
    assert len(same) > 1
    header[same[0]]["data_offsets"] = header[same[-1]]["data_offsets"]
    join(saved, header, body)
    with pytest.raises(InputError, match="overlap or leave gaps"):
        load_checkpoint(saved)


def test_values_that_are_no_numbers_are_refused(model: PFLRM, saved: Path) -> None:
    metadata = split(saved)[0]["__metadata__"]
    broken = {**model.state_dict(), "triplane": torch.full_like(model.triplane, float("nan"))}
    save_file(broken, saved, metadata=metadata)
    with pytest.raises(InputError, match="triplane that are not numbers"):
        load_checkpoint(saved)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.safetensors"
    with path.open("wb") as file:
        file.truncate(5 * 1024**3)  # sparse: no disk space is used
    with pytest.raises(InputError, match=r"has 5\.4 GB"):
        load_checkpoint(path)


def test_random_damage_never_escapes_as_another_error(saved: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    original = saved.read_bytes()
    header_size = 8 + struct.unpack_from("<Q", original)[0]
    for _ in range(200):
        data = bytearray(original)
        position = int(torch.randint(header_size, (1,), generator=generator))
        data[position] = int(torch.randint(256, (1,), generator=generator))
        saved.write_bytes(data)
        with contextlib.suppress(PflrmError):
            load_checkpoint(saved)


def test_bundled_weights_are_verified(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    monkeypatch.setattr(bundled, "FOLDER", folder)
    with pytest.raises(RuntimeMissingError, match="are missing"):
        bundled_weights()
    path = folder / "pflrm-small.safetensors"
    path.write_bytes(saved.read_bytes())
    assert bundled_weights() == path
    with pytest.raises(RuntimeMissingError, match="cannot be verified"):
        load_checkpoint(path)
    (folder / "SHA256SUMS").write_text(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")
    load_checkpoint(path)
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(RuntimeMissingError, match="are damaged"):
        load_checkpoint(path)
    load_checkpoint(saved)  # a file of the user's own has no checksum

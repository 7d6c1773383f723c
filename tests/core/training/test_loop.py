"""The loop as it is run: seconds of training on real batches, its files, and a resume."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pflrm.core.checkpoint import load_checkpoint, read_header
from pflrm.core.training.data import ObjectStream
from pflrm.core.training.loop import Settings, Trainer, replay, schedule


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(
        out=tmp_path_factory.mktemp("run"), minutes=0.03, config="tiny", batch=2, views=3, inputs=2, rays=32,
        pose_weight=0.1, distilled=0.3,
    )


def entries(settings: Settings, event: str) -> list[dict]:
    lines = (settings.out / "log.jsonl").read_text().splitlines()
    return [entry for entry in map(json.loads, lines) if entry["event"] == event]


def test_rates_rise_stay_and_fall() -> None:
    assert schedule(0, 0.0) < 0.1
    assert schedule(10_000, 0.5) == 1.0
    assert schedule(10_000, 0.9) == pytest.approx(0.4)
    assert schedule(10_000, 1.0) == 0.0


def test_replay_gives_every_batch_as_often_as_asked() -> None:
    stream = ObjectStream(size=16, views=1, batch=1, seed=0, workers=0, samples=1)
    batches = [stream.batch_at(step) for step in range(12)]
    seen = [id(batch) for _, batch in zip(range(12), replay(iter(batches), 3, 0, pool=6), strict=False)]
    assert max(seen.count(one) for one in seen) <= 3
    assert len(set(seen)) >= 4


def test_a_run_trains_saves_validates_and_resumes(settings: Settings) -> None:
    first = Trainer(settings)
    start = {name: p.detach().clone() for name, p in first.model.named_parameters()}
    first.run()
    steps = first.optimiser.steps
    assert steps > 0
    assert any(not torch.equal(start[name], p) for name, p in first.model.named_parameters())
    assert {"depth", "points", "field", "render", "rotation_mean"} <= set(entries(settings, "validation")[-1])
    weights = settings.out / "weights.safetensors"
    assert read_header(weights).card["steps"] == str(steps)
    saved = dict(load_checkpoint(weights).named_parameters())
    torch.testing.assert_close(saved["triplane"], first.optimiser.average["triplane"])
    resumed = Trainer(settings)
    assert resumed.optimiser.steps == steps
    for name, parameter in resumed.model.named_parameters():
        assert torch.equal(parameter, dict(first.model.named_parameters())[name])


def test_frozen_parts_stay(settings: Settings, tmp_path: Path) -> None:
    trainer = Trainer(replace(settings, out=tmp_path, freeze="tokenizer"))
    before = trainer.model.tokenizer.positions.detach().clone()
    trunk = trainer.model.to_trunk.weight.detach().clone()
    trainer.step(next(trainer.stream), 0.0)
    assert torch.equal(before, trainer.model.tokenizer.positions)
    assert not torch.equal(trunk, trainer.model.to_trunk.weight)

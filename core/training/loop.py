"""The training loop: runs for some minutes, resumes from weights and optimizer state, logs, keeps the average."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..cameras import rotation_angle
from ..checkpoint import load_checkpoint, save_checkpoint
from ..model import CONFIGS, PFLRM
from ..pnp import solve_pnp
from .data import Batch, ObjectStream
from .losses import Weights, depth_objective, first_views, objective, patch_centres, rays_at
from .optimiser import Optimiser

WARM_UP_STEPS = 60
DECAY_SHARE = 0.25  # the rates fall linearly to zero over this last share of the time
VALIDATION_SEED = 2**31 - 1
VALIDATION_BATCHES = 4


@dataclass(frozen=True)
class Settings:
    """One run. ``stage`` is "depth" (single views, tokenizer only) or "full"."""

    out: Path
    minutes: float
    stage: str = "full"
    config: str = "small"
    weights: Path | None = None
    stem: Path | None = None
    pack: Path | None = None
    seed: int = 0
    batch: int = 8
    views: int = 5
    inputs: int = 4
    rays: int = 192
    replays: int = 1
    freeze: str = ""  # "stem" or "tokenizer" keeps that part as it is, which about halves the cost of a step on a CPU
    pose_weight: float = 0.0
    distilled: float = 0.0
    muon_rate: float = 1e-3
    adam_rate: float = 5e-4
    save_minutes: float = 5.0
    device: str = "cpu"


def schedule(step: int, elapsed_share: float) -> float:
    """The share of the full rates: warm-up by steps, constant, then linear decay by time."""
    return min(1.0, (step + 1) / WARM_UP_STEPS) * min(1.0, max(0.0, 1 - elapsed_share) / DECAY_SHARE)


def start_model(settings: Settings) -> PFLRM:
    """The network to train: from weights where given, else fresh with the pretrained stem where given."""
    if settings.weights is not None:
        return load_checkpoint(settings.weights, dtype=torch.float32).to(settings.device).train()
    torch.manual_seed(settings.seed)
    model = PFLRM(CONFIGS[settings.config])
    if settings.stem is not None and model.tokenizer.stem is not None:
        from ..model.stem import stem_state_from_efficientnet

        published = torch.load(settings.stem, weights_only=True, map_location="cpu")
        model.tokenizer.stem.load_state_dict(stem_state_from_efficientnet(published))
    return model.to(settings.device).train()


def replay(stream: Iterator[Batch], times: int, seed: int, pool: int = 24) -> Iterator[Batch]:
    """Every batch ``times`` times, in between others: where rendering costs as much as learning."""
    chooser = random.Random(seed)
    waiting: list[Batch] = []
    while True:
        while len(waiting) < (pool if times > 1 else 1):
            waiting += [next(stream)] * times
        yield waiting.pop(chooser.randrange(len(waiting)))


def to_device(batch: Batch, device: str) -> Batch:
    """The same batch on another device."""
    return Batch(**{f.name: getattr(batch, f.name).to(device, non_blocking=True) for f in fields(batch)})


class Trainer:
    """Owns the model, its optimiser and the log of one run."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        settings.out.mkdir(parents=True, exist_ok=True)
        self.model = start_model(settings)
        parts = {"": None, "stem": self.model.tokenizer.stem, "tokenizer": self.model.tokenizer}
        if (frozen := parts[settings.freeze]) is not None:
            frozen.requires_grad_(False)
        self.optimiser = Optimiser(self.model, settings.muon_rate, settings.adam_rate)
        self.state_file = settings.out / "state.safetensors"
        if self.state_file.exists():
            self.optimiser.load(self.state_file)
        size = self.model.config.image_size
        stream = ObjectStream(
            size=size, views=settings.views, batch=settings.batch, seed=settings.seed, samples=1,
            start=self.optimiser.steps, pack=settings.pack,
        )
        self.stream = replay(iter(stream), settings.replays, settings.seed + self.optimiser.steps)
        held_out = ObjectStream(
            size=size, views=settings.views, batch=8, seed=VALIDATION_SEED, workers=0, pack=settings.pack,
        )
        self.validation = [to_device(held_out.batch_at(step), settings.device) for step in range(VALIDATION_BATCHES)]
        self.generator = torch.Generator(settings.device).manual_seed(settings.seed + self.optimiser.steps)
        self.log_file = settings.out / "log.jsonl"
        self.samples = 0

    def run(self) -> None:
        """Train until the minutes are over, then save and validate."""
        settings = self.settings
        started = saved = time.monotonic()
        self._log({"event": "start", "settings": {k: str(v) for k, v in asdict(settings).items()}})
        sums: dict[str, float] = {}
        waited, counted = 0.0, 0
        while (elapsed := time.monotonic() - started) < 60 * settings.minutes:
            before = time.monotonic()
            batch = to_device(next(self.stream), settings.device)
            waited += time.monotonic() - before
            terms, norm = self.step(batch, elapsed / (60 * settings.minutes))
            counted += 1
            self.samples += len(batch.images)
            for name, value in (terms | {"norm": norm}).items():
                sums[name] = sums.get(name, 0.0) + float(value)
            if counted == 20:
                spent = time.monotonic() - started - elapsed
                self._log({
                    "event": "step", "step": self.optimiser.steps, "minutes": elapsed / 60, "samples": self.samples,
                    "waited": waited, "step_seconds": spent, "skipped": self.optimiser.skipped,
                    **{name: value / counted for name, value in sums.items()},
                })
                sums, waited, counted = {}, 0.0, 0
            if time.monotonic() - saved > 60 * settings.save_minutes:
                self.save()
                saved = time.monotonic()
        self.save()

    def step(self, batch: Batch, elapsed_share: float) -> tuple[dict[str, Tensor], float]:
        """One optimisation step; returns the terms of the loss and the gradient norm."""
        settings = self.settings
        with torch.autocast(settings.device, torch.bfloat16):
            if settings.stage == "depth":
                loss, terms = depth_objective(self.model, batch)
            else:
                weights = Weights(pose=settings.pose_weight, distilled=settings.distilled)
                loss, terms = objective(self.model, batch, settings.inputs, weights, settings.rays, self.generator)
        loss.backward()
        norm = self.optimiser.step(schedule(self.optimiser.steps, elapsed_share))
        return {name: term.detach() for name, term in terms.items()}, norm

    def save(self) -> None:
        """Write the averaged weights and the state, and validate the average."""
        self.optimiser.save(self.state_file)
        raw = {name: p.detach().clone() for name, p in self.model.named_parameters()}
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                parameter.copy_(self.optimiser.average[name])
        try:
            self._log({"event": "validation", "step": self.optimiser.steps, **self.validate()})
            save_checkpoint(self.settings.out / "weights.safetensors", self.model, {"steps": str(self.optimiser.steps)})
        finally:
            with torch.no_grad():
                for name, parameter in self.model.named_parameters():
                    parameter.copy_(raw[name])

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Figures on held-out objects of the generator: loss terms, and rotation error of PnP over the source views."""
        sums: dict[str, float] = {}
        errors: list[np.ndarray] = []
        generator = torch.Generator(self.settings.device).manual_seed(0)
        for batch in self.validation:
            with torch.autocast(self.settings.device, torch.bfloat16):
                if self.settings.stage == "depth":
                    _, terms = depth_objective(self.model, batch)
                else:
                    _, terms = objective(
                        self.model, batch, self.settings.inputs, Weights(), self.settings.rays, generator
                    )
                    errors.append(self._rotation_errors(batch))
            for name, term in terms.items():
                sums[name] = sums.get(name, 0.0) + float(term) / len(self.validation)
        if errors:
            error = np.concatenate(errors)
            sums |= {"rotation_mean": float(error.mean()), "rotation_median": float(np.median(error)),
                     "acc_30": float((error < 30).mean())}
        return sums

    def _rotation_errors(self, batch: Batch) -> np.ndarray:
        shown = first_views(batch, self.settings.inputs)
        prediction = self.model(shown.images, shown.intrinsics)
        side = self.model.config.patches
        uv = patch_centres(side, shown.depth.device).expand(*shown.depth.shape[:2], -1, -1)
        rays = rays_at(shown, uv)[:, 1:].flatten(0, 1)
        weights = (prediction.opacity * prediction.weight)[:, 1:].flatten(0, 1)
        true = shown.world_to_camera[:, 1:].flatten(0, 1)
        distance = true[:, :3, 3].norm(dim=-1)
        found = solve_pnp(prediction.points[:, 1:].flatten(0, 1), rays, weights, distance=distance).world_to_camera
        relative = found[:, :3, :3].transpose(-1, -2) @ true[:, :3, :3]
        return rotation_angle(relative.double().cpu().numpy())

    def _log(self, entry: dict[str, object]) -> None:
        line = json.dumps(entry)
        print(line, flush=True)
        with self.log_file.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


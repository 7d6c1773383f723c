"""Muon on hidden matrices, AdamW on the rest, an average of the weights, and their state without pickle."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

WEIGHT_DECAY = 0.05
CLIP_NORM = 1.0
SKIP_NORM = 20.0  # a step whose gradient is this large is a spike: leave it out


class Optimiser:
    """Both optimisers as one, with clipping, skipped spikes and an exponential moving average of the weights."""

    def __init__(self, model: nn.Module, muon_rate: float, adam_rate: float, average_decay: float = 0.998) -> None:
        self.model = model
        matrices: list[nn.Parameter] = []
        decayed: list[nn.Parameter] = []
        plain: list[nn.Parameter] = []
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2 and "blocks" in name and "modulation" not in name:
                matrices.append(parameter)
            else:
                (decayed if parameter.ndim >= 2 else plain).append(parameter)
        self.rates = (muon_rate, adam_rate)
        self.muon = torch.optim.Muon(
            matrices, lr=muon_rate, weight_decay=WEIGHT_DECAY, adjust_lr_fn="match_rms_adamw"
        )
        groups = [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": plain, "weight_decay": 0.0}]
        self.adam = torch.optim.AdamW(groups, lr=adam_rate, betas=(0.9, 0.95))
        self.average_decay = average_decay
        self.average = {name: p.detach().clone() for name, p in model.named_parameters()}
        self.steps = 0
        self.skipped = 0

    def step(self, schedule: float) -> float:
        """Apply the gradients at ``schedule`` times the rates; returns the gradient norm before clipping."""
        norm = float(nn.utils.clip_grad_norm_(self.model.parameters(), CLIP_NORM))
        if norm < SKIP_NORM:  # false for NaN too
            for optimiser, rate in zip((self.muon, self.adam), self.rates, strict=True):
                for group in optimiser.param_groups:
                    group["lr"] = rate * schedule
                optimiser.step()
            self._update_average()
        else:
            self.skipped += 1
        self.model.zero_grad(set_to_none=True)
        self.steps += 1
        return norm

    @torch.no_grad()
    def _update_average(self) -> None:
        # Young averages follow quickly, or the random start would stay in them for long.
        decay = min(self.average_decay, (1 + self.steps) / (10 + self.steps))
        parameters = dict(self.model.named_parameters())
        torch._foreach_lerp_(list(self.average.values()), [parameters[n] for n in self.average], 1 - decay)

    def save(self, path: Path) -> None:
        """Write the optimisers' state and the raw weights, for an exact resume."""
        tensors: dict[str, Tensor] = {f"weight.{n}": p.detach() for n, p in self.model.named_parameters()}
        tensors |= {f"average.{n}": t for n, t in self.average.items()}
        for label, optimiser in (("muon", self.muon), ("adam", self.adam)):
            for index, state in optimiser.state_dict()["state"].items():
                tensors |= {f"{label}.{index}.{key}": torch.as_tensor(value) for key, value in state.items()}
        part = path.with_suffix(".part")
        save_file({k: t.contiguous() for k, t in tensors.items()}, part, {"steps": str(self.steps)})
        part.replace(path)

    def load(self, path: Path) -> None:
        """The inverse of :meth:`save`."""
        tensors = load_file(path)
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                parameter.copy_(tensors[f"weight.{name}"])
                self.average[name].copy_(tensors[f"average.{name}"])
        for label, optimiser in (("muon", self.muon), ("adam", self.adam)):
            state: dict[int, dict[str, Tensor]] = {}
            for key, tensor in tensors.items():
                kind, _, rest = key.partition(".")
                if kind == label:
                    index, _, name = rest.partition(".")
                    state.setdefault(int(index), {})[name] = tensor
            optimiser.load_state_dict(optimiser.state_dict() | {"state": state})
        self.steps = max((int(t) for k, t in tensors.items() if k.endswith(".step")), default=0)

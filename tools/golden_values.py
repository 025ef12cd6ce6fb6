"""The values that tools/make_golden.py gives to inputs and parameters."""

from __future__ import annotations

import zlib

import numpy as np
import torch


class Values:
    """Seeded values of one case: k/16 with |k| <= 32 if it is exact, else normal deviates."""

    def __init__(self, name: str, dtype: torch.dtype = torch.float32, step: float = 2**-12) -> None:
        self.state = np.random.RandomState(zlib.crc32(name.encode()))
        self.step = step
        self.exact = "exact" in name
        self.dtype = dtype

    def draw(self, *shape: int, scale: float = 1.0) -> torch.Tensor:
        if self.exact:
            values = self.state.randint(-32, 33, size=shape) / 16.0
        else:
            values = np.round(self.state.standard_normal(size=shape) * scale / self.step) * self.step
        return torch.from_numpy(np.asarray(values, dtype=np.float64)).to(self.dtype)

    def positive(self, *shape: int) -> torch.Tensor:
        values = np.round(self.state.uniform(0.25, 2.0, size=shape) * 256) / 256
        return torch.from_numpy(values).to(self.dtype)

    def spoil(self, tensor: torch.Tensor) -> None:
        """Puts an infinity, a negative one and a NaN into a tensor, or two if it is small, at drawn places."""
        flat = tensor.view(-1)
        places = self.state.permutation(flat.numel())
        for place, value in zip(places, ("inf", "-inf", "nan") if flat.numel() > 4 else ("inf", "-inf")):
            flat[int(place)] = float(value)

    def fill(self, module: torch.nn.Module, gain: float = 1.0) -> None:
        """Draws the parameters, scaled so that a deep network neither dies nor explodes; `gain` is for those without
        normalisation."""
        for name, value in module.state_dict().items():
            if name.endswith("num_batches_tracked"):
                value.fill_(7)
            elif name.endswith("running_var"):
                value.copy_(self.positive(*value.shape))
            elif value.dim() >= 2:
                value.copy_(self.draw(*value.shape, scale=gain * (value[0].numel() / 2) ** -0.5))
            else:
                value.copy_(self.draw(*value.shape, scale=0.5))


    def calibrate(self, module: torch.nn.Module, x: list[torch.Tensor]) -> None:
        """Gives normalisations the statistics of these inputs, and factors near one; then eval mode."""
        norms = [part for part in module.modules() if isinstance(part, torch.nn.BatchNorm2d)]
        for norm in norms:
            norm.momentum = 1.0
            norm.weight.data.copy_(1 + norm.weight / 2)
        with torch.no_grad():
            module.train()(*(tensor.double() for tensor in x))
        module.eval()
        for norm in norms:
            norm.num_batches_tracked.fill_(7)
            for value in (norm.weight.data, norm.bias.data, norm.running_mean, norm.running_var):
                value.copy_(torch.round(value / self.step) * self.step)
            norm.running_var.clamp_(min=self.step)

"""Folds what PyTorch computes a weight from into the weight itself, as `module.weight` is in eval mode.

  weight_norm     weight_g, weight_v                                v * g / |v|
                  parametrizations.weight.original0, .original1
  spectral_norm   weight_orig, weight_u, weight_v                   w / (u . W v), W being w as a matrix
                  parametrizations.weight.original, .0._u, .0._v
  pruning         weight_orig, weight_mask                          w * mask

`weight` stands for any name. Computed in float64 and rounded once, to the stored dtype.
Source: torch/nn/utils/{weight_norm,spectral_norm,parametrizations,prune}.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from . import ExportError
from .tensors import tie_key

_WAY_OUT = ("call {remove} before state_dict(), so that PyTorch folds it, or export the entries as they are with "
            "--no-fold (fold=False)")


@dataclass(frozen=True)
class Group:
    """Entries that one weight is computed from."""

    kind: str
    target: str  # the weight's name
    parts: tuple[str, ...]
    compute: Callable[..., torch.Tensor]


def fold(entries: Mapping[Any, Any]) -> tuple[dict[Any, Any], dict[str, str]]:
    """`entries` with the weight in place of every group that it is computed from, and what was folded: name -> kind.

    Groups may be stacked, such as a pruned weight_v. Raises ExportError where a group is recognised but not clear.
    """
    result, folded = dict(entries), {}
    computed: dict[tuple, tuple[torch.Tensor, list]] = {}  # the parts are kept alive, since addresses are compared
    while True:
        renamed = {}
        for name in list(result):
            group = find_group(name, result) if name in result else None
            if group is None or not renamed.keys().isdisjoint(group.parts) or group.target in renamed.values():
                continue
            parts = [result[part] for part in group.parts]
            key = (group.kind, *map(tie_key, parts))  # tied parts give tied weights
            if key not in computed or None in key:
                computed[key] = group.compute(group.target, *parts), parts
            first, *others = group.parts
            result[first] = computed[key][0]
            renamed[first] = group.target
            for other in others:
                del result[other]
            before = [folded.pop(part) for part in group.parts if part in folded]
            folded[group.target] = " and ".join([*before, group.kind])
        if not renamed:
            refuse_other_parametrizations(result)
            return result, folded
        result = {renamed.get(name, name): value for name, value in result.items()}


def find_group(name: Any, entries: Mapping[Any, Any]) -> Group | None:
    """The group whose most telling entry is `name`, if all of it is there and fits."""
    if not isinstance(name, str):
        return None
    for suffix, find in _FINDERS.items():
        if name.endswith(suffix):
            group = find(name[:-len(suffix)], entries)
            if group is not None and group.target not in entries:
                return group
    return None


def floats(entries: Mapping[Any, Any], *names: str) -> list[torch.Tensor] | None:
    """The entries of these names, if all are dense tensors of real floating-point numbers."""
    found = [entries.get(name) for name in names]
    usable = all(isinstance(value, torch.Tensor) and value.layout == torch.strided and value.is_floating_point()
                 and value.device.type != "meta" for value in found)
    return found if usable else None


def parametrized(name: str) -> str | None:
    """'a.weight' for 'a.parametrizations.weight', else None."""
    *path, folder, leaf = ["", "", *name.split(".")]
    return ".".join([*path[2:], leaf]) if folder == "parametrizations" else None


def alone(stem: str, names: tuple[str, ...], entries: Mapping[Any, Any]) -> bool:
    """Whether these are all the entries of one parametrized weight."""
    return sum(isinstance(name, str) and name.startswith(stem + ".") for name in entries) == len(names)


# --- weight_norm -----------------------------------------------------------------------------------------------------


def is_weight_norm(g: torch.Tensor, v: torch.Tensor) -> bool:
    """g is a scalar, or has v's size in one dimension and 1 in all others."""
    if g.dim() == 0:
        return True
    kept = [i for i, size in enumerate(g.shape) if size != 1]
    return g.dim() == v.dim() and len(kept) <= 1 and all(g.shape[i] == v.shape[i] for i in kept)


def weight_norm(_: str, g: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """v scaled to the norms g, which are taken over the dimensions where g has size 1."""
    wide = v.detach().to(torch.float64)
    over = [i for i in range(v.dim()) if g.dim() == 0 or g.shape[i] == 1]
    norm = wide.square().sum(dim=over, keepdim=True).sqrt() if over else wide.abs()
    return (wide * (g.detach().to(torch.float64) / norm)).to(v.dtype)


def find_weight_norm(stem: str, entries: Mapping[Any, Any]) -> Group | None:
    names = (stem + "_g", stem + "_v")
    found = floats(entries, *names)
    return Group("weight_norm", stem, names, weight_norm) if found and is_weight_norm(*found) else None


def find_parametrized_weight_norm(stem: str, entries: Mapping[Any, Any]) -> Group | None:
    names = (stem + ".original0", stem + ".original1")
    target, found = parametrized(stem), floats(entries, *names)
    if target is None or not found or not is_weight_norm(*found) or not alone(stem, names, entries):
        return None
    return Group("weight_norm", target, names, weight_norm)


# --- spectral_norm ---------------------------------------------------------------------------------------------------


def is_spectral_norm(weight: torch.Tensor, u: torch.Tensor, v: torch.Tensor) -> bool:
    return (u.dim() == v.dim() == 1 and u.numel() in weight.shape and u.numel() * v.numel() == weight.numel() > 0)


def spectral_norm(target: str, weight: torch.Tensor, u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """The weight over the largest singular value that u and v stand for.

    The matrix has one row for each index of a dimension, 0 in most modules, 1 in ConvTranspose2d and Linear's transpose.
    Where several dimensions have u's size, the right one is told by what the power iteration left: u = W v / |W v|.
    """
    wide, u, v = (tensor.detach().to(torch.float64) for tensor in (weight, u, v))
    found = []  # how far u is from W v, and the singular value
    for dim in (i for i, size in enumerate(weight.shape) if size == u.numel()):
        product = wide.movedim(dim, 0).reshape(u.numel(), -1) @ v
        sigma = torch.dot(u, product)
        found.append((float(1 - sigma / (product.norm() * u.norm())), sigma))
    found.sort(key=lambda pair: pair[0])
    best = found[0]
    for other in found[1:]:
        same = torch.isclose(best[1], other[1], rtol=1e-6, atol=0)
        if not same and not (best[0] < 0.05 and 10 * best[0] < other[0]):
            raise ExportError(f"{target!r}: it cannot be told which dimension of shape {tuple(weight.shape)} its "
                              "spectral_norm is about; "
                              + _WAY_OUT.format(remove="torch.nn.utils.remove_spectral_norm(module)"))
    return (wide / best[1]).to(weight.dtype)


def find_spectral_norm(stem: str, entries: Mapping[Any, Any]) -> Group | None:
    names = (stem + "_orig", stem + "_u", stem + "_v")
    found = floats(entries, *names)
    return Group("spectral_norm", stem, names, spectral_norm) if found and is_spectral_norm(*found) else None


def find_parametrized_spectral_norm(stem: str, entries: Mapping[Any, Any]) -> Group | None:
    names = (stem + ".original", stem + ".0._u", stem + ".0._v")
    target, found = parametrized(stem), floats(entries, *names)
    if target is None or not found or not is_spectral_norm(*found) or not alone(stem, names, entries):
        return None
    return Group("spectral_norm", target, names, spectral_norm)


# --- pruning ---------------------------------------------------------------------------------------------------------


def pruned(_: str, weight: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return weight.detach() * mask.detach().to(weight.dtype)


def find_pruning(stem: str, entries: Mapping[Any, Any]) -> Group | None:
    names = (stem + "_orig", stem + "_mask")
    weight, mask = entries.get(names[0]), entries.get(names[1])
    if not floats(entries, names[0]) or not isinstance(mask, torch.Tensor) or mask.shape != weight.shape:
        return None
    return Group("pruning", stem, names, pruned)


_FINDERS = {"_mask": find_pruning, "_u": find_spectral_norm, "_g": find_weight_norm,
            ".original0": find_parametrized_weight_norm, ".0._u": find_parametrized_spectral_norm}


def refuse_other_parametrizations(entries: Mapping[Any, Any]) -> None:
    """A weight that a parametrization computes cannot be had from its parts, unless it is one of those above."""
    stems = sorted({".".join(parts[:i + 2]) for parts in (n.split(".") for n in entries if isinstance(n, str))
                    for i, part in enumerate(parts[:-2]) if part == "parametrizations"})
    if stems:
        raise ExportError(
            f"{len(stems)} weight(s) are computed by a parametrization that the exporter does not know, for example "
            f"{stems[0]!r}; "
            + _WAY_OUT.format(remove="torch.nn.utils.parametrize.remove_parametrizations(module, 'weight')"))

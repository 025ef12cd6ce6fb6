"""Which part of a checkpoint is exported, and under which names."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from typing import Any

import torch

from . import ExportError
from .unpickler import Unread


def describe_type(value: object) -> str:
    """What `value` is, for a message."""
    return value.what if isinstance(value, Unread) else type(value).__name__


def some_names(entries: Iterable[Any], limit: int = 6) -> str:
    """The first few names, for a message."""
    entries = list(entries)
    names = [repr(name)[:80] for name in entries[:limit]]
    more = len(entries) - len(names)
    return ", ".join(names) + (f" and {more} more" if more > 0 else "") if names else "(none)"


def holds_tensors(value: object) -> bool:
    """Whether `value` looks like a state dict: a mapping with a tensor directly in it."""
    return isinstance(value, Mapping) and any(isinstance(v, torch.Tensor) for v in value.values())


def candidate_keys(value: object, prefix: str = "", depth: int = 4,
                   seen: set[int] | None = None) -> list[tuple[str, int]]:
    """Where the state dicts inside a checkpoint are: (key, number of tensors). Each is listed once."""
    seen = set() if seen is None else seen
    found: list[tuple[str, int]] = []
    if depth == 0 or not isinstance(value, Mapping) or id(value) in seen:
        return found
    seen.add(id(value))
    for key, child in value.items():
        if not isinstance(key, str):
            continue
        if holds_tensors(child) and id(child) not in seen:
            found.append((prefix + key, sum(isinstance(v, torch.Tensor) for v in child.values())))
        found += candidate_keys(child, prefix + key + "/", depth - 1, seen)
    return found


def list_candidates(checkpoint: object) -> str:
    """The candidate keys as the end of a message."""
    found = candidate_keys(checkpoint)
    if not found:
        return "no key in it holds tensors"
    listed = "\n  ".join(f"--key {key}   ({count} tensors)" for key, count in found[:20])
    return f"it could be\n  {listed}"


def pick_state_dict(checkpoint: Any, key: str | None) -> Mapping[Any, Any]:
    """The state dict in a checkpoint: the whole of it, or what `key` ("a" or "a/b") names."""
    if not isinstance(checkpoint, Mapping):
        raise ExportError(f"the file holds {describe_type(checkpoint)}, not a state dict")
    if key is None:
        if not holds_tensors(checkpoint) and candidate_keys(checkpoint):
            raise ExportError("the state dict is nested in this checkpoint; say where: "
                              + list_candidates(checkpoint))
        if any(isinstance(value, Mapping) for value in checkpoint.values()):
            raise ExportError("the checkpoint has tensors beside nested dictionaries; leave these out with --exclude, "
                              "or say which to take: " + list_candidates(checkpoint))
        return checkpoint
    if key in checkpoint:
        found: Any = checkpoint[key]
    else:
        found = checkpoint
        for part in key.split("/"):
            if not isinstance(found, Mapping) or part not in found:
                raise ExportError(f"the checkpoint has no key {key!r}; "
                                  + list_candidates(checkpoint))
            found = found[part]
    if not isinstance(found, Mapping):
        raise ExportError(f"the key {key!r} holds {describe_type(found)}, not a state dict; "
                          + list_candidates(checkpoint))
    return found


def choose_entries(checkpoint: Any, key: str | None,
                   exclude: Iterable[str]) -> tuple[Mapping[Any, Any], list[str]]:
    """The state dict in a checkpoint without the names that match a pattern, and the names left out.

    Without `key` the patterns are applied first, so that they can take away what stands beside the tensors. With it
    they are about the chosen state dict; a pattern that is about the key's neighbours does no harm.
    """
    patterns = list(exclude)
    beside = [p for p in patterns if isinstance(checkpoint, Mapping) and matching(checkpoint, p)]
    if key is None and beside:
        checkpoint, left_out = exclude_names(checkpoint, beside)
        chosen = pick_state_dict(checkpoint, None)
    else:
        chosen, left_out = pick_state_dict(checkpoint, key), []
        beside = [p for p in beside if not matching(chosen, p)]
    chosen, more = exclude_names(chosen, [p for p in patterns if p not in beside])
    return chosen, left_out + more


def matching(entries: Mapping[Any, Any], pattern: str) -> list[str]:
    """The names that match a shell pattern."""
    return [name for name in entries if isinstance(name, str) and fnmatch.fnmatchcase(name, pattern)]


def exclude_names(entries: Mapping[Any, Any],
                  patterns: Iterable[str]) -> tuple[dict[Any, Any], list[str]]:
    """`entries` without those that match a pattern, and the names left out."""
    result, dropped = dict(entries), []
    for pattern in patterns:
        hits = matching(entries, pattern)
        if not hits:
            raise ExportError(f"no name matches the pattern {pattern!r}; "
                              f"the names are {some_names(entries)}")
        dropped += [name for name in hits if name in result]
        for name in hits:
            result.pop(name, None)
    return result, dropped


def strip_names(entries: Mapping[Any, Any], prefix: str) -> tuple[dict[Any, Any], int]:
    """`entries` without `prefix` on the names that carry it, and how many did."""
    result: dict[Any, Any] = {}
    count = 0
    for name, value in entries.items():
        if isinstance(name, str) and name.startswith(prefix):
            name = name[len(prefix):]
            count += 1
        if name in result:
            raise ExportError(f"two entries are both called {name!r} without the prefix {prefix!r}")
        result[name] = value
    if count == 0:
        raise ExportError(f"no name starts with the prefix {prefix!r}; "
                          f"the names are {some_names(entries)}")
    return result, count

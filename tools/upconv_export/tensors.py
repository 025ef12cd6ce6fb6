"""Small questions about tensors."""

from __future__ import annotations

import torch


def dtype_name(dtype: object) -> str:
    """'float32' for torch.float32."""
    return str(dtype).replace("torch.", "")


def tie_key(tensor: torch.Tensor) -> tuple | None:
    """Equal for tensors that are the same memory seen the same way; None if there is no memory to compare.

    Means something only while the tensors compared are all alive: memory that was freed is soon another tensor's.
    """
    if tensor.numel() == 0:
        return None
    storage = tensor.untyped_storage() if hasattr(tensor, "untyped_storage") else tensor.storage()
    if storage.data_ptr() == 0:  # a device whose memory has no addresses
        return None
    return (str(tensor.device), storage.data_ptr(), tensor.storage_offset(), tuple(tensor.shape),
            tensor.stride(), tensor.dtype, tensor.is_neg())

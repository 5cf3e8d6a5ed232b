"""Machine: the hardware and the versions of a measurement."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = ("keras", "tensorflow", "jax", "torch", "numpy", "lossaudit")


def machine() -> dict[str, Any]:
    """Processor, cores, load, accelerators, system and versions, as JSON values."""
    # In a container the process may use fewer cores than the machine has.
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "accelerators": _accelerators(),
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: found for name in _PACKAGES if (found := _version(name))},
    }


def _processor() -> str:
    """The name of the processor; on Linux from /proc/cpuinfo."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text("utf-8", "replace").splitlines() if about.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _accelerators() -> list[str]:
    """The GPUs and TPUs that the back end of Keras sees."""
    from keras.distribution import list_devices

    return [str(one) for kind in ("gpu", "tpu") for one in list_devices(kind)]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None

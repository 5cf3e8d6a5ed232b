"""All scalars of an event file.

TensorFlow reads the records in batches, checks their checksums and decodes the messages. A file
that ends inside a record is still being written, or its program was interrupted: all records
before it are read. A record with a wrong checksum is damage and raises an error.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lossaudit.arithmetic.arrays import Floats, Ints
from lossaudit.errors import LogFileError

_BATCH = 1024
_FRAME = 16
"""Bytes around a record: its length (8) and two checksums (4 each), as TFRecord defines."""


@dataclass
class Scan:
    """The points of the event files of one folder.

    Args:
        steps: the steps of the points, one array for each batch of records.
        values: the numbers of the points, in the same batches.
        tags: the indices of the points' tags, in the same batches.
        names: the index of each tag.
        others: the number of summaries of each tag that are not scalars.
        notes: a sentence for each file that is cut off.
    """

    steps: list[Ints] = field(default_factory=list)
    values: list[Floats] = field(default_factory=list)
    tags: list[Ints] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    others: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def series(self) -> Iterator[tuple[str, Ints, Floats]]:
        """Tag, steps and values of all points of each tag, in the order of the files."""
        if not self.tags:
            return
        tags, steps, values = (
            np.concatenate(self.tags),
            np.concatenate(self.steps),
            np.concatenate(self.values),
        )
        # One sort instead of a mask for each tag; stable, so that points stay in the order of
        # logging.
        order = np.argsort(tags, kind="stable")
        ends = np.cumsum(np.bincount(tags, minlength=len(self.names)))
        for name, rows in zip(self.names, np.split(order, ends), strict=False):
            if len(rows):
                yield name, steps[rows], values[rows]


def scan_file(path: Path, scan: Scan) -> None:
    """Read one event file to its end, or to a last record that is cut off.

    Raises:
        LogFileError: a record before the end is damaged.
    """
    tf = _tensorflow(path)
    size = path.stat().st_size
    records = length = 0
    # TensorFlow drops the whole batch in which it finds damage. So the records after the last
    # good batch are read again, one by one.
    for batch_size in (_BATCH, 1):
        try:
            for batch in _batches(tf, path, records, batch_size):
                _take(batch, scan)
                records += int(batch["records"])
                length += int(batch["bytes"]) + _FRAME * int(batch["records"])
            break
        except tf.errors.DataLossError as error:
            damage = error
    else:
        # TensorFlow raises one class for both: only its words tell a cut from a wrong checksum.
        if "truncated record" not in damage.message:
            raise LogFileError(
                f"{path} is damaged at byte {length:,}: the {records:,} records before it are good"
            ) from damage
    if length < size:
        scan.notes.append(
            f"the last record of {path.name} is cut off, because its program was interrupted or "
            f"is still writing: the {records:,} records before it were read"
        )


def _batches(tf: Any, path: Path, first: int, size: int) -> Iterator[dict[str, Any]]:
    """The decoded records of a file from number `first` on, in batches of `size`."""
    decode = _decoder()
    for records in (
        # prefetch: TensorFlow's threads read the next batch while Python stores this one.
        tf.data.TFRecordDataset(str(path), buffer_size=2**20).skip(first).batch(size).prefetch(2)
    ):
        yield decode(records)


@functools.cache
def _decoder() -> Callable[[Any], dict[str, Any]]:
    """A graph that decodes a batch; it is traced once for each process."""
    import tensorflow as tf

    return tf.function(
        lambda records: _decoded(tf, records), input_signature=[tf.TensorSpec([None], tf.string)]
    )


def _decoded(tf: Any, records: Any) -> dict[str, Any]:
    """The columns of a batch of serialised events, with a row for each value of each summary."""
    _, (steps, summaries) = _fields(tf, records, "Event", {"step": tf.int64, "summary": tf.string})
    sizes, (values,) = _fields(tf, _only(tf, summaries, ""), "Summary", {"value": tf.string})
    flat = tf.boolean_mask(values, tf.sequence_mask(sizes[:, 0], tf.shape(values)[1]))
    kinds = {"tag": tf.string, "simple_value": tf.float32, "tensor": tf.string}
    counts, (tags, simple, tensors) = _fields(tf, flat, "Summary.Value", kinds)
    # TensorFlow 1 and torch's SummaryWriter write `simple_value`, and TensorFlow 2 a tensor.
    is_simple = counts[:, 1] > 0
    is_float, floats = _floats(tf, _only(tf, tensors, ""))
    names, indices = tf.unique(_only(tf, tags, ""))
    return {
        "records": tf.shape(records)[0],
        "bytes": tf.reduce_sum(tf.strings.length(records)),
        "steps": tf.repeat(_only(tf, steps, 0), sizes[:, 0]),
        "values": tf.where(is_simple, _only(tf, simple, 0), floats),
        "known": is_simple | is_float,
        "names": names,
        "tags": indices,
        "rest": tf.boolean_mask(flat, ~(is_simple | is_float)),
    }


def _floats(tf: Any, tensors: Any) -> tuple[Any, Any]:
    """Which serialised tensors are one float32, and that float, shape (n,) each."""
    kinds = {
        "dtype": tf.int32,
        "tensor_shape": tf.string,
        "float_val": tf.float32,
        "tensor_content": tf.string,
    }
    counts, (types, shapes, listed, contents) = _fields(tf, tensors, "TensorProto", kinds)
    is_scalar = (counts[:, 1] > 0) & (_only(tf, shapes, "") == b"")
    is_float = is_scalar & (_only(tf, types, 0) == tf.float32.as_datatype_enum)
    content = _only(tf, contents, "")
    # A tensor has its number as four bytes or in `float_val`, depending on its writer.
    is_raw = is_float & (tf.strings.length(content) == 4)
    raw = tf.io.decode_raw(tf.where(is_raw, content, b"\0\0\0\0"), tf.float32)
    return is_raw | (is_float & (counts[:, 2] == 1)), tf.where(
        is_raw, tf.reshape(raw, [-1]), _only(tf, listed, 0)
    )


def _fields(tf: Any, messages: Any, kind: str, fields: dict[str, Any]) -> tuple[Any, list[Any]]:
    """The fields of messages.

    Returns:
        How often each message has each field, shape (n, fields); and the entries of each field,
        shape (n, most entries).
    """
    # decode_proto refuses an empty batch, so one empty message is added and removed again.
    some = tf.concat([messages, [""]], 0)
    counts, entries = tf.io.decode_proto(
        some, f"tensorflow.{kind}", list(fields), list(fields.values())
    )
    return counts[:-1], [one[:-1] for one in entries]


def _only(tf: Any, entries: Any, default: Any) -> Any:
    """The entry in each row of a field that is not repeated, else the default, shape (n,)."""
    missing = tf.fill([tf.shape(entries)[0], 1], tf.constant(default, entries.dtype))
    return tf.concat([entries, missing], 1)[:, 0]


def _take(batch: dict[str, Any], scan: Scan) -> None:
    """Add the points of a batch; scalars that are not float32 are decoded one by one."""
    columns = {name: column.numpy() for name, column in batch.items()}
    names = [name.decode() for name in columns["names"].tolist()]
    indices = np.array([scan.names.setdefault(name, len(scan.names)) for name in names], np.int64)
    tags, values, known = (
        columns["tags"],
        columns["values"].astype(np.float64),
        columns["known"].copy(),
    )
    for row, value in zip(np.flatnonzero(~known).tolist(), columns["rest"].tolist(), strict=True):
        number = _scalar(value)
        if number is None:
            scan.others[names[tags[row]]] = scan.others.get(names[tags[row]], 0) + 1
        else:
            values[row], known[row] = number, True
    scan.steps.append(columns["steps"][known])
    scan.values.append(values[known])
    scan.tags.append(indices[tags[known]])


def _scalar(serialised: bytes) -> float | None:
    """The number in a value of a summary; None if it is not exactly one number."""
    import tensorflow as tf

    value = tf.compat.v1.Summary.Value.FromString(serialised)
    if not value.HasField("tensor"):
        return None
    array = tf.make_ndarray(value.tensor)
    is_number = array.dtype.kind in "fiub" or array.dtype == tf.bfloat16.as_numpy_dtype
    return float(array) if is_number and not array.ndim else None


def _tensorflow(path: Path) -> Any:
    try:
        import tensorflow as tf
    except ImportError as error:
        raise LogFileError(
            f"{path} is an event file, and reading it needs TensorFlow: pip install "
            "'lossaudit[tensorflow]'"
        ) from error
    return tf

"""The messages of Prometheus remote write 1.0, made for the protobuf runtime without a generated file.

Field numbers as in the specification of remote write 1.0 (prometheus.io/docs/specs/prw/remote_write_spec).
A label is left as the bytes that it is sent as: a series is known by them, and read only when it is new.
"""

from typing import Any, Final

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

_Field: Final = FieldDescriptorProto
_ONE, _MANY = _Field.LABEL_OPTIONAL, _Field.LABEL_REPEATED
_BYTES, _STRING, _DOUBLE, _INT64, _MESSAGE = (
    _Field.TYPE_BYTES,
    _Field.TYPE_STRING,
    _Field.TYPE_DOUBLE,
    _Field.TYPE_INT64,
    _Field.TYPE_MESSAGE,
)


def _made() -> dict[str, Any]:
    file = FileDescriptorProto(name="chowon/remote_write.proto", package="chowon", syntax="proto3")
    file.message_type.extend(
        [
            _message("Label", ("name", 1, _ONE, _STRING), ("value", 2, _ONE, _STRING)),
            _message("Sample", ("value", 1, _ONE, _DOUBLE), ("timestamp", 2, _ONE, _INT64)),
            _message("TimeSeries", ("labels", 1, _MANY, _BYTES), ("samples", 2, _MANY, "Sample")),
            _message("WriteRequest", ("timeseries", 1, _MANY, "TimeSeries")),
        ]
    )
    pool = DescriptorPool()
    made = pool.Add(file) or pool.FindFileByName(file.name)
    return {name: GetMessageClass(found) for name, found in made.message_types_by_name.items()}


def _message(name: str, *fields: tuple[str, int, int, int | str]) -> DescriptorProto:
    message = DescriptorProto(name=name)
    for field, number, label, kind in fields:
        of_type = (
            {"type": kind} if isinstance(kind, int) else {"type": _MESSAGE, "type_name": f".chowon.{kind}"}
        )
        message.field.add(name=field, number=number, label=label, **of_type)
    return message


_MADE: Final = _made()
Label: Final[Any] = _MADE["Label"]
"""name, value: str"""
WriteRequest: Final[Any] = _MADE["WriteRequest"]
"""timeseries: each with labels (bytes of a Label) and samples (value: float, timestamp: int, ms)"""

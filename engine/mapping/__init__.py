"""Mapping without code: the rules of a playbook, compiled once, over the records of a source.

`compile_entity` makes a `Mapper`; `Mapper.map` gives for each record what the target takes (`Mapped`) or a cause
(`Refused`); `Mapper.trace` says for one record which rule made which field.
"""

from engine.mapping.mapper import Mapper, MappingError, compile_entity
from engine.mapping.values import ABSENT, DROPPED, Absent, Mapped, Ref, Refused, Traced

__all__ = [
    "ABSENT",
    "DROPPED",
    "Absent",
    "Mapped",
    "Mapper",
    "MappingError",
    "Ref",
    "Refused",
    "Traced",
    "compile_entity",
]

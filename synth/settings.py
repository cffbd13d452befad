"""What all parts of the pipeline file are made of."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0.0, le=0.5)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
    OUTSIDE: ClassVar[frozenset[str]] = frozenset()  # fields that do not change any row this stage makes

    def covered(self) -> dict[str, Any]:
        """The settings that a stage fingerprint covers, as plain JSON."""
        return self.model_dump(mode="json", exclude=set(self.OUTSIDE))

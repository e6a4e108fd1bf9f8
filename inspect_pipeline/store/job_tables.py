"""The table of the workbench's jobs: the one kind of row, beside types and moves that began, that is changed."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from inspect_pipeline.store.columns import BigCount
from inspect_pipeline.store.tables import Base


class JobRow(Base):
    """One piece of background work; ``seq`` is the order in which they were asked for."""

    __tablename__ = "workbench_jobs"
    __table_args__ = (Index(None, "state"), Index(None, "line", "seq"), {"sqlite_autoincrement": True})

    seq: Mapped[int] = mapped_column(BigCount, primary_key=True)
    id: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    line: Mapped[str]
    operator: Mapped[str]
    owner: Mapped[str]
    state: Mapped[str]
    stage: Mapped[str]
    done: Mapped[int] = mapped_column(BigCount)
    total: Mapped[int] = mapped_column(BigCount)
    document: Mapped[dict[str, Any]]
    error: Mapped[str | None]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

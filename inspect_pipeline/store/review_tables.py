"""The tables of the review queue: one row for each finding that waits or waited, and the groups of those alike."""

from datetime import datetime

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from inspect_pipeline.store.columns import BigCount
from inspect_pipeline.store.tables import Base

WITHOUT_GROUP = "group_id IS NULL AND state = 0"


class ReviewGroupRow(Base):
    """Like findings; ``size`` counts the open ones, ``value`` is 0 where none is. The lead is the best open one."""

    __tablename__ = "review_groups"
    __table_args__ = (
        Index(None, "line", "recipe", "value", "id", "size"),
        Index(None, "line", "recipe", "reason", "name", "space"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigCount, primary_key=True)
    line: Mapped[str]
    recipe: Mapped[str]
    reason: Mapped[str]
    name: Mapped[str]
    space: Mapped[str]
    nearest_type: Mapped[str | None]
    leader: Mapped[bytes | None] = mapped_column(LargeBinary)
    size: Mapped[int]
    value: Mapped[float]
    lead_result: Mapped[int | None] = mapped_column(BigCount)
    lead_ordinal: Mapped[int | None]


class ReviewItemRow(Base):
    """A finding that waits or waited; ``state`` as ``ItemState``, ``label`` is what settled it."""

    __tablename__ = "review_items"
    __table_args__ = (
        ForeignKeyConstraint(["result", "ordinal"], ["findings.result", "findings.ordinal"]),
        Index(None, "group_id", "state", "informativeness", "result", "ordinal"),
        Index(None, "frame", "state"),
        Index(
            "ix_review_items_without_group",
            "line",
            "recipe",
            "result",
            sqlite_where=text(WITHOUT_GROUP),
            postgresql_where=text(WITHOUT_GROUP),
        ),
    )

    result: Mapped[int] = mapped_column(BigCount, primary_key=True, autoincrement=False)
    ordinal: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    line: Mapped[str]
    recipe: Mapped[str]
    frame: Mapped[str]
    reason: Mapped[str]
    name: Mapped[str]
    space: Mapped[str]
    nearest_type: Mapped[str | None]
    point: Mapped[bytes | None] = mapped_column(LargeBinary)
    uncertainty: Mapped[float]
    informativeness: Mapped[float]
    group_id: Mapped[int | None] = mapped_column(BigCount, ForeignKey("review_groups.id"))
    state: Mapped[int]
    label: Mapped[str | None] = mapped_column(ForeignKey("labels.id"), index=True)


class ReviewSkipRow(Base):
    """An item that a person put behind until a moment."""

    __tablename__ = "review_skips"
    __table_args__ = (ForeignKeyConstraint(["result", "ordinal"], ["findings.result", "findings.ordinal"]),)

    person: Mapped[str] = mapped_column(primary_key=True)
    result: Mapped[int] = mapped_column(BigCount, primary_key=True, autoincrement=False)
    ordinal: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    until: Mapped[datetime]

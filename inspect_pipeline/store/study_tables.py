"""The tables of attribute agreement studies; rows of judgements are only appended, triggers refuse anything else."""

from datetime import datetime

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from inspect_pipeline.store.columns import BigCount
from inspect_pipeline.store.tables import Base


class StudyRow(Base):
    """One study: who asked whom, for how many trials; ``closed_at`` is set once."""

    __tablename__ = "studies"
    __table_args__ = (Index(None, "line", "made_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    line: Mapped[str]
    name: Mapped[str]
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    trials: Mapped[int]
    seed: Mapped[int] = mapped_column(BigCount)
    types: Mapped[list[str]]
    people: Mapped[list[str]]
    models: Mapped[list[str]]
    closed_by: Mapped[str | None]
    closed_at: Mapped[datetime | None]


class StudyItemRow(Base):
    """One region of a study; ``reference`` is a type, the empty text for no defect, NULL where nobody says."""

    __tablename__ = "study_items"

    study: Mapped[str] = mapped_column(ForeignKey("studies.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    frame: Mapped[str] = mapped_column(ForeignKey("frames.id"), index=True)
    top: Mapped[int]
    left: Mapped[int]
    bottom: Mapped[int]
    right: Mapped[int]
    reference: Mapped[str | None]


class StudyJudgementRow(Base):
    """One answer; ``seq`` is the order of appending."""

    __tablename__ = "study_judgements"
    __table_args__ = (
        UniqueConstraint("study", "item", "trial", "appraiser"),
        ForeignKeyConstraint(["study", "item"], ["study_items.study", "study_items.number"]),
        {"sqlite_autoincrement": True},
    )

    seq: Mapped[int] = mapped_column(BigCount, primary_key=True)
    study: Mapped[str]
    item: Mapped[int]
    trial: Mapped[int]
    appraiser: Mapped[str]
    answer: Mapped[str]
    seconds: Mapped[float]
    at: Mapped[datetime]

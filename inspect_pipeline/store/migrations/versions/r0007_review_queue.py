"""What waits for a person, filled from the findings that are there: the newest verdict on each frame without labels.

What their regions look like was not kept, so they are grouped by name and nearest type alone. The rules are those of
``domain/review.py`` as they were when this was written, with doubt below a margin of 0.2 and novelty by the score.
"""

import sqlalchemy as sa
from alembic import op

revision = "r0007"
down_revision = "r0006"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_FINDING = ["findings.result", "findings.ordinal"]
_WITHOUT_GROUP = "group_id IS NULL AND state = 0"
_TOLD = {"sqlite": "json_extract(f.explanation, '$.{}')", "postgresql": "(f.explanation ->> '{}')"}
_FILL = """
INSERT INTO review_items (result, ordinal, line, recipe, frame, reason, name, space, nearest_type, point, uncertainty,
    informativeness, group_id, state, label)
SELECT result, ordinal, line, recipe, frame,
    CASE WHEN name = 'unknown' THEN 'unknown' WHEN margin < 0.2 THEN 'doubtful' ELSE 'provisional' END,
    name, '', nearest_type, NULL, doubt * share, doubt * share, NULL, 0, NULL
FROM (
    SELECT found.*, CASE WHEN name = 'unknown' OR margin < 0.2 THEN 1.0 ELSE 0.25 END AS share
    FROM (
    SELECT f.result, f.ordinal, c.line, c.recipe, r.frame, f.defect_type AS name, f.life_cycle,
        {nearest_type} AS nearest_type, CAST({margin} AS FLOAT) AS margin,
        (f.score / (1.0 + f.score) + CASE WHEN {margin} IS NULL THEN 0.5 WHEN CAST({margin} AS FLOAT) <= 0 THEN 1.0
            ELSE 1.0 / (1.0 + CAST({margin} AS FLOAT)) END) / 2.0 AS doubt
    FROM findings f
    JOIN frame_results r ON r.seq = f.result
    JOIN coils c ON c.id = r.coil
    WHERE f.score >= 0
        AND NOT EXISTS (SELECT 1 FROM frame_results later WHERE later.frame = r.frame AND later.seq > r.seq)
        AND NOT EXISTS (SELECT 1 FROM labels WHERE labels.frame = r.frame)
    ) AS found
) AS newest
WHERE name = 'unknown' OR margin < 0.2 OR life_cycle IN ('candidate', 'provisional')
"""

_GROUPS = """
SELECT line, recipe, reason, name, nearest_type, count(*), max(informativeness) FROM review_items
GROUP BY line, recipe, reason, name, nearest_type
"""
_OF_GROUP = """
line = :line AND recipe = :recipe AND reason = :reason AND name = :name AND COALESCE(nearest_type, '') = :nearest
"""
_NEW_GROUP = """
INSERT INTO review_groups (line, recipe, reason, name, space, nearest_type, leader, size, value, lead_result,
    lead_ordinal)
SELECT line, recipe, reason, name, '', nearest_type, NULL, :size, :value, result, ordinal FROM review_items WHERE {}
ORDER BY informativeness DESC, result DESC, ordinal DESC LIMIT 1
RETURNING id
"""
_JOIN_GROUP = "UPDATE review_items SET group_id = :id WHERE {}"


def upgrade() -> None:
    """Create the tables and put in what waits."""
    op.create_table(
        "review_groups",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("line", sa.String(), nullable=False),
        sa.Column("recipe", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("space", sa.String(), nullable=False),
        sa.Column("nearest_type", sa.String(), nullable=True),
        sa.Column("leader", sa.LargeBinary(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("lead_result", _BIG, nullable=True),
        sa.Column("lead_ordinal", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_review_groups"),
        sqlite_autoincrement=True,
    )
    columns = ["line", "recipe", "value", "id", "size"]
    op.create_index("ix_review_groups_line_recipe_value_id_size", "review_groups", columns)
    columns = ["line", "recipe", "reason", "name", "space"]
    op.create_index("ix_review_groups_line_recipe_reason_name_space", "review_groups", columns)
    _items()
    op.create_table(
        "review_skips",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("result", _BIG, nullable=False, autoincrement=False),
        sa.Column("ordinal", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("person", "result", "ordinal", name="pk_review_skips"),
        sa.ForeignKeyConstraint(
            ["result", "ordinal"],
            ["findings.result", "findings.ordinal"],
            name="fk_review_skips_result_ordinal_findings",
        ),
    )
    told = _TOLD[op.get_bind().dialect.name]
    op.execute(_FILL.format(margin=told.format("margin"), nearest_type=told.format("nearest_type")))
    _group()


def _items() -> None:
    op.create_table(
        "review_items",
        sa.Column("result", _BIG, nullable=False, autoincrement=False),
        sa.Column("ordinal", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("line", sa.String(), nullable=False),
        sa.Column("recipe", sa.String(), nullable=False),
        sa.Column("frame", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("space", sa.String(), nullable=False),
        sa.Column("nearest_type", sa.String(), nullable=True),
        sa.Column("point", sa.LargeBinary(), nullable=True),
        sa.Column("uncertainty", sa.Float(), nullable=False),
        sa.Column("informativeness", sa.Float(), nullable=False),
        sa.Column("group_id", _BIG, nullable=True),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("label", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("result", "ordinal", name="pk_review_items"),
        sa.ForeignKeyConstraint(
            ["result", "ordinal"],
            ["findings.result", "findings.ordinal"],
            name="fk_review_items_result_ordinal_findings",
        ),
        sa.ForeignKeyConstraint(["group_id"], ["review_groups.id"], name="fk_review_items_group_id_review_groups"),
        sa.ForeignKeyConstraint(["label"], ["labels.id"], name="fk_review_items_label_labels"),
    )
    columns = ["group_id", "state", "informativeness", "result", "ordinal"]
    op.create_index("ix_review_items_group_id_state_informativeness_result_ordinal", "review_items", columns)
    op.create_index("ix_review_items_frame_state", "review_items", ["frame", "state"])
    op.create_index("ix_review_items_label", "review_items", ["label"])
    op.create_index(
        "ix_review_items_without_group",
        "review_items",
        ["line", "recipe", "result"],
        sqlite_where=sa.text(_WITHOUT_GROUP),
        postgresql_where=sa.text(_WITHOUT_GROUP),
    )


def _group() -> None:
    """Put the items in groups; a group is worth what its best item is, times the root of its size."""
    bind = op.get_bind()
    for line, recipe, reason, name, nearest, size, best in bind.execute(sa.text(_GROUPS)).all():
        what = {"line": line, "recipe": recipe, "reason": reason, "name": name, "nearest": nearest or ""}
        sized = {**what, "size": size, "value": best * size**0.5}
        group = bind.execute(sa.text(_NEW_GROUP.format(_OF_GROUP)), sized).scalar_one()
        bind.execute(sa.text(_JOIN_GROUP.format(_OF_GROUP)), {**what, "id": group})


def downgrade() -> None:
    """Drop the tables; the findings and the labels stay."""
    for table in ("review_skips", "review_items", "review_groups"):
        op.drop_table(table)

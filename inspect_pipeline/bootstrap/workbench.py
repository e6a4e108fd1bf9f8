"""The workbench's use cases on a workspace, made when first used."""

import secrets
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

from inspect_pipeline.services.workbench_settings import WorkbenchSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inspect_pipeline.bootstrap.doctor import Check
    from inspect_pipeline.bootstrap.house import House
    from inspect_pipeline.domain.audit import AuditAction
    from inspect_pipeline.domain.drift import Drift
    from inspect_pipeline.domain.records import Clock
    from inspect_pipeline.services.accounts import Accounts
    from inspect_pipeline.services.api_tokens import ApiTokens
    from inspect_pipeline.services.frame_pictures import FramePictures
    from inspect_pipeline.services.jobs import Jobs
    from inspect_pipeline.services.label_exchange import LabelExchange
    from inspect_pipeline.services.label_noise import LabelNoise
    from inspect_pipeline.services.labelling import Labelling
    from inspect_pipeline.services.live import Live
    from inspect_pipeline.services.oidc_people import OidcPeople
    from inspect_pipeline.services.reviewing import Reviewing
    from inspect_pipeline.services.signing_in import SigningIn
    from inspect_pipeline.services.single_score import SingleScoring
    from inspect_pipeline.services.studies import Studies
    from inspect_pipeline.services.type_outlook import TypeViews
    from inspect_pipeline.services.workbench_teaching import WorkbenchTeaching


_FRAMES_BYTES, _PICTURES_BYTES = 256 << 20, 64 << 20


def _secret() -> str:
    """Return 256 random bits as text."""
    return secrets.token_urlsafe(32)


def _label_id() -> str:
    """Return a name for a label that no other has."""
    return secrets.token_hex(12)


@dataclass(kw_only=True)
class Workbench:
    """What pages and the REST interface call; ``house`` has the use cases that the command line has too."""

    house: "House"

    @property
    def settings(self) -> WorkbenchSettings:
        """The settings of the workbench."""
        return self.house.settings.workbench

    @property
    def clock(self) -> "Clock":
        """The clock of the house."""
        return self.house.clock

    @cached_property
    def accounts(self) -> "Accounts":
        """People: added, given a role and a password, let out and in."""
        from inspect_pipeline.services.accounts import Accounts
        from inspect_pipeline.services.password_hashing import Argon2Passwords

        passwords = Argon2Passwords(self.settings.security.hashing)
        return Accounts(catalog=self.house.catalog, passwords=passwords, clock=self.clock)

    @cached_property
    def signing_in(self) -> "SigningIn":
        """Signing in with a password, and sessions."""
        from inspect_pipeline.services.signing_in import SigningIn

        security = self.settings.security
        return SigningIn(
            catalog=self.house.catalog,
            passwords=self.accounts.passwords,
            accounts=self.accounts,
            clock=self.clock,
            new_secret=_secret,
            lockout=security.lockout,
            limits=security.sessions,
        )

    @cached_property
    def api_tokens(self) -> "ApiTokens":
        """Tokens of machines."""
        from inspect_pipeline.services.api_tokens import ApiTokens

        return ApiTokens(catalog=self.house.catalog, clock=self.clock, new_secret=_secret)

    @cached_property
    def oidc_people(self) -> "OidcPeople":
        """The accounts of people whom another provider vouches for."""
        from inspect_pipeline.services.oidc_people import OidcPeople

        return OidcPeople(
            catalog=self.house.catalog,
            accounts=self.accounts,
            settings=self.settings.security.oidc,
            clock=self.clock,
        )

    def audit_lines(self, *, subject: str | None = None, action: "AuditAction | None" = None) -> "Iterator[str]":
        """Yield the chosen entries of the audit trail as lines of CSV, a header first."""
        from inspect_pipeline.bootstrap.auditing import csv_lines

        return csv_lines(self.house, subject=subject, action=action)

    @cached_property
    def live(self) -> "Live":
        """Coils, lines and their history as the pages show them."""
        from inspect_pipeline.bootstrap.stores import SAMPLES
        from inspect_pipeline.services.live import Live

        return Live(catalog=self.house.catalog, images=self.house.images, clock=self.clock, excluding=SAMPLES)

    def drift(self, line: str, recipe: str) -> "tuple[str, Drift] | None":
        """Return the detector in force of a line and its drift, None where none is in force."""
        import numpy as np

        from inspect_pipeline.domain.bundle import detector_name
        from inspect_pipeline.services.in_force import version_in_force

        model = detector_name(line, recipe)
        version = version_in_force(self.house.catalog, self.house.registry, model)
        if version is None:
            return None
        watch = self.house.line_watch
        judge = f"{model}@{version}"
        return judge, watch.drift(line, recipe, judge, rng=np.random.default_rng(self.house.monitoring.seed))

    def health(self) -> "list[Check]":
        """Return whether the stores work and there is room on the disk."""
        from inspect_pipeline.bootstrap.doctor import stores_health

        return stores_health(self.house, least_free_gib=self.house.settings.monitor.least_free_gib)

    def report_page(self, coil: str, *, stylesheet: str) -> str:
        """Return the report of a coil as a page of the site. Raises NotFoundError."""
        from inspect_pipeline.bootstrap import reports

        return reports.as_page(self.house, coil, stylesheet=stylesheet)

    @cached_property
    def reviewing(self) -> "Reviewing":
        """What waits for a person, and what is known of it."""
        from inspect_pipeline.services.reviewing import Reviewing

        return Reviewing(catalog=self.house.catalog, clock=self.clock, settings=self.settings.queue)

    @cached_property
    def labelling(self) -> "Labelling":
        """What people say of findings and regions."""
        from inspect_pipeline.services.labelling import Labelling

        house = self.house
        return Labelling(catalog=house.catalog, images=house.images, clock=self.clock, new_id=_label_id)

    @cached_property
    def pictures(self) -> "FramePictures":
        """Pictures of findings, labels and frames."""
        from inspect_pipeline.services.bounded_cache import BoundedCache
        from inspect_pipeline.services.frame_pictures import FramePictures, pixel_bytes

        return FramePictures(
            catalog=self.house.catalog,
            images=self.house.images,
            frames=BoundedCache(limit_bytes=_FRAMES_BYTES, size_of=pixel_bytes),
            drawn=BoundedCache(limit_bytes=_PICTURES_BYTES, size_of=len),
        )

    @cached_property
    def single_scoring(self) -> "SingleScoring":
        """Judging one image on the spot."""
        from inspect_pipeline.bootstrap.runtimes import equip
        from inspect_pipeline.services.single_score import SingleScoring

        house = self.house
        return SingleScoring(catalog=house.catalog, registry=house.registry, equip=partial(equip, house))

    @cached_property
    def jobs(self) -> "Jobs":
        """The background work of this process; close it at the end."""
        from inspect_pipeline.services.jobs import Jobs

        return Jobs(catalog=self.house.catalog, clock=self.clock, new_id=lambda: secrets.token_hex(12))

    @cached_property
    def teaching(self) -> "WorkbenchTeaching":
        """Teaching from picked labels, in the background."""
        from inspect_pipeline.services.finding_preview import FindingPreview
        from inspect_pipeline.services.finding_vectors import kept_vectors
        from inspect_pipeline.services.workbench_teaching import WorkbenchTeaching

        house = self.house
        preview = FindingPreview(
            catalog=house.catalog, registry=house.registry, features=house.features, kept=kept_vectors
        )
        return WorkbenchTeaching(
            catalog=house.catalog,
            registry=house.registry,
            teaching=house.teaching,
            preview=preview,
            jobs=self.jobs,
            clock=self.clock,
        )

    @cached_property
    def type_views(self) -> "TypeViews":
        """The types of lines: life cycle, outlook, what their next step lacks, and labels that may be picked."""
        from inspect_pipeline.services.type_outlook import TypeViews

        house = self.house
        return TypeViews(catalog=house.catalog, registry=house.registry, types=house.types, rules=house.settings.gates)

    @cached_property
    def studies(self) -> "Studies":
        """Attribute agreement studies."""
        from inspect_pipeline.bootstrap.agreement import StudyRoom

        return StudyRoom(stores=self.house).studies

    @cached_property
    def label_exchange(self) -> "LabelExchange":
        """Import and export of files of labels."""
        from inspect_pipeline.bootstrap.label_exchange import label_exchange

        return label_exchange(self.house)

    @cached_property
    def label_noise(self) -> "LabelNoise":
        """Labels that cross-validated naming disagrees with."""
        from inspect_pipeline.bootstrap.label_noise import label_noise

        return label_noise(self.house)

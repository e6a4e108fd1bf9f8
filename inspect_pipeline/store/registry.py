"""The model registry on MLflow: a bundle is a plain folder of two files, registered as a version.

A detector's folder also holds what MLflow needs to serve it (``store/served_models.py``). Versions of before that are
read as ever: loading looks at the two files alone.
"""

import fcntl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from inspect_pipeline.domain.bundle import Bundle, bundle_from_bytes
from inspect_pipeline.domain.records import ModelVersion
from inspect_pipeline.errors import BadDataError, NotFoundError, StorageError
from inspect_pipeline.store.bundles import MANIFEST_FILE, WEIGHTS_FILE
from inspect_pipeline.store.durable_files import make_folder, write_durably
from inspect_pipeline.store.mlflow_client import MlflowConnection
from inspect_pipeline.store.served_models import serving_files

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion as MlflowVersion

EXPERIMENT = "models"
HASH_TAG, KIND_TAG = "bundle_sha256", "kind"
_PAGE = 200


class MlflowRegistry:
    """Versions and aliases in MLflow; nothing of a model is imported or unpickled to register or load it."""

    def __init__(self, tracking_uri: str, artifact_root: Path) -> None:
        """Connect to ``sqlite:///FILE``, ``postgresql+psycopg://...`` or a tracking server. Raises StorageError."""
        self._mlflow = MlflowConnection(tracking_uri, artifact_root)
        self._client = self._mlflow.client

    def register(self, model: str, bundle: Bundle, *, tags: Mapping[str, str], run: str | None = None) -> str:
        """Store the bundle as a new version and return it; a bundle already registered keeps its version.

        ``run`` is the tracked run that made it; without one a run of its own is made. The files are on the disk
        before the version is there. Raises BadDataError for a name MLflow cannot take, StorageError, DiskFullError.
        """
        with self._mlflow.errors(), self._one_at_a_time():
            self._ensure(model)
            known = [each for each in self._mlflow_versions(model) if each.tags.get(HASH_TAG) == bundle.sha256]
            if known:
                return str(known[-1].version)
            owner = run or self._new_run(model)
            source = self._write(owner, bundle)
            every = {**tags, HASH_TAG: bundle.sha256, KIND_TAG: bundle.kind.value}
            return str(self._client.create_model_version(model, source, run_id=owner, tags=every).version)

    def load(self, model: str, *, version: str | None = None, alias: str | None = None) -> tuple[str, Bundle]:
        """Return (version, bundle). Raises NotFoundError; StorageError when the files are gone or altered."""
        wanted = self.aliased(model, alias) if version is None and alias is not None else version
        if wanted is None:
            asked = f"alias {alias}" if alias is not None else "version or alias named"
            raise NotFoundError(f"{model} has no {asked}; see 'models list'")
        with self._mlflow.errors():
            found = self._find(model, wanted)
            manifest, tensors = self._read(found)
        try:
            bundle = bundle_from_bytes(manifest, tensors)
        except BadDataError as error:
            raise StorageError(f"{model} version {wanted} was altered on the disk: {error}") from error
        if bundle.sha256 != found.tags.get(HASH_TAG):
            raise StorageError(
                f"{model} version {wanted} was altered on the disk: its manifest is not the one registered"
            )
        return wanted, bundle

    def models(self) -> list[str]:
        """Return the registered names, sorted."""
        names: list[str] = []
        token: str | None = None
        with self._mlflow.errors():
            while True:
                page = self._client.search_registered_models(max_results=_PAGE, page_token=token)
                names += [model.name for model in page]
                token = page.token
                if not token:
                    return sorted(names)

    def versions(self, model: str) -> list[ModelVersion]:
        """Return the versions, newest first; an unknown name has none."""
        with self._mlflow.errors():
            aliases = self._aliases(model)
            return [_record(each, aliases) for each in self._mlflow_versions(model)]

    def aliased(self, model: str, alias: str) -> str | None:
        """Return the version that the alias points to, or None."""
        with self._mlflow.errors():
            return self._aliases(model).get(alias)

    def set_alias(self, model: str, alias: str, version: str | None) -> None:
        """Point the alias at a version, or remove it with None. Raises NotFoundError for an unknown version."""
        with self._mlflow.errors():
            if version is not None:
                self._client.set_registered_model_alias(model, alias, self._find(model, version).version)
            elif alias in self._aliases(model):
                self._client.delete_registered_model_alias(model, alias)

    def set_tag(self, model: str, version: str, key: str, value: str) -> None:
        """Set a tag of a version; a value that was there is replaced. Raises NotFoundError for an unknown version."""
        with self._mlflow.errors():
            self._client.set_model_version_tag(model, self._find(model, version).version, key, value)

    def _ensure(self, model: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(model)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _aliases(self, model: str) -> dict[str, str]:
        from mlflow.exceptions import MlflowException

        try:
            found = self._client.get_registered_model(model)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return {}
            raise
        return {alias: str(version) for alias, version in found.aliases.items()}

    def _find(self, model: str, version: str) -> "MlflowVersion":
        for each in self._mlflow_versions(model):
            if str(each.version) == version:
                return each
        raise NotFoundError(f"{model} has no version {version}; see 'models list'")

    def _mlflow_versions(self, model: str) -> list["MlflowVersion"]:
        """Return MLflow's versions of a model, newest first."""
        # A name that cannot stand in MLflow's filter language is looked for among all.
        query = None if set(model) & set("'\"\\`") else f"name = '{model}'"
        versions: list[MlflowVersion] = []
        token: str | None = None
        while True:
            page = self._client.search_model_versions(query, max_results=_PAGE, page_token=token)
            versions += [each for each in page if each.name == model]
            token = page.token
            if not token:
                return sorted(versions, key=lambda each: int(each.version), reverse=True)

    def _new_run(self, model: str) -> str:
        run = self._client.create_run(self._mlflow.experiment(EXPERIMENT), run_name=f"register {model}")
        self._client.set_terminated(run.info.run_id)
        return str(run.info.run_id)

    def _write(self, run: str, bundle: Bundle) -> str:
        """Write the files of a version and return the URI of their folder."""
        files = {WEIGHTS_FILE: bundle.tensors, MANIFEST_FILE: bundle.manifest_bytes()}
        beside = serving_files(bundle)
        if self._mlflow.artifact_root is not None:
            folder = _folder(self._mlflow.artifact_root, run, bundle.sha256)
            self._mlflow.artifact_root.mkdir(parents=True, exist_ok=True)
            make_folder(folder, below=self._mlflow.artifact_root)
            for name, content in {**beside, **files}.items():
                write_durably(folder / name, content, derived=name in beside)
            return folder.as_uri()
        with tempfile.TemporaryDirectory() as temporary:
            for name, content in {**beside, **files}.items():
                (Path(temporary) / name).write_bytes(content)
            self._client.log_artifacts(run, temporary, artifact_path=_folder_name(bundle.sha256))
        return f"{self._client.get_run(run).info.artifact_uri}/{_folder_name(bundle.sha256)}"

    def _read(self, version: "MlflowVersion") -> tuple[bytes, bytes]:
        """Return (manifest, tensors) of a version."""
        if HASH_TAG not in version.tags or not version.run_id:
            raise NotFoundError(f"{version.name} version {version.version} was not registered by this program")
        digest = version.tags[HASH_TAG]
        try:
            if self._mlflow.artifact_root is not None:
                # From the root as it is now, not from the stored URI: a workspace may be moved or restored elsewhere.
                return _read_pair(_folder(self._mlflow.artifact_root, version.run_id, digest))
            with tempfile.TemporaryDirectory() as temporary:
                got = self._client.download_artifacts(version.run_id, _folder_name(digest), dst_path=temporary)
                return _read_pair(Path(got))
        except FileNotFoundError as error:
            raise StorageError(
                f"the files of {version.name} version {version.version} are gone ({error.filename}); restore a backup"
            ) from error

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        """Hold the registration lock, so that two processes do not register one bundle twice."""
        if self._mlflow.artifact_root is None:
            yield
            return
        self._mlflow.artifact_root.mkdir(parents=True, exist_ok=True)
        with (self._mlflow.artifact_root / ".register.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _folder_name(digest: str) -> str:
    return f"bundle-{digest[:16]}"


def _folder(root: Path, run: str, digest: str) -> Path:
    """Return where MLflow's own pages look for a run's files."""
    return root / run / "artifacts" / _folder_name(digest)


def _read_pair(folder: Path) -> tuple[bytes, bytes]:
    return (folder / MANIFEST_FILE).read_bytes(), (folder / WEIGHTS_FILE).read_bytes()


def _record(version: "MlflowVersion", aliases: Mapping[str, str]) -> ModelVersion:
    number = str(version.version)
    return ModelVersion(
        model=version.name,
        version=number,
        created_at=datetime.fromtimestamp(version.creation_timestamp / 1000.0, tz=UTC),
        aliases=tuple(sorted(alias for alias, target in aliases.items() if target == number)),
        tags=dict(version.tags),
        run=version.run_id or None,
    )

"""What a workflow template wants of its runs, in calls and in tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.errors import IdentifierError
from kalbio._core.objects.checks import require_text, unicode_text
from kalbio._core.objects.identifiers import did_you_mean
from kalbio._core.text.display import safe_repr
from kalbio._table_files.doubtful import Doubtful
from kalbio.provena._model.faults import Faults
from kalbio.provena._model.runs import RunRecord

if TYPE_CHECKING:
    import pandas
else:
    from types import SimpleNamespace

    # A name in annotations, for tools that read these where the library is not there.
    pandas = SimpleNamespace(DataFrame=Any)

Side: TypeAlias = Literal["input", "output"]


@attrs.frozen
class RunResource:
    """A file of a dataset whose path each run names.

    Attributes:
        key: what it is called.
        description: what it is.
        optional: whether a run may leave it out.
    """

    key: str
    description: str
    optional: bool


@attrs.frozen
class RunRole:
    """What a dataset is to a run: what goes in or comes out, as a dataset template describes it.

    Attributes:
        side: "input" or "output".
        id: handle of the dataset template.
        name: its display name.
        optional: whether a run may leave it out.
        resources: files whose paths each run names.
    """

    side: Side
    id: str
    name: str
    optional: bool
    resources: tuple[RunResource, ...]


@attrs.frozen
class RunColumn:
    """A column of a table of runs.

    Attributes:
        name: its name.
        required: whether each row needs a value.
        also: how the servers' CSV files call it; None where they do not have it.
    """

    name: str
    required: bool
    also: str | None


@attrs.frozen
class RunTemplate:
    """A workflow template, as far as runs have to fit it.

    Attributes:
        id: its handle.
        name: its display name.
        roles: the datasets of a run.
        required_annotations: keys that each run needs.
        optional_annotations: keys that a run may have.
    """

    id: str
    name: str
    roles: tuple[RunRole, ...]
    required_annotations: tuple[str, ...]
    optional_annotations: tuple[str, ...]

    # -- records ------------------------------------------------------------------------------------------------------

    def role(self, side: Side, identifier: Any) -> RunRole:
        """Return the role that a dataset template names. Raises IdentifierError when runs have no such role."""
        given = getattr(identifier, "id", identifier)
        here = [role for role in self.roles if role.side == side]
        found = [role for role in here if given in (role.id, role.name)]
        if len(found) == 1:
            return found[0]
        name, known = f"the {side}s of {safe_repr(self.name)}", [role.name for role in here]
        if found:
            raise IdentifierError(
                "dataset template", identifier, f"{name} has several templates {given!r}: give handles."
            )
        cure = did_you_mean(given, known) or f" It has {', '.join(map(safe_repr, known)) or 'none'}."
        raise IdentifierError("dataset template", identifier, f"{safe_repr(given)} is not among {name}.{cure}")

    def check_part(self, role: RunRole, paths: Mapping[str, str]) -> None:
        """Raise ValueError unless the paths of a dataset in a role are those of the files that it should have."""
        keys = [one.key for one in role.resources]
        named = f"{role.side} {safe_repr(role.name)}"
        for key, path in paths.items():
            if key not in keys:
                cure = did_you_mean(key, keys) or f" It has {', '.join(keys) or 'none'}."
                raise ArgumentError(f"{named} has no file {safe_repr(key)}.{cure}")
            require_text(f"the path of {key} in {named}", path)
        for one in role.resources:
            if not one.optional and one.key not in paths:
                raise ArgumentError(
                    f"{named} needs the path of its file {safe_repr(one.key)}: give (dataset, {{{one.key!r}: path}})"
                )

    def check_annotations(self, annotations: Mapping[str, str], faults: Faults) -> None:
        """Note annotations that runs need and that are not there."""
        for key in self.required_annotations:
            with faults.of(f"annotation: {key}"):
                if key not in annotations:
                    raise ArgumentError(
                        f"annotations lacks {safe_repr(key)}, which runs of {safe_repr(self.name)} need"
                    )

    # -- tables -------------------------------------------------------------------------------------------------------

    @property
    def columns(self) -> list[RunColumn]:
        """The columns of a table of runs. The CSV files of the servers have all but `organisation`."""
        times = "(YYYY-MM-DD HH:MM:SS+HH:MM)"
        columns = [
            RunColumn("display_name", True, "display name"),
            RunColumn("description", True, "description"),
            RunColumn("model_version", False, "model version (optional)"),
            RunColumn("modeller", True, "agent id"),
            RunColumn("study", False, "study id"),
            RunColumn("organisation", False, None),
            RunColumn("start_time", True, f"execution start time {times}"),
            RunColumn("end_time", True, f"execution end time {times}"),
        ]
        for role in self.roles:
            noun = role.side.capitalize()
            also = f"{noun} dataset id for template: {role.name} [template id: {role.id}]"
            columns.append(RunColumn(self.head(role), not role.optional, also))
            for one in role.resources:
                columns.append(RunColumn(f"{self.head(role)}: {one.key}", False, f"{noun} resource: {one.key}"))
        for key in (*self.required_annotations, *self.optional_annotations):
            columns.append(RunColumn(f"annotation: {key}", key in self.required_annotations, f"annotation: {key}"))
        return columns

    def head(self, role: RunRole) -> str:
        """Return the column of the datasets in a role."""
        twins = [one for one in self.roles if (one.side, one.name) == (role.side, role.name)]
        return f"{role.side}: {role.name}" + (f" [{role.id}]" if len(twins) > 1 else "")

    def to_dataframe(self) -> pandas.DataFrame:
        """Return an empty frame with the columns of a table of runs, to be filled. Needs pandas."""
        try:
            import pandas
        except ModuleNotFoundError:
            raise ModuleNotFoundError("to_dataframe() needs pandas: pip install pandas", name="pandas") from None
        return pandas.DataFrame(columns=[one.name for one in self.columns], dtype=object)

    def names_of(self, given: Iterable[Any]) -> dict[Any, str]:
        """Return which column each head of a table is.

        Raises:
            ValueError: there is no such column, or two heads are the same column.
        """
        columns = self.columns
        known = {one.name: one.name for one in columns}
        also: dict[str, list[str]] = {}
        for one in columns:
            if one.also is not None:
                also.setdefault(one.also, []).append(one.name)
        found: dict[Any, str] = {}
        faults = Faults()
        for head in given:
            if isinstance(head, str) and head.startswith("_"):  # of the servers' CSV files: what became of a row
                continue
            with faults.of(str(head)):
                found[head] = self._name_of(head, known, also, found)
        faults.raise_first()
        missing = [one.name for one in columns if one.required and one.name not in found.values()]
        if missing:
            raise ArgumentError(f"the table lacks the columns {', '.join(missing)}")
        return found

    def _name_of(
        self, head: Any, known: Mapping[str, str], also: Mapping[str, list[str]], found: Mapping[Any, str]
    ) -> str:
        names = [known[head]] if head in known else also.get(head, [])
        if not names:
            cure = did_you_mean(head, known) or f" Known are {', '.join(known)}."
            raise ArgumentError(f"a table of runs of {safe_repr(self.name)} has no column {safe_repr(head)}.{cure}")
        if len(names) > 1:
            raise ArgumentError(f"column {safe_repr(head)} may be {' or '.join(names)}: call it so")
        if names[0] in found.values():
            raise ArgumentError(f"column {safe_repr(head)} is there twice: it is {names[0]} as well")
        return names[0]

    def record_of(self, row: Mapping[str, Any], faults: Faults | None = None) -> RunRecord:
        """Return a row of a table as a record.

        Args:
            row: the cells by the names of their columns.
            faults: keeps what is wrong, column by column, instead of an error for the first of it; what comes lacks
                what is wrong.

        Raises:
            ValueError: a column cannot be used; the text names it.
        """
        found = Faults() if faults is None else faults
        cells: dict[str, Any] = {}
        for name, value in row.items():
            with found.of(name):
                if isinstance(value, Doubtful):
                    raise ArgumentError(f"{name}: {safe_repr(value.value)} {value.reason}")
                cells[name] = None if _is_missing(value) else value
        for one in self.columns:
            if one.required and cells.get(one.name) is None and one.name not in found:
                with found.of(one.name):
                    raise ArgumentError(f"{one.name} is missing")

        def text_in(name: str) -> str | None:
            with found.of(name):
                if cells.get(name) is not None:
                    return _cell_text(name, cells[name])
            return None

        sides: dict[Side, dict[str, Any]] = {"input": {}, "output": {}}
        for role in self.roles:
            head = self.head(role)
            keys = {one.key: text_in(f"{head}: {one.key}") for one in role.resources}
            paths = {key: path for key, path in keys.items() if path is not None}
            dataset = cells.get(head)
            with found.of(head):
                if dataset is None and paths and head not in found:
                    raise ArgumentError(f"{head} is missing, and {head}: {next(iter(paths))} is not")
            if dataset is not None:
                sides[role.side][role.id] = (dataset, paths)
                for file in role.resources:
                    column = f"{head}: {file.key}"
                    if not file.optional and file.key not in paths and column not in found:
                        with found.of(column):
                            named = (
                                f"{role.side} {safe_repr(role.name)} needs the path of its file {safe_repr(file.key)}"
                            )
                            raise ArgumentError(f"{column} is missing: {named}")
        every = (*self.required_annotations, *self.optional_annotations)
        annotations = {key: text for key in every if (text := text_in(f"annotation: {key}")) is not None}
        record = RunRecord(
            text_in("display_name") or "",
            text_in("description") or "",
            workflow_template=self.id,
            modeller=cells.get("modeller"),  # type: ignore[arg-type]  # what is wrong is noted
            start_time=cells.get("start_time"),  # type: ignore[arg-type]
            end_time=cells.get("end_time"),  # type: ignore[arg-type]
            inputs=sides["input"],
            outputs=sides["output"],
            study=cells.get("study"),
            organisation=cells.get("organisation"),
            model_version=text_in("model_version"),
            annotations=annotations,
        )
        if faults is None:
            found.raise_first()
        return record

    def __repr__(self) -> str:
        return f"<RunTemplate {safe_repr(self.name)} {self.id}: {len(self.columns)} columns>"


def template_of(workflow: Mapping[str, Any], dataset_templates: Mapping[str, Mapping[str, Any]]) -> RunTemplate:
    """Return what a workflow template wants of runs, given the items of its dataset templates by their handles."""
    roles = []
    sides: tuple[tuple[Side, str], ...] = (("input", "input_templates"), ("output", "output_templates"))
    for side, member in sides:
        for one in workflow.get(member) or ():
            template = dataset_templates[one["template_id"]]
            resources = tuple(
                RunResource(str(file["key"]), str(file.get("description") or ""), bool(file.get("optional")))
                for file in template.get("deferred_resources") or ()
            )
            name = str(template.get("display_name") or one["template_id"])
            roles.append(RunRole(side, one["template_id"], name, bool(one.get("optional")), resources))
    annotations = workflow.get("annotations") or {}
    return RunTemplate(
        str(workflow["id"]),
        str(workflow.get("display_name") or workflow["id"]),
        tuple(roles),
        tuple(annotations.get("required") or ()),
        tuple(annotations.get("optional") or ()),
    )


def template_ids(workflow: Mapping[str, Any]) -> list[str]:
    """Return the handles of the dataset templates of a workflow template, each once."""
    parts = (*(workflow.get("input_templates") or ()), *(workflow.get("output_templates") or ()))
    return list(dict.fromkeys(str(one["template_id"]) for one in parts))


def _is_missing(value: Any) -> bool:
    """Whether a cell is empty: None, not a number, not a time, or no letters."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return True
    try:
        return bool(value != value)
    except TypeError:  # pandas.NA is neither
        return True


def _cell_text(name: str, value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise ArgumentError(f"{name} must be text; got {safe_repr(value)}. Read the column as text: 1.10 is not 1.1")
    return unicode_text(name, value)

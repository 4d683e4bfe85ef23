"""What a workflow template wants of its runs, in calls and in tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

from kalbio._core.errors import IdentifierError
from kalbio._core.objects.checks import require_text, unicode_text
from kalbio._core.objects.identifiers import did_you_mean
from kalbio._core.text.display import safe_repr
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

    def check_parts(self, side: Side, parts: Mapping[str, Mapping[str, str]]) -> None:
        """Raise ValueError unless the datasets of a side, by handles of templates, have all that they should have."""
        for role in self.roles:
            if role.side != side:
                continue
            if role.id not in parts:
                if not role.optional:
                    raise ValueError(f"{side}s lacks a dataset for {safe_repr(role.name)} ({role.id})")
                continue
            paths, keys = parts[role.id], [one.key for one in role.resources]
            for key, path in paths.items():
                if key not in keys:
                    cure = did_you_mean(key, keys) or f" It has {', '.join(keys) or 'none'}."
                    raise ValueError(f"{side} {safe_repr(role.name)} has no file {safe_repr(key)}.{cure}")
                require_text(f"the path of {key} in {side} {safe_repr(role.name)}", path)
            for one in role.resources:
                if not one.optional and one.key not in paths:
                    raise ValueError(
                        f"{side} {safe_repr(role.name)} needs the path of its file {safe_repr(one.key)}: "
                        f"give (dataset, {{{one.key!r}: path}})"
                    )

    def check_annotations(self, annotations: Mapping[str, str]) -> None:
        """Raise ValueError unless all annotations are there that runs need."""
        for key in self.required_annotations:
            if key not in annotations:
                raise ValueError(f"annotations lacks {safe_repr(key)}, which runs of {safe_repr(self.name)} need")

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
            columns.append(RunColumn(self._head(role), not role.optional, also))
            for one in role.resources:
                columns.append(RunColumn(f"{self._head(role)}: {one.key}", False, f"{noun} resource: {one.key}"))
        for key in (*self.required_annotations, *self.optional_annotations):
            columns.append(RunColumn(f"annotation: {key}", key in self.required_annotations, f"annotation: {key}"))
        return columns

    def _head(self, role: RunRole) -> str:
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
        for head in given:
            if isinstance(head, str) and head.startswith("_"):  # of the servers' CSV files: what became of a row
                continue
            names = [known[head]] if head in known else also.get(head, [])
            if not names:
                cure = did_you_mean(head, known) or f" Known are {', '.join(known)}."
                raise ValueError(f"a table of runs of {safe_repr(self.name)} has no column {safe_repr(head)}.{cure}")
            if len(names) > 1:
                raise ValueError(f"column {safe_repr(head)} may be {' or '.join(names)}: call it so")
            if names[0] in found.values():
                raise ValueError(f"column {safe_repr(head)} is there twice: it is {names[0]} as well")
            found[head] = names[0]
        missing = [one.name for one in columns if one.required and one.name not in found.values()]
        if missing:
            raise ValueError(f"the table lacks the columns {', '.join(missing)}")
        return found

    def record_of(self, row: Mapping[str, Any]) -> RunRecord:
        """Return a row of a table as a record. Raises ValueError naming the column that cannot be used."""
        cells: dict[str, Any] = {name: None if _is_missing(value) else value for name, value in row.items()}
        for one in self.columns:
            if one.required and cells.get(one.name) is None:
                raise ValueError(f"{one.name} is missing")
        sides: dict[Side, dict[str, Any]] = {"input": {}, "output": {}}
        for role in self.roles:
            head = self._head(role)
            keys = {one.key: cells.get(f"{head}: {one.key}") for one in role.resources}
            paths = {key: _cell_text(f"{head}: {key}", path) for key, path in keys.items() if path is not None}
            dataset = cells.get(head)
            if dataset is None and paths:
                raise ValueError(f"{head} is missing, and {head}: {next(iter(paths))} is not")
            if dataset is not None:
                sides[role.side][role.id] = (dataset, paths)
        annotations = {
            key: _cell_text(f"annotation: {key}", cells[f"annotation: {key}"])
            for key in (*self.required_annotations, *self.optional_annotations)
            if cells.get(f"annotation: {key}") is not None
        }
        version = cells.get("model_version")
        return RunRecord(
            _cell_text("display_name", cells["display_name"]),
            _cell_text("description", cells["description"]),
            workflow_template=self.id,
            modeller=cells["modeller"],
            start_time=cells["start_time"],
            end_time=cells["end_time"],
            inputs=sides["input"],
            outputs=sides["output"],
            study=cells.get("study"),
            organisation=cells.get("organisation"),
            model_version=None if version is None else _cell_text("model_version", version),
            annotations=annotations,
        )

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
        raise ValueError(f"{name} must be text; got {safe_repr(value)}. Read the column as text: 1.10 is not 1.1")
    return unicode_text(name, value)


def rows_of(table: Any) -> Iterator[dict[Any, Any]]:
    """Give the rows of a table: a frame of pandas or polars, or a list of dicts."""
    if hasattr(table, "to_dict") and hasattr(table, "columns"):
        if hasattr(table, "to_dicts"):
            yield from table.to_dicts()
        else:
            yield from table.to_dict("records")
        return
    if isinstance(table, str | bytes | Mapping) or not isinstance(table, Iterable):
        raise ValueError(f"rows must be a frame, or a list of dicts or records; got {safe_repr(table)}")
    yield from table

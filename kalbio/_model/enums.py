"""The enumerations of the API. All are open: the server may know more, and plain text is taken wherever a member is."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal


class FilterRuleTypeEnum(StrEnum):
    """How a filter compares. Record search lacks is_not_any_of_text and subfield_rule, which only views take."""

    IS_SET = "is_set"
    IS_EMPTY = "is_empty"
    IS_EQUAL = "is_equal"
    IS_ANY_OF_TEXT = "is_any_of_text"
    IS_NOT_ANY_OF_TEXT = "is_not_any_of_text"
    IS_NOT_EQUAL = "is_not_equal"
    INCLUDES = "includes"
    DOES_NOT_INCLUDE = "does_not_include"
    IS_IN = "is_in"
    IS_NOT_IN = "is_not_in"
    VALUE_IS_SUBSET_OF_PROPS = "value_is_subset_of_props"
    VALUE_IS_SUPERSET_OF_PROPS = "value_is_superset_of_props"
    VALUE_HAS_OVERLAP_WITH_PROPS = "value_has_overlap_with_props"
    VALUE_HAS_NO_OVERLAP_WITH_PROPS = "value_has_no_overlap_with_props"
    VALUE_HAS_SAME_ELEMENTS_AS_PROPS = "value_has_same_elements_as_props"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    IS_LESS_THAN = "is_less_than"
    IS_LESS_THAN_EQUAL = "is_less_than_equal"
    IS_GREATER_THAN = "is_greater_than"
    IS_GREATER_THAN_EQUAL = "is_greater_than_equal"
    IS_BEFORE = "is_before"
    IS_AFTER = "is_after"
    IS_BETWEEN = "is_between"
    IS_BEFORE_RELATIVE_DAY = "is_before_relative_day"
    IS_AFTER_RELATIVE_DAY = "is_after_relative_day"
    IS_BETWEEN_RELATIVE_DAY = "is_between_relative_day"
    IS_BEFORE_RELATIVE_WEEK = "is_before_relative_week"
    IS_AFTER_RELATIVE_WEEK = "is_after_relative_week"
    IS_BETWEEN_RELATIVE_WEEK = "is_between_relative_week"
    IS_BEFORE_RELATIVE_MONTH = "is_before_relative_month"
    IS_AFTER_RELATIVE_MONTH = "is_after_relative_month"
    IS_BETWEEN_RELATIVE_MONTH = "is_between_relative_month"
    IS_LAST_WEEK = "is_last_week"
    IS_THIS_WEEK = "is_this_week"
    IS_NEXT_WEEK = "is_next_week"
    IS_THIS_MONTH = "is_this_month"
    IS_NEXT_MONTH = "is_next_month"
    IS_LAST_UPDATED_AFTER = "is_last_updated_after"
    SUBFIELD_RULE = "subfield_rule"


class ActivityStatusEnum(StrEnum):
    """Known states of an activity. The server owns the list: any text is accepted where a status is."""

    REQUESTED = "requested"
    TODO = "to do"
    IN_PROGRESS = "in progress"
    NEEDS_REVIEW = "needs review"
    BLOCKED = "blocked"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    IN_REVIEW = "in review"
    LOCKED = "locked"
    TO_REVIEW = "to review"
    UPLOAD_COMPLETE = "upload complete"
    NEW = "new"
    IN_DESIGN = "in design"
    READY_TO_MAKE = "ready to make"
    READY_FOR_MAKE = "ready for make"  # another value, of older servers
    IN_SYNTHESIS = "in synthesis"
    IN_TEST = "in test"
    IN_ANALYSIS = "in analysis"
    PARTIALLY_COMPLETE = "partially complete"
    PARKED = "parked"
    COMPLETE = "complete"
    FAILED = "failed"
    ABANDONED = "abandoned"
    IDEATION = "ideation"
    TWO_D_SELECTION = "2D selection"
    COMPUTATION = "computation"
    COMPOUND_SELECTION = "compound selection"
    SELECTED = "selected"
    QUEUE_FOR_SYNTHESIS = "queue for synthesis"
    DATA_REVIEW = "data review"
    DONE = "done"


class CompletedBehaviorEnum(StrEnum):
    """What an activity search does with completed activities."""

    SHOW_ALL = "show-all"
    HIDE_COMPLETED_TREES = "hide-completed-trees"
    HIDE_ALL = "hide-all"


class ContentLayoutComponentTypeEnum(StrEnum):
    """What a content layout item shows."""

    NOTE_SECTION = "note_section"
    SHEET = "sheet"
    PLATEMAP = "platemap"
    RESULT_TABLE = "result_table"
    LOOKUP_TABLE = "lookup_table"
    DRC_CHART = "drc_chart"
    REQUESTS = "requests"


class DataFieldTypeEnum(StrEnum):
    """The type of a field."""

    TEXT = "text"
    NUMBER = "number"
    QUALIFIED_NUMBER = "qualified-number"
    SMILES_STRING = "smiles-string"
    SELECT = "select"
    MULTISELECT = "multiselect"
    MOLFILE = "molfile"
    RECORD_REFERENCE = "record-reference"
    MIXTURE = "mixture"
    FILE = "file"
    IMAGE = "image"
    DATE = "date"
    URL = "URL"
    BOOLEAN = "boolean"
    EMAIL = "email"
    PHONE = "phone"
    FORMULA = "formula"
    PEOPLE = "people"
    VOTES = "votes"
    XY_ARRAY = "xy-array"
    DNA_OLIGO = "dna-oligo"
    RNA_OLIGO = "rna-oligo"
    PEPTIDE = "peptide"
    PEPTID = "peptide"  # the historic spelling: the same member
    PLASMID = "plasmid"
    GOOGLE_DRIVE = "google-drive-file"
    S3_FILE = "s3-file"
    SNOWFLAKE_QUERY = "snowflake-query"
    STATUS = "status"
    RXN = "rxn"
    PROTEIN_STRUCTURE = "protein-structure"


class FormatEnforcementEnum(StrEnum):
    """How strictly the format of a key field is enforced."""

    SUGGEST = "suggest"
    ENFORCE_ONLY = "enforce_only"
    GENERATE = "generate"


class EntityFieldRoleEnum(StrEnum):
    """The role of a key field."""

    REGISTERED_ENTITY = "registered_entity"


class ValueAggregationTypeEnum(StrEnum):
    """How several values of a field are shown as one."""

    LATEST = "latest"
    LIST = "list"
    EARLIEST = "earliest"
    RANGE = "range"
    MEAN = "mean"
    MEDIAN = "median"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"


class LookupDisplayOperationScopeEnum(StrEnum):
    """Which operations a look-up field takes values from."""

    ALL = "all"
    CHILD = "child"
    PARENT = "parent"


class WorkspaceAccessLevelEnum(StrEnum):
    """What a member of the workspace may do."""

    ADMIN = "admin"
    TEAM_MEMBER = "team-member"
    GUEST = "guest"
    VIEWER = "viewer"
    DEACTIVATED = "deactivated"


class RegistrationFileStatusEnum(StrEnum):
    """The state of a registration: of a file, a submission or a draft."""

    PENDING = "pending"
    VALIDATED = "validated"
    VALIDATION_FAILED = "validation_failed"
    SUBMITTED = "submitted"
    COMPLETED = "completed"
    FAILED = "failed"


class RegistrationResultStatusEnum(StrEnum):
    """The outcome that a registrar reports."""

    SUCCESS = "success"
    ERROR = "error"


class RegistrationSubmissionTypeEnum(StrEnum):
    """What a submission asks for."""

    REGISTRATION = "registration"
    VALIDATION = "validation"


ACTIVITY_TYPE_TO_LABEL: dict[str, str] = {
    "task": "Task",
    "experiment": "Experiment",
    "project": "Project",
    "stage": "Stage",
    "milestone": "Milestone",
    "cycle": "Design cycle",
}
"""What the platform calls the types of activities."""

# For type checkers, which find a slip in them. A text that is computed becomes one with FilterRuleTypeEnum(text).

SearchRule = Literal[
    "is_set",
    "is_empty",
    "is_equal",
    "is_any_of_text",
    "is_not_equal",
    "includes",
    "does_not_include",
    "is_in",
    "is_not_in",
    "value_is_subset_of_props",
    "value_is_superset_of_props",
    "value_has_overlap_with_props",
    "value_has_no_overlap_with_props",
    "value_has_same_elements_as_props",
    "starts_with",
    "ends_with",
    "is_less_than",
    "is_less_than_equal",
    "is_greater_than",
    "is_greater_than_equal",
    "is_before",
    "is_after",
    "is_between",
    "is_before_relative_day",
    "is_after_relative_day",
    "is_between_relative_day",
    "is_before_relative_week",
    "is_after_relative_week",
    "is_between_relative_week",
    "is_before_relative_month",
    "is_after_relative_month",
    "is_between_relative_month",
    "is_last_week",
    "is_this_week",
    "is_next_week",
    "is_this_month",
    "is_next_month",
    "is_last_updated_after",
]
"""The texts of the rules that record search knows."""

FilterRule = SearchRule | Literal["is_not_any_of_text", "subfield_rule"]
"""The texts of the rules that views know: `FilterRuleTypeEnum`."""

CompletedBehavior = Literal[
    "show-all",
    "hide-completed-trees",
    "hide-all",
]
"""The texts of `CompletedBehaviorEnum`."""

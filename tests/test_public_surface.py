"""What users import and call: names, parameters and defaults, and that they fit the description of the API."""

from __future__ import annotations

import importlib
import inspect
import json
import re
from functools import cached_property
from importlib.resources import files
from typing import Any

import pytest

import kalbio
import kalbio.provena as provena
from kalbio._model import enums
from tests.rows import row

SPEC = json.loads((files("kaleidoscope_api") / "openapi.json").read_text())
SCHEMAS = SPEC["components"]["schemas"]

NAMES = {
    "client": "PROD_API_URL TIMEOUT_MAXIMUM KalbioAPIError KalbioResponseError",
    "records": "FieldFilter FieldSort FilterRuleTypeEnum Record RecordIdentifier RecordValue RecordsService "
    "SearchRecordsQuery ViewFieldFilter ViewFieldSort",
    "activities": "ACTIVITY_TYPE_TO_LABEL ActivitiesService Activity ActivityDefinition ActivityEvent "
    "ActivityIdentifier ActivityStatusEnum ActivityType Comment CompletedBehaviorEnum ContentLayoutComponentTypeEnum "
    "ContentLayoutItem DefinitionIdentifier Property QueueContentLayoutMapping",
    "entity_fields": "UNSET DataField DataFieldTypeEnum EntityField EntityFieldIdentifier EntityFieldRoleEnum "
    "EntityFieldsService FormatEnforcementEnum KeyField LookupDisplayOperationScopeEnum ValueAggregationTypeEnum",
    "entity_types": "EntityType EntityTypesService",
    "programs": "Program ProgramsService",
    "imports": "ImportRecord ImportResult ImportValidationError ImportValidationResult ImportsService",
    "exports": "ExportsService",
    "files": "FilesService",
    "registration": "RegistrationDraftStatus RegistrationFile RegistrationFileStatusEnum RegistrationFileWithErrors "
    "RegistrationResultError RegistrationResultStatusEnum RegistrationService RegistrationSubmission "
    "RegistrationSubmissionTypeEnum RegistrationSubmissionWithErrors",
}

# Method to its leading parameters; `name=` has a default, `*` begins those by keyword only.
SIGNATURES = {
    "records.Record.add_value": "field_id content activity_id= record_view_id= * verify=",
    "records.Record.update_field": "field_id value activity_id record_view_id= * verify=",
    "records.Record.update_field_file": "field_id file_name file_data= file_type= activity_id= record_view_id= "
    "* progress=",
    "records.Record.get_value_content": "field_id activity_id= include_sub_record_values= sub_record_id= "
    "record_view_id=",
    "records.RecordsService.get_record_by_id": "record_id use_cache=",
    "records.RecordsService.get_records_by_ids": "record_ids batch_size= use_cache=",
    "records.RecordsService.get_or_create_record": "key_values",
    "records.RecordsService.create_record_value_file": "record_id field_id file_name file_data= file_type= "
    "activity_id= * progress=",
    "activities.ActivitiesService.create_activity": "title activity_type program_ids= activity_definition_id= "
    "assigned_user_ids= subscriber_ids= start_date= duration=",
    "activities.ActivitiesService.get_activities": "* use_cache=",
    "activities.ActivitiesService.get_activities_with_record": "record_id use_cache=",
    "activities.ActivitiesService.search_activities": "* search_text= activity_types= definition_ids= record_ids= "
    "statuses= label_ids= assigned_user_ids= created_by= parent_id= limit= completed_behavior=",
    "activities.Activity.remove_records": "record_ids record_view_id=",
    "activities.Property.update_property_file": "file_name file_data= file_type= * progress=",
    "entity_fields.EntityFieldsService.get_or_create_data_field": "field_name field_type",
    "programs.ProgramsService.update_program": "program_id title",
    "imports.ImportsService.push_data": "key_field_names data source_id= operation_id= program_id= record_view_id= "
    "add_fields_to_record_view_ids= set_name= record_view_ids= * batch_size= journal= stop_on_error= progress= "
    "timeout=",
    "imports.ImportsService.push_data_by_field_id": "key_field_ids data operation_id= program_id= record_view_ids= "
    "set_name=",
    "imports.ImportsService.get_imports": "is_complete= page= page_size=",
    "exports.ExportsService.pull_data": "filename entity_slice_id download_path= record_view_id= view_field_ids= "
    "identifier_ids= record_set_ids= program_id= operation_id= view_field_filters= view_field_sorts= "
    "entity_field_filters= entity_field_sorts= search_text= * overwrite= progress= where= sorts= "
    "record_set_id= record_set_filters=",
    "files.FilesService.download_file": "file_id filename= destination= activity_id= * overwrite= progress= sha256=",
    "registration.RegistrationService.submit_results": "operation_id file_id status message= key_field_names= "
    "records= * error_message=",
    "registration.RegistrationService.push_status": "operation_id file_id status message=",
    "registration.RegistrationService.stage_drafts": "operation_id key_field_names data replace_existing= * import_id=",
    "registration.RegistrationService.submit_submission_results": "operation_id submission_id status message= "
    "key_field_names= records=",
}

UPDATES = {
    "activities.Activity.update": "UpdateActivityBody",
    "activities.ActivityDefinition.update": "UpdateActivityDefinitionBody",
    "entity_fields.KeyField.update": "UpdateKeyFieldBody",
    "entity_fields.DataField.update": "UpdateDataFieldBody",
}

ENUMS = {
    "ActivityStatusEnum": "ActivityStatus",
    "CompletedBehaviorEnum": "CompletedBehavior",
    "ContentLayoutComponentTypeEnum": "ContentLayoutComponentType",
    "DataFieldTypeEnum": "FieldType",
    "EntityFieldRoleEnum": "KeyFieldRole",
    "FilterRuleTypeEnum": "FilterRuleType",
    "FormatEnforcementEnum": "KeyFieldFormatEnforcement",
    "LookupDisplayOperationScopeEnum": "LookupOperationScope",
    "RegistrationFileStatusEnum": "RegistrationStatus",
    "RegistrationResultStatusEnum": "RegistrationResultStatus",
    "RegistrationSubmissionTypeEnum": "RegistrationSubmissionType",
    "ValueAggregationTypeEnum": "ValueAggregation",
    "WorkspaceAccessLevelEnum": "WorkspaceAccessLevel",
}


def lookup(world: str, path: str) -> Any:
    """Return what a dotted path names in one world."""
    module, *names = path.split(".")
    value: Any = importlib.import_module(f"{world}.{module}")
    for name in names:
        value = getattr(value, name)
    return value


def shown(function: Any) -> str:
    """Write a signature as the table above does."""
    parts: list[str] = []
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        parts.append(parameter.name if parameter.default is parameter.empty else f"{parameter.name}=")
    return " ".join(parts)


@pytest.mark.parametrize("world", ["kalbio", "kalbio.aio"])
def test_names_stand_in_their_modules(world: str) -> None:
    """Every documented name can be imported from its module, in both worlds."""
    missing = [
        f"{world}.{module}.{name}"
        for module, names in NAMES.items()
        for name in names.split()
        if not hasattr(importlib.import_module(f"{world}.{module}"), name)
    ]
    assert missing == []


@pytest.mark.parametrize("world", ["kalbio", "kalbio.aio"])
def test_parameters_stay_in_their_order(world: str) -> None:
    """The names, the order and the optional ones of the parameters are as documented, in both worlds."""
    for path in SIGNATURES:
        with row(path):
            assert shown(lookup(world, path)) == SIGNATURES[path]


@pytest.mark.parametrize("path", UPDATES)
def test_updates_name_what_the_description_knows(path: str) -> None:
    """Every named parameter of an update is a member of its request body, and by default is not sent."""
    from kalbio import UNSET

    parameters = list(inspect.signature(lookup("kalbio", path)).parameters.values())[1:]
    named = [item for item in parameters if item.kind is item.KEYWORD_ONLY]
    assert {item.name for item in named} <= set(SCHEMAS[UPDATES[path]]["properties"])
    assert all(item.default is UNSET for item in named)
    assert len(named) >= 10


@pytest.mark.parametrize("name", ENUMS)
def test_enumerations_cover_the_description(name: str) -> None:
    """Every value that the description lists is a member, and no member is unknown to it."""
    schema = SCHEMAS[ENUMS[name]]
    listed = set(schema.get("enum") or schema.get("x-known-values") or next(
        part["enum"] for part in schema.get("anyOf", schema.get("oneOf", ())) if "enum" in part
    ))  # fmt: skip
    members = {member.value for member in getattr(enums, name)}
    assert listed - members == set()
    assert members - listed <= ({"ready for make"} if name == "ActivityStatusEnum" else set())


def test_both_spellings_of_peptide_are_one() -> None:
    """The historic spelling names the same member."""
    assert enums.DataFieldTypeEnum["PEPTID"] is enums.DataFieldTypeEnum.PEPTIDE


def test_rules_that_only_views_know_are_named() -> None:
    """The enumeration of filter rules names those that record search lacks."""
    lacking = set(enums.FilterRuleTypeEnum) - set(SCHEMAS["SearchFilterRuleType"]["enum"])
    named = set(re.findall(r"\w+", enums.FilterRuleTypeEnum.__doc__ or "")) & set(enums.FilterRuleTypeEnum)
    assert named == lacking


@pytest.mark.parametrize("world", ["kalbio", "kalbio.aio"])
def test_services_show_their_calls_and_nothing_else(world: str) -> None:
    """What completion offers on a service are its calls, the clearing of its caches and the types of its queries."""
    kind = lookup(world, "client.KaleidoscopeClient" if world == "kalbio" else "client.AsyncKaleidoscopeClient")
    client = kind(client_id="x", client_secret="y")
    others = set()
    for name in (name for name in dir(type(client)) if isinstance(getattr(type(client), name), cached_property)):
        service = getattr(client, name)
        if not isinstance(service, lookup(world, "_service.Service")):
            continue
        for attribute in (attribute for attribute in dir(service) if not attribute.startswith("_")):
            value = getattr(type(service), attribute, None)
            if "API operation" not in (inspect.getdoc(value) or ""):
                others.add(attribute)
    assert others == {"clear_caches", "clear_record_caches", "EventsQuery"}


@pytest.mark.parametrize("world", ["", "Async"])
def test_completion_of_a_client_has_what_programs_use(world: str) -> None:
    """What services are made of is left out by `dir`, and is there for the services."""
    auth = provena.ClientCredentialsFlow(provena.Config("a.invalid", "b"), "id", "sandbox-secret")
    clients = [
        getattr(kalbio, f"{world}KaleidoscopeClient")("id", "sandbox-secret", "http://sandbox.invalid"),
        getattr(provena, f"{world}ProvenaClient")(auth),
    ]
    for client, inside, usual in zip(
        clients,
        ("session directory", "session directory store_clients"),
        ("records call", "datasets call"),
        strict=True,
    ):
        assert set(inside.split()) & set(dir(client)) == set()
        assert all(getattr(client, name) is not None for name in inside.split())
        assert set(usual.split()) <= set(dir(client))

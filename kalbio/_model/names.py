"""Which listings have the name of what a member of an object names by its id."""

from __future__ import annotations

from kalbio._model import staleness

_MEMBERS = {
    (staleness.ACTIVITY,): "operation_id operation_ids initial_operation_id parent_id child_ids dependencies",
    (staleness.DEFINITION,): "definition_id operation_definition_ids",
    (staleness.DATA_FIELD, staleness.KEY_FIELD): "field_id",
    (staleness.DATA_FIELD,): "data_field_id group_by_field_id incrementing_field_ids registration_status_field_id",
    (staleness.KEY_FIELD,): "key_field_id key_field_ids",
    (staleness.PROPERTY_FIELD,): "property_field_id registration_property_field_id",
    (staleness.ENTITY_TYPE,): "entity_slice_id ref_slice_id",
    (staleness.VIEW,): "record_view_id parent_record_view_id registration_record_view_id"
    " registration_result_record_view_id registration_staging_record_view_id",
    (staleness.PROGRAM,): "program_ids",
    (staleness.LABEL,): "label_ids",
    (staleness.GROUP,): "assigned_group_ids",
    (staleness.USER,): "assigned_user_ids created_by event_user_id last_updated_by mentioned_user_ids subscriber_ids"
    " user_ids",
}

LISTINGS_OF_MEMBER = {member: kinds for kinds, members in _MEMBERS.items() for member in members.split()}
"""The member, and the kinds of the listings, in the order in which they are looked into."""

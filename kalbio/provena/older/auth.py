# Derived from kalbio/provena/aio/older/auth.py by scripts/regenerate; edit that file. (digest e3d7465d4c29)
"""Access requests, groups, and the links of users to Persons."""

from __future__ import annotations

from provena_api.api.auth import (
    auth_access_control_admin_add_note,
    auth_access_control_admin_all_pending_request_history,
    auth_access_control_admin_all_request_history,
    auth_access_control_admin_change_request_state,
    auth_access_control_admin_user_pending_request_history,
    auth_access_control_admin_user_request_history,
    auth_access_control_user_generate_access_report,
    auth_access_control_user_pending_request_history,
    auth_access_control_user_request_change,
    auth_access_control_user_request_history,
    auth_groups_admin_add_group,
    auth_groups_admin_add_member,
    auth_groups_admin_check_membership,
    auth_groups_admin_describe_group,
    auth_groups_admin_export,
    auth_groups_admin_import,
    auth_groups_admin_list_groups,
    auth_groups_admin_list_members,
    auth_groups_admin_list_user_membership,
    auth_groups_admin_remove_member,
    auth_groups_admin_restore_from_table,
    auth_groups_admin_update_group,
    auth_groups_user_check_membership,
    auth_groups_user_describe_group,
    auth_groups_user_list_groups,
    auth_groups_user_list_members,
    auth_groups_user_list_user_membership,
    auth_health_check,
    auth_link_admin_assign,
    auth_link_admin_clear,
    auth_link_admin_lookup,
    auth_link_admin_reverse_lookup,
    auth_link_user_assign,
    auth_link_user_lookup,
    auth_link_user_validate,
)

from kalbio._core.concurrency.forks import cached_property
from kalbio.provena._model.schema import body_of
from kalbio.provena.models import (
    AccessReport,
    AccessReportResponse,
    AccessRequestList,
    AccessRequestStatusChange,
    AddGroupResponse,
    AddMemberResponse,
    AdminLinkUserAssignRequest,
    AdminLinkUserAssignResponse,
    AdminLinkUserClearResponse,
    AdminLinkUserLookupResponse,
    ChangeStateStatus,
    CheckMembershipResponse,
    DescribeGroupResponse,
    GroupsExportResponse,
    GroupsImportRequest,
    GroupsImportResponse,
    GroupsRestoreRequest,
    GroupUser,
    HealthCheckResponse,
    ListGroupsResponse,
    ListMembersResponse,
    ListUserMembershipResponse,
    RemoveMemberResponse,
    RequestAddNote,
    Status,
    StatusResponse,
    UpdateGroupResponse,
    UserGroupMetadata,
    UserLinkReverseLookupResponse,
    UserLinkUserAssignRequest,
    UserLinkUserAssignResponse,
    UserLinkUserLookupResponse,
    UserLinkUserValidateResponse,
)
from kalbio.provena.older._calls import OlderClient, flag_or_unset, text, text_or_unset


class AuthAdminSubClient(OlderClient):
    """What administrators do with access requests, groups and links."""

    def get_all_pending_request_history(self) -> AccessRequestList:
        """List the open access requests of all users. Operation `authAccessControlAdminAllPendingRequestHistory`."""
        return self._ask(auth_access_control_admin_all_pending_request_history.build_request(), AccessRequestList)

    def get_all_request_history(self) -> AccessRequestList:
        """List the access requests of all users. Operation `authAccessControlAdminAllRequestHistory`."""
        return self._ask(auth_access_control_admin_all_request_history.build_request(), AccessRequestList)

    def get_user_pending_request_history(self, username: str) -> AccessRequestList:
        """List the open access requests of a user. Operation `authAccessControlAdminUserPendingRequestHistory`."""
        return self._ask(
            auth_access_control_admin_user_pending_request_history.build_request(username=text("username", username)),
            AccessRequestList,
        )

    def get_user_request_history(self, username: str) -> AccessRequestList:
        """List the access requests of a user. Operation `authAccessControlAdminUserRequestHistory`."""
        return self._ask(
            auth_access_control_admin_user_request_history.build_request(username=text("username", username)),
            AccessRequestList,
        )

    def post_add_note(self, note: RequestAddNote) -> Status:
        """Add a note to an access request. Operation `authAccessControlAdminAddNote`."""
        return self._ask(
            auth_access_control_admin_add_note.build_request(body=body_of("note", note, RequestAddNote)), Status
        )

    def post_change_request_state(self, send_email_alert: bool, change: AccessRequestStatusChange) -> ChangeStateStatus:
        """Change the state of an access request. Operation `authAccessControlAdminChangeRequestState`."""
        return self._ask(
            auth_access_control_admin_change_request_state.build_request(
                send_email_alert=flag_or_unset("send_email_alert", send_email_alert),
                body=body_of("change", change, AccessRequestStatusChange),
            ),
            ChangeStateStatus,
        )

    def get_list_groups(self) -> ListGroupsResponse:
        """List the groups. Operation `authGroupsAdminListGroups`."""
        return self._ask(auth_groups_admin_list_groups.build_request(), ListGroupsResponse)

    def get_describe_group(self, group_id: str) -> DescribeGroupResponse:
        """Get a group. Operation `authGroupsAdminDescribeGroup`."""
        return self._ask(
            auth_groups_admin_describe_group.build_request(id=text("group_id", group_id)), DescribeGroupResponse
        )

    def get_list_members(self, group_id: str) -> ListMembersResponse:
        """List the members of a group. Operation `authGroupsAdminListMembers`."""
        return self._ask(
            auth_groups_admin_list_members.build_request(id=text("group_id", group_id)), ListMembersResponse
        )

    def get_list_group_membership(self, username: str) -> ListUserMembershipResponse:
        """List the groups of a user. Operation `authGroupsAdminListUserMembership`."""
        return self._ask(
            auth_groups_admin_list_user_membership.build_request(username=text("username", username)),
            ListUserMembershipResponse,
        )

    def get_check_user_membership(self, username: str, group_id: str) -> CheckMembershipResponse:
        """Tell whether a user is a member of a group. Operation `authGroupsAdminCheckMembership`."""
        return self._ask(
            auth_groups_admin_check_membership.build_request(
                username=text("username", username), group_id=text("group_id", group_id)
            ),
            CheckMembershipResponse,
        )

    def post_groups_add_member(self, group_id: str, user: GroupUser) -> AddMemberResponse:
        """Add a member to a group. Operation `authGroupsAdminAddMember`."""
        return self._ask(
            auth_groups_admin_add_member.build_request(
                group_id=text("group_id", group_id), body=body_of("user", user, GroupUser)
            ),
            AddMemberResponse,
        )

    def delete_remove_member(self, group_id: str, username: str) -> RemoveMemberResponse:
        """Remove a member from a group. Operation `authGroupsAdminRemoveMember`."""
        return self._ask(
            auth_groups_admin_remove_member.build_request(
                group_id=text("group_id", group_id), username=text("username", username)
            ),
            RemoveMemberResponse,
        )

    def post_add_group(self, group: UserGroupMetadata) -> AddGroupResponse:
        """Create a group. Operation `authGroupsAdminAddGroup`."""
        return self._ask(
            auth_groups_admin_add_group.build_request(body=body_of("group", group, UserGroupMetadata)), AddGroupResponse
        )

    def put_update_group(self, group: UserGroupMetadata) -> UpdateGroupResponse:
        """Replace the data of a group. Operation `authGroupsAdminUpdateGroup`."""
        return self._ask(
            auth_groups_admin_update_group.build_request(body=body_of("group", group, UserGroupMetadata)),
            UpdateGroupResponse,
        )

    def get_export_groups(self) -> GroupsExportResponse:
        """Export all groups. Operation `authGroupsAdminExport`."""
        return self._ask(auth_groups_admin_export.build_request(), GroupsExportResponse)

    def post_import_groups(self, body: GroupsImportRequest) -> GroupsImportResponse:
        """Import groups. Nothing is written unless its `trial_mode` is False. Operation `authGroupsAdminImport`."""
        return self._ask(
            auth_groups_admin_import.build_request(body=body_of("body", body, GroupsImportRequest)),
            GroupsImportResponse,
        )

    def post_restore_groups_from_table(self, table_name: str, body: GroupsRestoreRequest) -> GroupsImportResponse:
        """Import the groups of another table. Nothing is written unless its `trial_mode` is False.

        Operation `authGroupsAdminRestoreFromTable`.
        """
        return self._ask(
            auth_groups_admin_restore_from_table.build_request(
                table_name=text("table_name", table_name), body=body_of("body", body, GroupsRestoreRequest)
            ),
            GroupsImportResponse,
        )

    def get_link_lookup_username(self, username: str) -> AdminLinkUserLookupResponse:
        """Find the Person that a user is linked to. Operation `authLinkAdminLookup`."""
        return self._ask(
            auth_link_admin_lookup.build_request(username=text("username", username)), AdminLinkUserLookupResponse
        )

    def get_link_reverse_lookup_username(self, person_id: str) -> UserLinkReverseLookupResponse:
        """List the users that are linked to a Person. Operation `authLinkAdminReverseLookup`."""
        return self._ask(
            auth_link_admin_reverse_lookup.build_request(person_id=text("person_id", person_id)),
            UserLinkReverseLookupResponse,
        )

    def post_link_assign(self, body: AdminLinkUserAssignRequest) -> AdminLinkUserAssignResponse:
        """Link a user to a Person. Operation `authLinkAdminAssign`."""
        return self._ask(
            auth_link_admin_assign.build_request(body=body_of("body", body, AdminLinkUserAssignRequest)),
            AdminLinkUserAssignResponse,
        )

    def delete_clear_link(self, username: str) -> AdminLinkUserClearResponse:
        """Remove the link of a user. Operation `authLinkAdminClear`."""
        return self._ask(
            auth_link_admin_clear.build_request(username=text("username", username)), AdminLinkUserClearResponse
        )


class AuthClient(OlderClient):
    """The auth service."""

    @cached_property
    def admin(self) -> AuthAdminSubClient:
        """What administrators do."""
        return self.as_kind(AuthAdminSubClient)

    def get_health_check(self) -> HealthCheckResponse:
        """Check that the service answers. Operation `authHealthCheck`."""
        return self._ask(auth_health_check.build_request(), HealthCheckResponse)

    def get_user_request_history(self) -> AccessRequestList:
        """List the access requests of the caller. Operation `authAccessControlUserRequestHistory`."""
        return self._ask(auth_access_control_user_request_history.build_request(), AccessRequestList)

    def post_user_request_change(self, body: AccessReport, send_email: bool) -> StatusResponse:
        """Ask for other roles, with a report that has them as they should be.

        Operation `authAccessControlUserRequestChange`.
        """
        return self._ask(
            auth_access_control_user_request_change.build_request(
                send_email=flag_or_unset("send_email", send_email), body=body_of("body", body, AccessReport)
            ),
            StatusResponse,
        )

    def get_user_pending_request_history(self) -> AccessRequestList:
        """List the open access requests of the caller. Operation `authAccessControlUserPendingRequestHistory`."""
        return self._ask(auth_access_control_user_pending_request_history.build_request(), AccessRequestList)

    def get_user_generate_access_report(self) -> AccessReportResponse:
        """Tell which roles the caller has. Operation `authAccessControlUserGenerateAccessReport`."""
        return self._ask(auth_access_control_user_generate_access_report.build_request(), AccessReportResponse)

    def get_list_groups(self) -> ListGroupsResponse:
        """List the groups. Operation `authGroupsUserListGroups`."""
        return self._ask(auth_groups_user_list_groups.build_request(), ListGroupsResponse)

    def get_describe_group(self, group_id: str) -> DescribeGroupResponse:
        """Get a group. Operation `authGroupsUserDescribeGroup`."""
        return self._ask(
            auth_groups_user_describe_group.build_request(id=text("group_id", group_id)), DescribeGroupResponse
        )

    def get_list_membership(self) -> ListUserMembershipResponse:
        """List the groups of the caller. Operation `authGroupsUserListUserMembership`."""
        return self._ask(auth_groups_user_list_user_membership.build_request(), ListUserMembershipResponse)

    def get_list_group_members(self, group_id: str) -> ListMembersResponse:
        """List the members of a group of the caller. Operation `authGroupsUserListMembers`."""
        return self._ask(
            auth_groups_user_list_members.build_request(id=text("group_id", group_id)), ListMembersResponse
        )

    def get_check_membership(self, group_id: str) -> CheckMembershipResponse:
        """Tell whether the caller is a member of a group. Operation `authGroupsUserCheckMembership`."""
        return self._ask(
            auth_groups_user_check_membership.build_request(group_id=text("group_id", group_id)),
            CheckMembershipResponse,
        )

    def get_link_lookup_username(self, username: str | None = None) -> UserLinkUserLookupResponse:
        """Find the Person that a user, by default the caller, is linked to. Operation `authLinkUserLookup`."""
        return self._ask(
            auth_link_user_lookup.build_request(username=text_or_unset("username", username)),
            UserLinkUserLookupResponse,
        )

    def post_link_assign(self, body: UserLinkUserAssignRequest) -> UserLinkUserAssignResponse:
        """Link the caller to a Person of their own. Operation `authLinkUserAssign`."""
        return self._ask(
            auth_link_user_assign.build_request(body=body_of("body", body, UserLinkUserAssignRequest)),
            UserLinkUserAssignResponse,
        )

    def post_link_validate(self, body: UserLinkUserAssignRequest) -> UserLinkUserValidateResponse:
        """Check whether the caller could be linked to a Person. Operation `authLinkUserValidate`."""
        return self._ask(
            auth_link_user_validate.build_request(body=body_of("body", body, UserLinkUserAssignRequest)),
            UserLinkUserValidateResponse,
        )

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
from kalbio.provena.aio.older._calls import OlderClient, flag_or_unset, text, text_or_unset
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


class AuthAdminSubClient(OlderClient):
    """What administrators do with access requests, groups and links."""

    async def get_all_pending_request_history(self) -> AccessRequestList:
        """List the open access requests of all users. Operation `authAccessControlAdminAllPendingRequestHistory`."""
        return await self._ask(auth_access_control_admin_all_pending_request_history.build_request(), AccessRequestList)

    async def get_all_request_history(self) -> AccessRequestList:
        """List the access requests of all users. Operation `authAccessControlAdminAllRequestHistory`."""
        return await self._ask(auth_access_control_admin_all_request_history.build_request(), AccessRequestList)

    async def get_user_pending_request_history(self, username: str) -> AccessRequestList:
        """List the open access requests of a user. Operation `authAccessControlAdminUserPendingRequestHistory`."""
        return await self._ask(
            auth_access_control_admin_user_pending_request_history.build_request(username=text("username", username)),
            AccessRequestList,
        )

    async def get_user_request_history(self, username: str) -> AccessRequestList:
        """List the access requests of a user. Operation `authAccessControlAdminUserRequestHistory`."""
        return await self._ask(
            auth_access_control_admin_user_request_history.build_request(username=text("username", username)),
            AccessRequestList,
        )

    async def post_add_note(self, note: RequestAddNote) -> Status:
        """Add a note to an access request. Operation `authAccessControlAdminAddNote`."""
        return await self._ask(
            auth_access_control_admin_add_note.build_request(body=body_of("note", note, RequestAddNote)), Status
        )

    async def post_change_request_state(
        self, send_email_alert: bool, change: AccessRequestStatusChange
    ) -> ChangeStateStatus:
        """Change the state of an access request. Operation `authAccessControlAdminChangeRequestState`."""
        return await self._ask(
            auth_access_control_admin_change_request_state.build_request(
                send_email_alert=flag_or_unset("send_email_alert", send_email_alert),
                body=body_of("change", change, AccessRequestStatusChange),
            ),
            ChangeStateStatus,
        )

    async def get_list_groups(self) -> ListGroupsResponse:
        """List the groups. Operation `authGroupsAdminListGroups`."""
        return await self._ask(auth_groups_admin_list_groups.build_request(), ListGroupsResponse)

    async def get_describe_group(self, group_id: str) -> DescribeGroupResponse:
        """Get a group. Operation `authGroupsAdminDescribeGroup`."""
        return await self._ask(
            auth_groups_admin_describe_group.build_request(id=text("group_id", group_id)), DescribeGroupResponse
        )

    async def get_list_members(self, group_id: str) -> ListMembersResponse:
        """List the members of a group. Operation `authGroupsAdminListMembers`."""
        return await self._ask(
            auth_groups_admin_list_members.build_request(id=text("group_id", group_id)), ListMembersResponse
        )

    async def get_list_group_membership(self, username: str) -> ListUserMembershipResponse:
        """List the groups of a user. Operation `authGroupsAdminListUserMembership`."""
        return await self._ask(
            auth_groups_admin_list_user_membership.build_request(username=text("username", username)),
            ListUserMembershipResponse,
        )

    async def get_check_user_membership(self, username: str, group_id: str) -> CheckMembershipResponse:
        """Tell whether a user is a member of a group. Operation `authGroupsAdminCheckMembership`."""
        return await self._ask(
            auth_groups_admin_check_membership.build_request(
                username=text("username", username), group_id=text("group_id", group_id)
            ),
            CheckMembershipResponse,
        )

    async def post_groups_add_member(self, group_id: str, user: GroupUser) -> AddMemberResponse:
        """Add a member to a group. Operation `authGroupsAdminAddMember`."""
        return await self._ask(
            auth_groups_admin_add_member.build_request(
                group_id=text("group_id", group_id), body=body_of("user", user, GroupUser)
            ),
            AddMemberResponse,
        )

    async def delete_remove_member(self, group_id: str, username: str) -> RemoveMemberResponse:
        """Remove a member from a group. Operation `authGroupsAdminRemoveMember`."""
        return await self._ask(
            auth_groups_admin_remove_member.build_request(
                group_id=text("group_id", group_id), username=text("username", username)
            ),
            RemoveMemberResponse,
        )

    async def post_add_group(self, group: UserGroupMetadata) -> AddGroupResponse:
        """Create a group. Operation `authGroupsAdminAddGroup`."""
        return await self._ask(
            auth_groups_admin_add_group.build_request(body=body_of("group", group, UserGroupMetadata)), AddGroupResponse
        )

    async def put_update_group(self, group: UserGroupMetadata) -> UpdateGroupResponse:
        """Replace the data of a group. Operation `authGroupsAdminUpdateGroup`."""
        return await self._ask(
            auth_groups_admin_update_group.build_request(body=body_of("group", group, UserGroupMetadata)),
            UpdateGroupResponse,
        )

    async def get_export_groups(self) -> GroupsExportResponse:
        """Export all groups. Operation `authGroupsAdminExport`."""
        return await self._ask(auth_groups_admin_export.build_request(), GroupsExportResponse)

    async def post_import_groups(self, body: GroupsImportRequest) -> GroupsImportResponse:
        """Import groups. Nothing is written unless its `trial_mode` is False. Operation `authGroupsAdminImport`."""
        return await self._ask(
            auth_groups_admin_import.build_request(body=body_of("body", body, GroupsImportRequest)),
            GroupsImportResponse,
        )

    async def post_restore_groups_from_table(self, table_name: str, body: GroupsRestoreRequest) -> GroupsImportResponse:
        """Import the groups of another table. Nothing is written unless its `trial_mode` is False.

        Operation `authGroupsAdminRestoreFromTable`.
        """
        return await self._ask(
            auth_groups_admin_restore_from_table.build_request(
                table_name=text("table_name", table_name), body=body_of("body", body, GroupsRestoreRequest)
            ),
            GroupsImportResponse,
        )

    async def get_link_lookup_username(self, username: str) -> AdminLinkUserLookupResponse:
        """Find the Person that a user is linked to. Operation `authLinkAdminLookup`."""
        return await self._ask(
            auth_link_admin_lookup.build_request(username=text("username", username)), AdminLinkUserLookupResponse
        )

    async def get_link_reverse_lookup_username(self, person_id: str) -> UserLinkReverseLookupResponse:
        """List the users that are linked to a Person. Operation `authLinkAdminReverseLookup`."""
        return await self._ask(
            auth_link_admin_reverse_lookup.build_request(person_id=text("person_id", person_id)),
            UserLinkReverseLookupResponse,
        )

    async def post_link_assign(self, body: AdminLinkUserAssignRequest) -> AdminLinkUserAssignResponse:
        """Link a user to a Person. Operation `authLinkAdminAssign`."""
        return await self._ask(
            auth_link_admin_assign.build_request(body=body_of("body", body, AdminLinkUserAssignRequest)),
            AdminLinkUserAssignResponse,
        )

    async def delete_clear_link(self, username: str) -> AdminLinkUserClearResponse:
        """Remove the link of a user. Operation `authLinkAdminClear`."""
        return await self._ask(
            auth_link_admin_clear.build_request(username=text("username", username)), AdminLinkUserClearResponse
        )


class AuthClient(OlderClient):
    """The auth service."""

    @cached_property
    def admin(self) -> AuthAdminSubClient:
        """What administrators do."""
        return self.as_kind(AuthAdminSubClient)

    async def get_health_check(self) -> HealthCheckResponse:
        """Check that the service answers. Operation `authHealthCheck`."""
        return await self._ask(auth_health_check.build_request(), HealthCheckResponse)

    async def get_user_request_history(self) -> AccessRequestList:
        """List the access requests of the caller. Operation `authAccessControlUserRequestHistory`."""
        return await self._ask(auth_access_control_user_request_history.build_request(), AccessRequestList)

    async def post_user_request_change(self, body: AccessReport, send_email: bool) -> StatusResponse:
        """Ask for other roles, with a report that has them as they should be.

        Operation `authAccessControlUserRequestChange`.
        """
        return await self._ask(
            auth_access_control_user_request_change.build_request(
                send_email=flag_or_unset("send_email", send_email), body=body_of("body", body, AccessReport)
            ),
            StatusResponse,
        )

    async def get_user_pending_request_history(self) -> AccessRequestList:
        """List the open access requests of the caller. Operation `authAccessControlUserPendingRequestHistory`."""
        return await self._ask(auth_access_control_user_pending_request_history.build_request(), AccessRequestList)

    async def get_user_generate_access_report(self) -> AccessReportResponse:
        """Tell which roles the caller has. Operation `authAccessControlUserGenerateAccessReport`."""
        return await self._ask(auth_access_control_user_generate_access_report.build_request(), AccessReportResponse)

    async def get_list_groups(self) -> ListGroupsResponse:
        """List the groups. Operation `authGroupsUserListGroups`."""
        return await self._ask(auth_groups_user_list_groups.build_request(), ListGroupsResponse)

    async def get_describe_group(self, group_id: str) -> DescribeGroupResponse:
        """Get a group. Operation `authGroupsUserDescribeGroup`."""
        return await self._ask(
            auth_groups_user_describe_group.build_request(id=text("group_id", group_id)), DescribeGroupResponse
        )

    async def get_list_membership(self) -> ListUserMembershipResponse:
        """List the groups of the caller. Operation `authGroupsUserListUserMembership`."""
        return await self._ask(auth_groups_user_list_user_membership.build_request(), ListUserMembershipResponse)

    async def get_list_group_members(self, group_id: str) -> ListMembersResponse:
        """List the members of a group of the caller. Operation `authGroupsUserListMembers`."""
        return await self._ask(
            auth_groups_user_list_members.build_request(id=text("group_id", group_id)), ListMembersResponse
        )

    async def get_check_membership(self, group_id: str) -> CheckMembershipResponse:
        """Tell whether the caller is a member of a group. Operation `authGroupsUserCheckMembership`."""
        return await self._ask(
            auth_groups_user_check_membership.build_request(group_id=text("group_id", group_id)),
            CheckMembershipResponse,
        )

    async def get_link_lookup_username(self, username: str | None = None) -> UserLinkUserLookupResponse:
        """Find the Person that a user, by default the caller, is linked to. Operation `authLinkUserLookup`."""
        return await self._ask(
            auth_link_user_lookup.build_request(username=text_or_unset("username", username)),
            UserLinkUserLookupResponse,
        )

    async def post_link_assign(self, body: UserLinkUserAssignRequest) -> UserLinkUserAssignResponse:
        """Link the caller to a Person of their own. Operation `authLinkUserAssign`."""
        return await self._ask(
            auth_link_user_assign.build_request(body=body_of("body", body, UserLinkUserAssignRequest)),
            UserLinkUserAssignResponse,
        )

    async def post_link_validate(self, body: UserLinkUserAssignRequest) -> UserLinkUserValidateResponse:
        """Check whether the caller could be linked to a Person. Operation `authLinkUserValidate`."""
        return await self._ask(
            auth_link_user_validate.build_request(body=body_of("body", body, UserLinkUserAssignRequest)),
            UserLinkUserValidateResponse,
        )

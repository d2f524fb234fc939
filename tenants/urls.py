"""Addresses of tenants: the settings every tenant has, the way into a team, and between tenants."""

from django.urls import URLPattern, URLResolver, path

from tenants import team_views, views

urlpatterns: list[URLPattern | URLResolver] = [
    path("tenant/", views.no_tenant, name="no_tenant"),
    path("tenant/switch/", views.switch, name="tenant_switch"),
    path("invitations/<str:token>/", team_views.invitation, name="invitation"),
    path("settings/sandboxes/new/", views.new_sandbox, name="sandbox_new"),
    path("settings/team/", team_views.members, name="settings_team"),
    path("settings/team/invite/", team_views.invite, name="team_invite"),
    path("settings/team/leave/", team_views.leave, name="team_leave"),
    path("settings/team/invitations/<uuid:invitation>/resend/", team_views.resend, name="invitation_resend"),
    path("settings/team/invitations/<uuid:invitation>/revoke/", team_views.revoke, name="invitation_revoke"),
    path("settings/team/<uuid:member>/role/", team_views.change_role, name="team_role"),
    path("settings/team/<uuid:member>/remove/", team_views.remove, name="team_remove"),
    path("settings/sender/", views.sender_identity, name="settings_sender"),
    path("settings/keys/", views.api_keys, name="settings_keys"),
    path("settings/keys/<uuid:key>/revoke/", views.revoke_key, name="key_revoke"),
    path("settings/clock/", views.sandbox_clock, name="sandbox_clock"),
    path("settings/clock/forward/", views.move_clock, name="clock_forward"),
    path("settings/clock/reset/", views.reset_clock, name="clock_reset"),
    path("settings/audit/", views.audit_log, name="settings_audit"),
]

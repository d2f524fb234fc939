"""Addresses of delivery."""

from django.urls import URLPattern, URLResolver, path

from delivery import (
    alarm_views,
    cap_views,
    explain_views,
    inbox_views,
    provider_views,
    quiet_views,
    results_views,
    speed_views,
    tracking_views,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("campaigns/<uuid:public_id>/progress/", results_views.campaign_progress, name="campaign_progress"),
    path("campaigns/<uuid:public_id>/people/", results_views.campaign_people, name="campaign_people"),
    path(
        "campaigns/<uuid:public_id>/results.csv",
        results_views.campaign_results_csv,
        name="campaign_results_csv",
    ),
    path("campaigns/<uuid:public_id>/why/", explain_views.campaign_why, name="campaign_why"),
    path("people/<uuid:public_id>/why/", explain_views.profile_why, name="profile_why"),
    path("campaigns/<uuid:public_id>/alarms/", alarm_views.campaign_alarms, name="campaign_alarms"),
    path("alarms/", alarm_views.alarm_list, name="alarms"),
    path("alarms/count/", alarm_views.alarm_count, name="alarm_count"),
    path("alarms/lines/", alarm_views.alarm_lines, name="alarm_lines"),
    path("inbox/", inbox_views.mail_list, name="inbox"),
    path("inbox/<uuid:public_id>/", inbox_views.mail_detail, name="inbox_message"),
    path("inbox/<uuid:public_id>/frame/", inbox_views.mail_frame, name="inbox_frame"),
    path("settings/caps/", cap_views.cap_list, name="settings_caps"),
    path("settings/caps/new/", cap_views.cap_new, name="cap_new"),
    path("settings/caps/<uuid:public_id>/", cap_views.cap_change, name="cap_change"),
    path("settings/caps/<uuid:public_id>/remove/", cap_views.cap_remove, name="cap_remove"),
    path("settings/quiet-hours/", quiet_views.quiet_hours, name="settings_quiet_hours"),
    path("settings/mail-server/", provider_views.mail_server, name="settings_mail_server"),
    path("settings/mail-server/try/", provider_views.try_mail_server, name="mail_server_try"),
    path("settings/mail-server/remove/", provider_views.remove_mail_server, name="mail_server_remove"),
    path("settings/sending-speed/", speed_views.sending_speed, name="settings_speed"),
    path("t/o/<str:token>.gif", tracking_views.open_pixel, name="open_pixel"),
    path("t/c/<str:token>", tracking_views.follow_link, name="follow_link"),
    path("u/<str:token>", tracking_views.unsubscribe, name="unsubscribe"),
    path("u/<str:token>/undo", tracking_views.resubscribe, name="resubscribe"),
]

"""Addresses of campaigns."""

from django.urls import URLPattern, URLResolver, include, path

from campaigns import (
    block_views,
    brand_views,
    editor_views,
    language_views,
    message_views,
    order_views,
    shortfall_views,
    source_views,
    texts_views,
    views,
    worst_case_views,
)

variant_urls: list[URLPattern | URLResolver] = [
    path("", message_views.campaign_variant, name="campaign_variant"),
    path("preview/", message_views.campaign_preview_draft, name="campaign_preview_draft"),
    path("needs/", shortfall_views.campaign_shortfalls, name="campaign_shortfalls"),
    path("needs/people/", shortfall_views.campaign_lacking, name="campaign_lacking"),
    path("worst/", worst_case_views.campaign_worst_cases, name="campaign_worst_cases"),
    path("worst/<slug:case>/", worst_case_views.campaign_worst_case, name="campaign_worst_case"),
    path("people/", message_views.campaign_preview_people, name="campaign_preview_people"),
    path("test/", message_views.campaign_test, name="campaign_test"),
    path("change/", message_views.campaign_variant_change, name="campaign_variant_change"),
    path("order/", order_views.campaign_order, name="campaign_order"),
    path("remove/", message_views.campaign_variant_remove, name="campaign_variant_remove"),
    path("languages/", language_views.campaign_languages, name="campaign_languages"),
    path("languages/add/", language_views.campaign_language_add, name="campaign_language_add"),
    path("languages/remove/", language_views.campaign_language_remove, name="campaign_language_remove"),
    path("languages/default/", language_views.campaign_language_default, name="campaign_language_default"),
]

editor_urls: list[URLPattern | URLResolver] = [
    path("", editor_views.campaign_edit, name="campaign_edit"),
    path("audience/", editor_views.campaign_audience, name="campaign_audience"),
    path("count/", editor_views.campaign_count, name="campaign_count"),
    path("message/", message_views.campaign_message, name="campaign_message"),
    path("message/add/", message_views.campaign_variant_add, name="campaign_variant_add"),
    path("message/variant/<slug:key>/", include(variant_urls)),
    path("texts/", texts_views.campaign_texts, name="campaign_texts"),
    path("texts/export/", texts_views.campaign_texts_export, name="campaign_texts_export"),
    path("texts/import/", texts_views.campaign_texts_import, name="campaign_texts_import"),
    path("schedule/", editor_views.campaign_schedule, name="campaign_schedule"),
    path("schedule/words/", editor_views.campaign_schedule_words, name="campaign_schedule_words"),
    path("goal/", editor_views.campaign_goal, name="campaign_goal"),
    path("review/", editor_views.campaign_review, name="campaign_review"),
    path("review/people/", shortfall_views.campaign_lacking, name="campaign_review_lacking"),
]

campaign_urls: list[URLPattern | URLResolver] = [
    path("", views.campaign_detail, name="campaign_detail"),
    path("details/", views.campaign_details, name="campaign_details"),
    path("edit/", include(editor_urls)),
    path("preview/<slug:key>/", message_views.campaign_preview, name="campaign_preview"),
    path("launch/", editor_views.campaign_launch, name="campaign_launch"),
    path("pause/", views.campaign_pause, name="campaign_pause"),
    path("resume/", views.campaign_resume, name="campaign_resume"),
    path("stop/", views.campaign_stop, name="campaign_stop"),
    path("duplicate/", views.campaign_duplicate, name="campaign_duplicate"),
    path("archive/", views.campaign_archive, name="campaign_archive"),
    path("restore/", views.campaign_restore, name="campaign_restore"),
    path("version/", views.campaign_new_version, name="campaign_new_version"),
]

block_urls: list[URLPattern | URLResolver] = [
    path("", block_views.block_detail, name="block_detail"),
    path("save/", block_views.block_save, name="block_save"),
    path("language/", block_views.block_language, name="block_language"),
    path("back/", block_views.block_bring_back, name="block_bring_back"),
    path("renew/", block_views.block_renew, name="block_renew"),
    path("archive/", block_views.block_archive, name="block_archive"),
    path("restore/", block_views.block_restore, name="block_restore"),
]

source_urls: list[URLPattern | URLResolver] = [
    path("", source_views.source_detail, name="source_detail"),
    path("edit/", source_views.source_edit, name="source_edit"),
    path("try/", source_views.source_try, name="source_try"),
    path("remove/", source_views.source_remove, name="source_remove"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("campaigns/", views.campaign_list, name="campaign_list"),
    path("campaigns/new/", views.campaign_new, name="campaign_new"),
    path("campaigns/frame/", message_views.campaign_frame, name="campaign_frame"),
    path("campaigns/<uuid:public_id>/", include(campaign_urls)),
    path("settings/brand/", brand_views.brand_values, name="settings_brand"),
    path("settings/brand/preview/", brand_views.brand_preview, name="brand_preview"),
    path("blocks/", block_views.block_list, name="block_list"),
    path("blocks/new/", block_views.block_new, name="block_new"),
    path("blocks/preview/", block_views.block_preview, name="block_preview"),
    path("blocks/<uuid:public_id>/", include(block_urls)),
    path("sources/", source_views.source_list, name="source_list"),
    path("sources/new/", source_views.source_new, name="source_new"),
    path("sources/<uuid:public_id>/", include(source_urls)),
]

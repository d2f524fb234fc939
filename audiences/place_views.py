"""Places: the list, one place with its picture, and the form."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from audiences import place_forms, place_pictures, places
from audiences.models import Place
from audiences.place_forms import DrawnForm, PlaceForm
from tenants import clock
from tenants.access import allow
from tenants.http import TenantRequest

PER_PAGE = 25


@require_safe
@allow("view")
def place_list(request: TenantRequest) -> HttpResponse:
    asked = request.GET.get("q", "").strip().replace("\0", "")
    context = {
        "page": Paginator(_listed(asked), PER_PAGE).get_page(request.GET.get("page")),
        "q": asked,
        "is_filtered": bool(asked),
    }
    is_part = request.htmx and not request.htmx.boosted
    response = render(
        request, "audiences/_place_rows.html" if is_part else "audiences/place_list.html", context
    )
    patch_vary_headers(response, ["HX-Request"])  # one URL, two bodies
    return response


def _listed(asked: str) -> QuerySet[Place]:
    found = Place.objects.order_by("name", "id")
    return found.filter(Q(name__icontains=asked) | Q(tags__icontains=asked)) if asked else found


@require_safe
@allow("view")
def place_size(request: TenantRequest, public_id: UUID) -> HttpResponse:
    """The number of people at a place, for pages to fill in and renew."""
    place = get_object_or_404(Place, public_id=public_id)
    context = {"place": place, "size": places.people(place, now=clock.now(request.tenant))}
    return render(request, "audiences/_place_size.html", context)


@require_safe
@allow("view")
def place_detail(request: TenantRequest, public_id: UUID) -> HttpResponse:
    place: Place = get_object_or_404(Place.objects.select_related("created_by"), public_id=public_id)
    context = {
        "place": place,
        "size": places.people(place, now=clock.now(request.tenant)),
        "picture": _picture(request, place.latitude, place.longitude, place.radius_m, place),
        "users": places.used_by(place),
    }
    return render(request, "audiences/place_detail.html", context)


@require_safe
@allow("view")
def place_picture(request: TenantRequest) -> HttpResponse:
    """The picture of a circle that is being typed; empty while it is none."""
    form = DrawnForm(request.GET)
    context = {}
    if form.is_valid():
        latitude, longitude = form.cleaned_data["point"]
        place = Place.objects.filter(public_id=form.cleaned_data["place"]).first()
        context["picture"] = _picture(request, latitude, longitude, form.cleaned_data["radius_m"], place)
    return render(request, "audiences/_place_picture.html", context)


def _picture(
    request: TenantRequest, latitude: float, longitude: float, radius_m: int, place: Place | None
) -> place_pictures.Picture:
    return place_pictures.draw(
        tenant_id=request.tenant.pk,
        latitude=latitude,
        longitude=longitude,
        radius_m=radius_m,
        but=place.pk if place else None,
    )


@require_http_methods(["GET", "POST"])
@allow("edit")
def place_new(request: TenantRequest) -> HttpResponse:
    form = PlaceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        now = clock.now(request.tenant)
        try:
            place = places.create(tenant=request.tenant, actor=request.user, now=now, **form.words())
        except places.NameTaken as taken:
            form.add_error("name", str(taken))
        except places.TooMany as many:
            form.add_error(None, str(many))
        else:
            messages.success(request, "Place saved.")
            return redirect("place_detail", place.public_id)
    return _form(request, form)


@require_http_methods(["GET", "POST"])
@allow("edit")
def place_edit(request: TenantRequest, public_id: UUID) -> HttpResponse:
    place = get_object_or_404(Place, public_id=public_id)
    form = PlaceForm(request.POST or None, initial=place_forms.initial(place))
    if request.method == "POST" and form.is_valid():
        try:
            places.update(place=place, actor=request.user, now=clock.now(request.tenant), **form.words())
        except places.NameTaken as taken:
            form.add_error("name", str(taken))
        else:
            messages.success(request, "Place saved.")
            return redirect("place_detail", place.public_id)
    return _form(request, form, get_object_or_404(Place, public_id=public_id))


def _form(request: TenantRequest, form: PlaceForm, place: Place | None = None) -> HttpResponse:
    context: dict[str, Any] = {"form": form, "place": place}
    if place and not form.is_bound:
        context["picture"] = _picture(request, place.latitude, place.longitude, place.radius_m, place)
    return render(request, "audiences/place_form.html", context, status=422 if form.errors else 200)


@require_POST
@allow("edit")
def place_delete(request: TenantRequest, public_id: UUID) -> HttpResponse:
    place = get_object_or_404(Place, public_id=public_id)
    try:
        places.delete(place=place, actor=request.user)
    except places.PlaceInUse as used:
        messages.error(request, f"It was not deleted. {used}")
        return redirect("place_detail", public_id)
    messages.success(request, f"“{place.name}” was deleted.")
    return redirect("place_list")

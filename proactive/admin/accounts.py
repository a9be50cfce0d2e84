"""Accounts: who gets in, in which role; and the groups that roles are made of."""

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin as BaseGroupAdmin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Count, QuerySet
from django.forms import ModelMultipleChoiceField
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from proactive import rights
from proactive.admin.audited import AuditedAdmin
from proactive.admin.confirming import Act, ActingAdmin, Done, Skip
from proactive.admin.exporting import ExportingAdmin
from proactive.roles import ROLES
from proactive.signing_in import second_factor

PURPOSES = {role.name: role.purpose for role in ROLES}
# What decides what a user may do: rights come through groups alone, so that they can be surveyed.
RIGHTS = ("is_active", "is_staff", "is_superuser", "groups")

# Their own pages would show the secret.
for model in (User, Group, TOTPDevice, StaticDevice):
    admin.site.unregister(model)


def _foresee_reset(user: User, data: dict[str, Any], now: datetime) -> str:
    if not second_factor.has_one(user):
        raise Skip("has no second factor")
    again = " They must set up a new one then." if second_factor.is_needed(user) else ""
    return f"signs in with the password alone the next time.{again}"


def _reset(user: User, data: dict[str, Any], by: User, now: datetime) -> Done:
    if user.pk == by.pk or not rights.may_administer(by, user):
        raise Skip("you may not change this account")
    if not second_factor.reset(user):
        raise Skip("has no second factor")
    return Done("the second factor was reset", {"second factor": ["phone", None]})


RESET_SECOND_FACTOR = Act(
    name="reset_second_factor",
    label="Reset second factor",
    explains="For whoever lost their phone and their backup codes. Make sure that it is they who "
    "ask: until they have set up a new one, the password alone lets anybody in.",
    permission="auth.change_user",
    foresee=_foresee_reset,
    perform=_reset,
    icon="phonelink_erase",
    in_bulk=False,
    offered=lambda user, now: second_factor.has_one(user),
)


@admin.register(User)
class UserAdmin(ExportingAdmin, BaseUserAdmin, AuditedAdmin, ActingAdmin):  # type: ignore[misc]
    """Nobody changes their own rights, gives what they do not have, or takes over who has more."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    acts = (RESET_SECOND_FACTOR,)
    change_form_outer_before_template = "proactive/acts.html"
    actions = None
    list_display = ("username", "name", "role", "active", "second_factor", "last_login")
    list_filter = ("groups", "is_active", "is_superuser")
    fieldsets = (
        (None, {"fields": ("username", "password", "first_name", "last_name", "email")}),
        ("What they may do", {"fields": RIGHTS}),
        ("Signing in", {"fields": ("second_factor", "last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "first_name", "last_name", "email")}),
        ("Password", {"fields": ("password1", "password2")}),
        ("What they may do", {"fields": ("is_staff", "groups")}),
    )

    # --- What is shown ---

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        users = super().get_queryset(request).prefetch_related("groups")
        return second_factor.with_second_factor(users)

    @admin.display(description="name", ordering="last_name")
    def name(self, user: User) -> str:
        return user.get_full_name()

    @admin.display(description="role")
    def role(self, user: User) -> str:
        names = [group.name for group in user.groups.all()]
        return ", ".join((["Superuser"] if user.is_superuser else []) + sorted(names)) or "none"

    @admin.display(description="active", boolean=True, ordering="is_active")
    def active(self, user: User) -> bool:
        return user.is_active

    @admin.display(description="second factor", boolean=True)
    def second_factor(self, user: Any) -> bool:
        return user.has_second_factor

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fieldsets
        # Whoever only looks would see how the password is stored.
        (title, first), *others = fieldsets
        fields = tuple(name for name in first["fields"] if name != "password")
        return [(title, {**first, "fields": fields}), *others]

    def formfield_for_manytomany(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name == "groups":
            kwargs["queryset"] = rights.groups_to_give(request.user)
            kwargs["widget"] = UnfoldAdminCheckboxSelectMultipleWidget()
        field = super().formfield_for_manytomany(db_field, request, **kwargs)
        if db_field.name == "groups" and field is not None:
            field.help_text = "What somebody may do comes from these; a user may have several."
        return field

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        if obj is None and "is_staff" in form.base_fields:
            form.base_fields["is_staff"].initial = True
        return form

    # --- Who may change what ---

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or rights.may_administer(_user(request), obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if not super().has_delete_permission(request, obj):
            return False
        user = _user(request)
        return obj is None or (obj.pk != user.pk and rights.may_administer(user, obj))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        user = _user(request)
        fixed: tuple[str, ...] = ("second_factor", "last_login", "date_joined")
        if obj is not None and obj.pk == user.pk:
            return (*fixed, *RIGHTS)
        return fixed if user.is_superuser else (*fixed, "is_superuser")

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        user = self.get_object(request, unquote(object_id))
        if user is not None and self.has_delete_permission(request, user):
            # Asked before Django gathers all entries only to list them.
            kept = user.audit_entries.exists()
            if kept or self.get_deleted_objects([user], request)[3]:
                says = (
                    f"{user} has done things here that are kept with their name, so the account "
                    "cannot be deleted. Take away “Active” instead: nobody can then sign in to it."
                )
                self.message_user(request, says, messages.ERROR)
                return redirect("admin:auth_user_change", user.pk)
        return super().delete_view(request, object_id, extra_context)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:
        user = self.get_object(request, unquote(id))
        if user is not None and user.pk == request.user.pk:
            # Where the old password is asked for.
            return redirect("admin:password_change")
        with transaction.atomic():
            response = super().user_change_password(request, id, form_url)
            if user is not None and request.method == "POST":
                stored = User.objects.get(pk=user.pk).password
                if stored != user.password:
                    self.account(request, "set_password_of", user, "set a new password", {})
        return response

    def offered_acts(self, request: HttpRequest, row: Any, now: datetime) -> list[dict[str, Any]]:
        if row.pk == request.user.pk or not self.has_change_permission(request, row):
            return []
        return super().offered_acts(request, row, now)

    # --- The audit ---

    def accounted(self, row: Any) -> dict[str, Any]:
        names = ("username", "first_name", "last_name", "email", "is_active", "is_staff")
        return {
            **{name: getattr(row, name) for name in (*names, "is_superuser")},
            "groups": sorted(row.groups.values_list("name", flat=True)),
        }


class PermissionsField(ModelMultipleChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return obj.name


@admin.register(Group)
class GroupAdmin(BaseGroupAdmin, AuditedAdmin):
    """The four roles are declared in code and only looked at; others are made here."""

    list_display = ("name", "purpose", "people")
    filter_horizontal = ()
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        return super().get_queryset(request).annotate(people=Count("user"))

    @admin.display(description="purpose")
    def purpose(self, group: Group) -> str:
        return PURPOSES.get(group.name, "Made here.")

    @admin.display(description="people", ordering="people")
    def people(self, group: Any) -> int:
        return group.people

    @admin.display(description="note")
    def note(self, group: Group) -> str:
        return (
            f"{PURPOSES[group.name]} This role is declared in the program and follows it at each "
            "deploy, so it is not changed here. Whoever needs something else makes a group of "
            "another name."
        )

    @admin.display(description="may")
    def may(self, group: Group) -> SafeString:
        permissions = group.permissions.order_by("name")
        items = format_html_join("", "<li>{}</li>", ((one.name,) for one in permissions))
        return format_html("<ul>{}</ul>", items)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None and obj.name in PURPOSES:
            return [(None, {"fields": ("name", "note", "may")})]
        if obj is not None and not self.has_change_permission(request, obj):
            return [(None, {"fields": ("name", "may")})]
        return [(None, {"fields": ("name", "permissions")})]

    readonly_fields = ("note", "may")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._is_theirs(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self._is_theirs(request, obj)

    def _is_theirs(self, request: HttpRequest, group: Any) -> bool:
        if group is None:
            return True
        return group.name not in PURPOSES and rights.may_change(_user(request), group)

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        kwargs["queryset"] = rights.permissions_to_give(request.user)
        kwargs["widget"] = UnfoldAdminCheckboxSelectMultipleWidget()
        kwargs["form_class"] = PermissionsField
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        if obj is not None and "permissions" in form.base_fields:
            # What it has already and no role has would be lost with the first saving.
            own = rights.permissions_to_give(_user(request), beside=obj.pk)
            field: Any = form.base_fields["permissions"]
            field.queryset = own
        return form

    def accounted(self, row: Any) -> dict[str, Any]:
        permissions = row.permissions.order_by("content_type__app_label", "codename")
        names = permissions.values_list("content_type__app_label", "codename")
        return {"name": row.name, "permissions": [f"{app}.{code}" for app, code in names]}


def _user(request: HttpRequest) -> User:
    """Who is asking: the admin lets in nobody without a login."""
    assert isinstance(request.user, User)
    return request.user

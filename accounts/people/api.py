"""The API of colleagues: who works here, invitations, help by a second person; sessions, tokens."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db.models import Exists, Max, OuterRef, QuerySet
from django.db.models.functions import Greatest
from django.http import Http404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import sessions
from accounts.api import ADMINISTRATOR, Anyone, actor_of, freshly, roles, signed_in
from accounts.models import COLLEAGUES, ApiToken, PasswordLink, Practice, Role, User
from accounts.people import actions
from accounts.phones import us_number
from accounts.practice import ZONES, physicians, practice, set_on_call, set_up
from records import clock
from records.api import (
    Door,
    IdField,
    Input,
    InstantField,
    MailField,
    Nothing,
    TextField,
    listed,
    read,
)
from records.idempotency import once


class UserOut(serializers.ModelSerializer[User]):
    """``last_seen``: when they last signed in or used a session."""

    has_second_factor = serializers.BooleanField()
    last_seen = InstantField(allow_null=True)

    class Meta:
        model = User
        fields = ["id", "name", "role", "email", "is_active", "has_second_factor", "last_seen"]


def colleagues() -> QuerySet[Any]:
    """Who works here, as `UserOut` tells it."""
    factors = Authenticator.objects.filter(user=OuterRef("pk"), type__in=sessions.FACTORS)
    seen = Greatest("last_login", Max("usersession__last_seen_at"))
    rows = User.objects.filter(role__in=COLLEAGUES)
    return rows.annotate(has_second_factor=Exists(factors), last_seen=seen)


def found(rows: Any, pk: Any) -> Any:
    row = rows.filter(pk=pk).first()
    if row is None:
        raise Http404
    return row


class PracticeIn(Input):
    name = TextField(max_length=20)
    phone = TextField(max_length=30)
    time_zone = serializers.ChoiceField(choices=ZONES)


class OnCallIn(Input):
    users = serializers.ListField(child=IdField(), max_length=20)


class PracticeOut(serializers.ModelSerializer[Practice]):
    """``on_call``: physicians who are paged first; empty while all of them are."""

    phone = serializers.CharField()
    on_call = serializers.SerializerMethodField()

    class Meta:
        model = Practice
        fields = ["name", "phone", "time_zone", "on_call"]

    @extend_schema_field(serializers.ListField(child=serializers.UUIDField()))
    def get_on_call(self, row: Practice) -> list[Any]:
        return [user.pk for user in physicians() if user.is_on_call]


class PracticeDoor(Door):
    """Whose practice this is."""

    permission_classes = (roles(*COLLEAGUES),)

    @extend_schema(responses=PracticeOut)
    def get(self, request: Request) -> Response:
        return Response(PracticeOut(practice()).data)

    @extend_schema(request=PracticeIn, responses=PracticeOut)
    def put(self, request: Request) -> Response:
        if signed_in(request).role == Role.PHYSICIAN:
            self.permission_denied(request, "Staff and administrators name the practice.")
        sent = read(PracticeIn, request.data)
        return Response(PracticeOut(set_up(**sent, by=actor_of(request), now=clock.now())).data)


class OnCall(Door):
    """Who is paged first about what is urgent."""

    permission_classes = (roles(*COLLEAGUES),)

    @extend_schema(request=OnCallIn, responses=PracticeOut)
    def put(self, request: Request) -> Response:
        sent = read(OnCallIn, request.data)
        set_on_call(**sent, by=actor_of(request), now=clock.now())
        return Response(PracticeOut(practice()).data)


class Users(Door):
    """Who works here."""

    permission_classes = (roles(ADMINISTRATOR),)

    @extend_schema(responses=UserOut(many=True))
    def get(self, request: Request) -> Response:
        return listed(self, colleagues(), UserOut)


class InvitationIn(Input):
    role = serializers.ChoiceField(choices=COLLEAGUES)
    name = TextField(max_length=120)
    email = MailField()
    phone = TextField(max_length=30, allow_blank=True, default="")

    def validate_phone(self, typed: str) -> str:
        """Urgent alerts go to it by text."""
        number = us_number(typed) if typed else ""
        if number is None:
            raise serializers.ValidationError("Use a telephone number in the United States.")
        return number


class InvitationOut(serializers.ModelSerializer[PasswordLink]):
    """A link that was mailed; ``user`` is who may join by it."""

    user = serializers.UUIDField(source="user_id")
    name = serializers.CharField(source="user.name")
    role = serializers.ChoiceField(source="user.role", choices=COLLEAGUES)
    email = serializers.CharField(source="user.email")
    expires_at = InstantField()

    class Meta:
        model = PasswordLink
        fields = ["id", "user", "name", "role", "email", "expires_at"]


def invitations() -> QuerySet[PasswordLink]:
    """Those that are open; of what was used or withdrawn, events tell."""
    rows = PasswordLink.objects.open().filter(kind=PasswordLink.Kind.JOIN)
    return rows.select_related("user")


class Invitations(Door):
    """Somebody may join the practice, by a link that is mailed to them."""

    permission_classes = (roles(ADMINISTRATOR),)

    @extend_schema(responses=InvitationOut(many=True))
    def get(self, request: Request) -> Response:
        return listed(self, invitations(), InvitationOut)

    @extend_schema(request=InvitationIn, responses={201: InvitationOut})
    def post(self, request: Request) -> Response:
        sent = read(InvitationIn, request.data)
        link = actions.invite(**sent, by=actor_of(request), now=clock.now())
        return Response(InvitationOut(link).data, status=201)


class Invitation(Door):
    """An invitation that is withdrawn."""

    permission_classes = (roles(ADMINISTRATOR),)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        actions.withdraw(link=found(invitations(), pk), by=actor_of(request), now=clock.now())
        return Response(status=204)


class AcceptIn(Input):
    token = TextField(max_length=40)
    password = TextField(max_length=128, trim_whitespace=False)


class AcceptedOut(serializers.Serializer[Any]):
    detail = serializers.CharField()


class Accept(Door):
    """Whoever holds the link of a mail sets a password; scheduling knows what follows."""

    permission_classes = (Anyone,)
    limits, counts = {"POST": "guess"}, (404,)
    do: Callable[..., User]

    @extend_schema(request=AcceptIn, responses=AcceptedOut)
    def post(self, request: Request) -> Response:
        sent = read(AcceptIn, request.data)
        try:
            type(self).do(**sent, now=clock.now())
        except PasswordLink.DoesNotExist as error:
            raise Http404 from error
        return Response({"detail": "Your password is set. Please sign in."})


# --- what one colleague does for another -----------------------------------------------------


class ColleagueVerb(Door):
    """One verb on a colleague, by an administrator: what it takes, and the action that does it."""

    permission_classes = (roles(ADMINISTRATOR),)
    takes: type[Input] = Nothing
    do: Callable[..., User]

    @extend_schema(responses=UserOut)
    def post(self, request: Request, pk: UUID) -> Response:
        user = found(User.objects.filter(role__in=COLLEAGUES), pk)
        sent = read(self.takes, request.data)
        type(self).do(user=user, **sent, by=actor_of(request), now=clock.now())
        return Response(UserOut(colleagues().get(pk=pk)).data)


class RoleIn(Input):
    role = serializers.ChoiceField(choices=COLLEAGUES)


class ReasonIn(Input):
    reason = TextField(max_length=300)


@extend_schema(request=ReasonIn)
class ResetFactors(ColleagueVerb):
    """Somebody lost their second factor, and an administrator knows that it is them."""

    takes = ReasonIn
    do = actions.reset_factors


@extend_schema(request=Nothing)
class SendPasswordLink(ColleagueVerb):
    """Somebody forgot their password."""

    do = actions.send_password_link


# --- sessions and tokens: one's own, and a colleague's by an administrator ---------------------


def _owner(request: Request, user: UUID | None) -> User:
    """Whose it is: of who asks, or of the colleague whom an administrator names.

    From where a patient signs in is the patient's alone to see.
    """
    return found(User.objects.filter(role__in=COLLEAGUES), user) if user else signed_in(request)


class SessionOut(serializers.ModelSerializer[UserSession]):
    """``id`` is no key to it; ``is_current``: by which this was asked."""

    created_at = InstantField()
    last_seen_at = InstantField()
    is_current = serializers.SerializerMethodField()

    class Meta:
        model = UserSession
        fields = ["id", "created_at", "last_seen_at", "user_agent", "ip", "is_current"]

    def get_is_current(self, row: UserSession) -> bool:
        return bool(row.session_key == self.context["key"])


class MySessions(Door):
    """Where somebody is signed in."""

    permission_classes = (roles(*Role.values),)

    @extend_schema(responses=SessionOut(many=True))
    def get(self, request: Request, user: UUID | None = None) -> Response:
        rows = sessions.living(_owner(request, user))
        return listed(self, rows, SessionOut, key=getattr(request.auth, "session_key", None))


class MySession(Door):
    """A session that is ended."""

    permission_classes = (roles(*Role.values),)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: int, user: UUID | None = None) -> Response:
        session = found(sessions.living(_owner(request, user)), pk)
        actions.end_session(session=session, by=actor_of(request), now=clock.now())
        return Response(status=204)


class TokenIn(Input):
    scope = serializers.ChoiceField(choices=ApiToken.Scope.values)
    name = TextField(max_length=60, allow_blank=True, default="")


class TokenOut(serializers.ModelSerializer[ApiToken]):
    created_at = InstantField()
    expires_at = InstantField()

    class Meta:
        model = ApiToken
        fields = ["id", "name", "scope", "created_at", "expires_at"]


class NewTokenOut(TokenOut):
    """``token`` is told this once."""

    token = serializers.CharField()

    class Meta(TokenOut.Meta):
        fields = [*TokenOut.Meta.fields, "token"]


class MyTokens(Door):
    """The tokens of a colleague's scripts; who makes one shows the second factor just before."""

    permission_classes = (roles(*COLLEAGUES),)

    @extend_schema(responses=TokenOut(many=True))
    def get(self, request: Request, user: UUID | None = None) -> Response:
        return listed(self, ApiToken.objects.filter(user=_owner(request, user)), TokenOut)

    @extend_schema(request=TokenIn, responses={201: NewTokenOut})
    def post(self, request: Request) -> Response:
        freshly(request, second_factor=True)
        row, text = actions.add_token(
            user=signed_in(request),
            **read(TokenIn, request.data),
            by=actor_of(request),
            now=clock.now(),
        )
        return once(Response({**TokenOut(row).data, "token": text}, status=201))


class MyToken(Door):
    """A token that is revoked."""

    permission_classes = (roles(*COLLEAGUES),)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: UUID, user: UUID | None = None) -> Response:
        token = found(ApiToken.objects.filter(user=_owner(request, user)), pk)
        actions.revoke_token(token=token, by=actor_of(request), now=clock.now())
        return Response(status=204)


class SessionsOf(MySessions):
    """Where somebody else is signed in."""

    permission_classes = (roles(ADMINISTRATOR),)


class SessionOf(MySession):
    """A session of somebody else that is ended."""

    permission_classes = (roles(ADMINISTRATOR),)


class TokensOf(MyTokens):
    """The tokens of somebody else's scripts."""

    permission_classes = (roles(ADMINISTRATOR),)
    http_method_names = ["get", "options"]


class TokenOf(MyToken):
    """A token of somebody else that is revoked."""

    permission_classes = (roles(ADMINISTRATOR),)

"""What is stored: stacks and what is being done to them, their resources, templates, events, change sets, exports."""

from __future__ import annotations

from typing import Any

import msgspec

from cloudarium.kernel.store import Record

STACK_TYPE = "AWS::CloudFormation::Stack"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a stack is made or changed with, beside its template: a request's, kept whole so that it can be restored.

    ``parameters`` are the texts that were given or defaulted, ``found`` what SSM answered for those that name a
    parameter there. Values of those in ``hidden`` are never shown.
    """

    parameters: dict[str, str] = msgspec.field(default_factory=dict)
    found: dict[str, str] = msgspec.field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    capabilities: tuple[str, ...] = ()
    notification_arns: tuple[str, ...] = ()
    role_arn: str = ""
    description: str = ""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """What is being done to a stack. ``kind`` is create, update, delete, or rollback of what had failed and was left.

    ``phase`` is forward (to the stack's template), back (to the stable one) or cleanup (delete what is doomed), which
    ends in the state ``goal``. ``failing`` says that it goes forward no more, ``cause`` why, where no resource is it.
    """

    id: str
    kind: str
    token: str = ""
    phase: str = "forward"
    goal: str = ""
    started: float
    deadline: float = 0.0
    watch_until: float = 0.0
    """Until when alarms of the rollback configuration are watched; 0 until everything is made."""
    failing: bool = False
    cause: str = ""
    on_failure: str = "ROLLBACK"
    retain: tuple[str, ...] = ()
    force: bool = False
    retain_except_on_create: bool = False
    policy: str = ""
    """The stack policy while this update runs, as JSON; empty: the stack's own."""

    @property
    def stage(self) -> str:
        """What a resource's action belongs to: once the operation is in another phase, it is not wanted any more."""
        return f"{self.id}:{self.phase}"


class Output(msgspec.Struct, frozen=True):
    """An output of a stack, resolved."""

    name: str
    value: str
    description: str = ""
    export: str = ""


class Stack(Record, frozen=True, kw_only=True):
    """A stack. ``name_in_use`` is its name until it is deleted, when only its id leads to it.

    ``template`` and ``settings`` are what it has or is on the way to, ``stable_template`` and ``stable_settings`` what
    it was brought to last, to which it goes back when the way fails.
    """

    TABLE = "cloudformation.stacks"
    KEY = "id"
    INDEXES = ("name_in_use", "imports", "parent_id")

    id: str
    name: str
    name_in_use: str
    status: str
    reason: str = ""
    created: float
    updated: float = 0.0
    deleted: float = 0.0
    template: str
    settings: Settings
    stable_template: str = ""
    stable_settings: Settings = Settings()
    outputs: tuple[Output, ...] = ()
    imports: tuple[str, ...] = ()
    """Names of exports of other stacks that it uses, or that the operation under way does."""
    stable_imports: tuple[str, ...] = ()
    operation: Operation | None = None
    tokens: tuple[tuple[str, str], ...] = ()
    """The last ClientRequestTokens and for which kind of operation they were."""
    operations: tuple[tuple[str, str], ...] = ()
    """The last operations: type and id, newest first."""
    timeout_minutes: int = 0
    disable_rollback: bool = False
    retain_except_on_create: bool = False
    termination_protection: bool = False
    triggers: tuple[tuple[str, str], ...] = ()
    """Alarms of the rollback configuration: ARN and type."""
    monitoring_minutes: int = -1
    policy: str = ""
    parent_id: str = ""
    root_id: str = ""
    parent_operation: str = ""
    """Of a nested stack: the id of its parent's operation that changed it last."""
    former_template: str = ""
    former_settings: Settings = Settings()
    """Of a nested stack: what it was before that, to which it goes back when its parent does."""
    change_set_id: str = ""
    deletion_mode: str = ""
    next_event: int = 0
    last_event: float = 0.0
    """When that one before it was."""


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A resource as it was made, or is to be made. Secrets in ``properties`` are still the references to them."""

    type: str
    physical_id: str = ""
    reference: str = ""
    attributes: dict[str, Any] = msgspec.field(default_factory=dict)
    properties: dict[str, Any] = msgspec.field(default_factory=dict)
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    depends_on: tuple[str, ...] = ()
    deletion_policy: str = "Delete"
    update_replace_policy: str = "Delete"
    generation: int = 0
    created_by: str = ""
    """The id of the operation that made it."""
    signals_wanted: int = 0
    signals_within: float = 0.0
    """Cloud seconds."""


class StackResource(Record, frozen=True, kw_only=True):
    """A resource of a stack, and what is being done to it.

    ``action`` is create, update or delete while the engine works on it, ``begun`` that a call may have been made for
    it, ``asked`` that the call was answered and its end is waited for. ``settled`` is the stage in which it was last
    brought to an end, well or ``failed``.

    ``made`` is what is there, ``target`` what the action leads to. ``changed`` says that it is not as it was when the
    stack was last stable; it was ``former`` then: None when it was not there, and when its physical id is another
    one, both are there.
    """

    TABLE = "cloudformation.resources"
    KEY = "key"
    INDEXES = ("stack_id", "physical_id")

    key: str
    stack_id: str
    logical_id: str
    type: str
    status: str = ""
    reason: str = ""
    updated: float
    physical_id: str = ""
    """As it is shown; also of what is deleted."""
    made: Made | None = None
    changed: bool = False
    former: Made | None = None
    target: Made | None = None
    replaces: str = ""
    """The physical id of what the target takes the place of."""
    shown: str = ""
    """The properties as events show them: JSON, without secrets."""
    generation: int = 0
    """How often one was made under this logical id, so that each has a name and a token of its own."""
    action: str = ""
    stage: str = ""
    begun: bool = False
    asked: bool = False
    attempts: int = 0
    since: float = 0.0
    settled: str = ""
    failed: bool = False
    doomed: bool = False
    left: bool = False
    """It was replaced, or made in vain, and is only here until it is deleted."""
    signals: dict[str, bool] = msgspec.field(default_factory=dict)
    """Whether it was a success, by the unique id of each signal."""


class StackTemplate(Record, frozen=True, kw_only=True):
    """The text of a template, as it was given. The key is a digest of the stack's id and the text."""

    TABLE = "cloudformation.templates"
    KEY = "key"

    key: str
    text: str


class StackEvent(Record, frozen=True, kw_only=True):
    """Something that happened to a stack or one of its resources; ``number`` counts within the stack."""

    TABLE = "cloudformation.events"
    KEY = "key"
    INDEXES = ("stack_id",)

    key: str
    id: str
    stack_id: str
    number: int
    at: float
    operation: str = ""
    token: str = ""
    logical_id: str
    physical_id: str = ""
    type: str
    status: str
    reason: str = ""
    properties: str = ""
    topics: tuple[str, ...] = ()
    """SNS topics that are still to be told."""


class ChangeSet(Record, frozen=True, kw_only=True):
    """A change set: a template and settings for a stack, and what they would change, as DescribeChangeSet shows it."""

    TABLE = "cloudformation.change_sets"
    KEY = "id"
    INDEXES = ("stack_id",)

    id: str
    name: str
    stack_id: str
    stack_name: str
    type: str
    status: str = "CREATE_PENDING"
    reason: str = ""
    execution: str = "UNAVAILABLE"
    created: float
    description: str = ""
    token: str = ""
    template: str
    settings: Settings
    triggers: tuple[tuple[str, str], ...] = ()
    monitoring_minutes: int = -1
    on_failure: str = ""
    import_existing: bool = False
    changes: tuple[dict[str, Any], ...] = ()


class Handle(Record, frozen=True, kw_only=True):
    """A wait condition handle: a URL to which signals are sent; of each, by unique id, its status, reason and data."""

    TABLE = "cloudformation.handles"
    KEY = "id"

    id: str
    stack_id: str
    signals: dict[str, tuple[str, str, str]] = msgspec.field(default_factory=dict)


class Export(Record, frozen=True, kw_only=True):
    """A value that a stack exports to the others of its account and region."""

    TABLE = "cloudformation.exports"
    KEY = "name"
    INDEXES = ("stack_id",)

    name: str
    value: str
    stack_id: str


def resource_key(stack_id: str, logical_id: str) -> str:
    """The key of a resource's record."""
    return f"{stack_id}/{logical_id}"

"""A query's commands, one relation after the other."""

from __future__ import annotations

import re

from cloudarium.services.logs.insights.compile import lookups, sql, templates
from cloudarium.services.logs.insights.compile.compare import ordering
from cloudarium.services.logs.insights.compile.evaluate import Evaluator
from cloudarium.services.logs.insights.compile.indexes import check_indexed
from cloudarium.services.logs.insights.compile.plan import Clusters, Column, Lookup, Plan, Table
from cloudarium.services.logs.insights.compile.regexes import of_glob, translated
from cloudarium.services.logs.insights.compile.scope import Scope
from cloudarium.services.logs.insights.compile.sql import Kind, Value
from cloudarium.services.logs.insights.language import tree
from cloudarium.services.logs.insights.language.lexer import QueryFault

DEFAULT_LIMIT = 10_000
_NEWEST_FIRST = ["time DESC", "seq DESC"]
_WORD = re.compile(r"\w+")
_BASE_COLUMNS = (
    "time", "ingested", "seq", "message", "raw", "stream_name", "log", "uid", "account", "region",
)  # fmt: skip


def compiled(query: tree.Query, now: float, limit: int | None = None) -> Plan:
    """What is to be done for a query that begins at ``now`` (seconds since 1970) and gives at most ``limit`` results.

    Raises ``QueryFault``, or ``NotThere`` for what is not built.
    """
    pipeline = _Pipeline(query, now)
    for command in query.commands:
        pipeline.add(command)
    return pipeline.plan(limit or DEFAULT_LIMIT)


class _Pipeline:
    def __init__(self, query: tree.Query, now: float) -> None:
        self.scope = Scope()
        self.evaluator = Evaluator(query.text, self.scope, now)
        self.relations: list[tuple[str, str]] = []
        self.steps: list[Table | Clusters] = []
        self.shown: list[str] = []
        self.displayed: list[str] | None = None
        self.fields_given = False
        self.order: list[str] = []
        self.limit: int | None = None
        self.closed = False
        self.diff: str | None = None
        self.filtered = -1
        self.filtered_columns: list[str] | None = None
        self.columns_of: dict[str, list[str]] = {}
        """The columns that a relation adds, by its SELECT."""
        self.matched = ""
        self.count = 0
        self.lookups: list[Lookup] = []

    # -- relations -------------------------------------------------------------------------------------------------

    @property
    def last(self) -> str:
        return self.relations[-1][0] if self.relations else "base"

    def relation(self, select: str, *columns: str) -> None:
        self.count += 1
        self.columns_of.setdefault(select, []).extend(columns)
        self.relations.append((f"q{self.count}", select))

    def column(self) -> str:
        self.count += 1
        return f"c{self.count}"

    def computed(self, made: Value) -> Value:
        """A value as a column of a relation of its own."""
        name = self.column()
        self.relation(f"SELECT *, {made.sql} AS {name} FROM {self.last}", name)
        return Value(name, made.kind)

    def ordered(self) -> list[str]:
        return [*self.order, *_NEWEST_FIRST] if self.scope.events else self.order

    # -- commands --------------------------------------------------------------------------------------------------

    def add(self, command: tree.Command) -> None:
        if self.closed and not isinstance(command, tree.Limit):
            raise QueryFault("only limit may come after dedup", command.start, command.end)
        if self.limit is not None and not isinstance(command, tree.Display):
            self.settle_limit()
        match command:
            case tree.Fields():
                self.fields(command)
            case tree.Display():
                self.displayed = [self.item(item) for item in command.items]
            case tree.Filter():
                self.filter(command)
            case tree.Stats():
                self.stats(command)
            case tree.Sort():
                self.sort(command)
            case tree.Limit():
                self.limit = command.count
            case tree.Parse():
                self.parse(command)
            case tree.Dedup():
                self.dedup(command)
            case tree.Pattern():
                self.pattern(command.operand)
            case tree.Diff():
                self.compare(command)
            case tree.Unnest():
                self.unnest(command)
            case tree.Lookup():
                lookups.add(self, command)

    def settle_limit(self) -> None:
        order = f" ORDER BY {', '.join(self.ordered())}" if self.ordered() else ""
        self.relation(f"SELECT * FROM {self.last}{order} LIMIT {self.limit}")
        self.limit = None

    def item(self, item: tree.Item) -> str:
        """Compute an item unless it is a field as it stands; the name by which it is known."""
        plain = isinstance(item.expression, tree.Field) and not item.aliased
        made = self.evaluator.value(item.expression)
        if not plain and not (item.name in self.scope.made and self.scope.made[item.name] == made):
            made = self.computed(made)
            self.scope.make(item.name, made.sql, made.kind)
        return item.name

    def show(self, name: str) -> None:
        if name not in self.shown:
            self.shown.append(name)

    def fields(self, command: tree.Fields) -> None:
        for item in command.items:
            self.show(self.item(item))
        self.fields_given = self.fields_given or self.scope.events

    def filter(self, command: tree.Filter) -> None:
        if command.indexed:
            check_indexed(command.condition)
        self.relation(f"SELECT * FROM {self.last} WHERE {self.evaluator.condition(command.condition)}")
        if self.scope.events and self.matched == "":
            self.filtered = len(self.relations)

    def sort(self, command: tree.Sort) -> None:
        order: list[str] = []
        for each in command.orders:
            made = self.evaluator.value(each.expression)
            if not _WORD.fullmatch(made.sql):
                made = self.computed(made)
            order += ordering(made.sql, made.kind, each.descending)
        self.order = order

    def parse(self, command: tree.Parse) -> None:
        operand = self.computed(Value(sql.text(self.evaluator.value(command.operand)), "text")).sql
        pattern = command.pattern if command.regex else of_glob(command.pattern)
        regex = translated(pattern, command.start, command.end)
        names = list(regex.groups)
        if command.names:
            if len(command.names) != len(names):
                raise QueryFault("there must be a name for each group", command.start, command.end)
            names = list(command.names)
        if not any(names):
            raise QueryFault("parse needs at least one named group", command.start, command.end)
        listed = ", ".join(f"'g{index}'" for index in range(len(names)))
        text = sql.literal(regex.pattern)
        found = self.computed(
            Value(
                f"CASE WHEN regexp_matches({operand}, {text}) THEN regexp_extract({operand}, {text}, [{listed}]) END",
                "text",
            )
        ).sql
        for index, name in enumerate(names):
            if name:
                made = self.computed(Value(f"{found}.g{index}", "text"))
                self.scope.make(name, made.sql, "text")
                self.show(name)

    def dedup(self, command: tree.Dedup) -> None:
        keys = [self.evaluator.value(field).sql for field in command.fields]
        row = self.column()
        window = f"row_number() OVER (PARTITION BY {', '.join(keys)} ORDER BY {', '.join(self.ordered() or ['1'])})"
        self.relation(f"SELECT *, {window} AS {row} FROM {self.last}", row)
        # Missing values are no duplicates.
        missing = " OR ".join(f"{key} IS NULL" for key in keys)
        self.relation(f"SELECT * FROM {self.last} WHERE {row} = 1 OR {missing}")
        self.closed = True

    def unnest(self, command: tree.Unnest) -> None:
        operand = self.computed(Value(sql.document(self.evaluator.value(command.operand)), "json")).sql
        name = self.column()
        listed = (
            f"CASE WHEN json_type({operand}) = 'ARRAY' THEN from_json({operand}, '[\"JSON\"]') ELSE [{operand}] END"
        )
        self.relation(f"SELECT *, unnest({listed}) AS {name} FROM {self.last}", name)
        self.scope.make(command.name, name, "json")
        self.show(command.name)

    def stats(self, command: tree.Stats) -> None:
        events = self.scope.events
        keys: list[tuple[str, Value]] = []
        for item in command.keys:
            keys.append((item.name, self.computed(self.evaluator.value(item.expression))))
        before = dict(self.scope.made)
        for name, made in keys:
            self.scope.make(name, made.sql, made.kind)
        aliases: dict[str, tree.Expression] = {}
        made_items: list[tuple[str, str, Kind]] = []
        selected = [made.sql for _, made in keys]
        only_keys = dict(keys)
        for item in command.items:
            # Outside of aggregates only keys have a meaning; within them every field has.
            self.scope.made = {**before, **only_keys}
            made = self.evaluator.grouped(item.expression, aliases, only_keys)
            column = self.column()
            selected.append(f"{made.sql} AS {column}")
            made_items.append((item.name, column, made.kind))
            aliases[item.name] = item.expression
        counted = self.column()
        selected.append(f"count(*) AS {counted}")
        grouping = f" GROUP BY {', '.join(made.sql for _, made in keys)}" if keys else ""
        self.relation(f"SELECT {', '.join(selected)} FROM {self.last}{grouping}")
        self.scope.clear()
        for name, made in keys:
            self.scope.make(name, made.sql, made.kind)
        for name, column, kind in made_items:
            self.scope.make(name, column, kind)
        self.shown = list(dict.fromkeys([name for name, _ in keys] + [name for name, _, _ in made_items]))
        self.displayed = None
        self.order = []
        for _, made in keys:
            self.order += ordering(made.sql, made.kind, made.kind == "time")
        if events:
            self.checkpoint(len(self.relations))
            self.matched = f"SELECT CAST(COALESCE(sum({counted}), 0) AS BIGINT) FROM {self.last}"

    # -- patterns --------------------------------------------------------------------------------------------------

    def pattern(self, operand: tree.Expression) -> None:
        if not self.scope.events:
            raise QueryFault("pattern needs log events", operand.start, operand.end)
        text = self.computed(Value(sql.text(self.evaluator.value(operand)), "text")).sql
        form, name = self.column(), self.column()
        counts = "count(*) FILTER (NOT previous) AS current, count(*) FILTER (previous) AS previous"
        self.relation(f"SELECT {text}, {templates.form(text)} AS {form}, previous FROM {self.last}")
        self.relation(
            f"SELECT min({text}) AS {text}, {counts} FROM {self.last} WHERE {text} IS NOT NULL GROUP BY {form}"
        )
        self.relation(f"SELECT {templates.template(text)} AS {name}, current, previous FROM {self.last}")
        counted = (
            f"SELECT {name}, sum(current)::BIGINT, sum(previous)::BIGINT FROM {self.last} GROUP BY 1 "
            f"ORDER BY sum(current + previous) DESC, 1 LIMIT {templates.MOST}"
        )
        self.clusters(counted)

    def clusters(self, select: str) -> None:
        self.count += 1
        name = f"t{self.count}"
        self.steps.append(Clusters(name, self.with_relations(select), False))
        self.relations = [(name, "")]
        self.scope.clear()
        columns: list[tuple[str, str, Kind]] = [
            ("@pattern", "pattern", "text"), ("@sampleCount", "current", "number"), ("@ratio", "ratio", "number"),
            ("@severityLabel", "severity", "text"),
        ]  # fmt: skip
        for shown, column, kind in columns:
            self.scope.make(shown, column, kind)
        self.shown, self.displayed = [shown for shown, _, _ in columns], None
        self.order = ["current DESC", "pattern"]
        self.matched = f"SELECT CAST(COALESCE(sum(current), 0) AS BIGINT) FROM {name}"

    def compare(self, command: tree.Diff) -> None:
        if self.scope.events:
            self.pattern(tree.Field(("@message",), start=command.start, end=command.end))
        step = self.steps[-1] if self.steps else None
        if not isinstance(step, Clusters) or len(self.relations) != 1 or self.diff is not None:
            raise QueryFault("diff must come right after pattern, or without stats", command.start, command.end)
        self.steps[-1] = step._replace(diff=True)
        self.diff = command.modifier
        for shown, column in (("@previousSampleCount", "previous"), ("@sampleCountChange", "change")):
            self.scope.make(shown, column, "number")
            self.show(shown)
        self.order = ["abs(change) DESC", "current DESC", "pattern"]

    # -- the end ---------------------------------------------------------------------------------------------------

    def with_relations(self, select: str) -> str:
        """A SELECT with the relations that it needs before it. ``base`` stands for what ``plan`` knows at the end."""
        made = [f"{name} AS ({body})" for name, body in self.relations if body]
        return f"WITH {', '.join(made)} {select}" if made else select

    def checkpoint(self, length: int) -> None:
        """Make a table of the relation so far, so that it can be counted without being made twice."""
        head, rest = self.relations[:length], self.relations[length:]
        name = head[-1][0]
        self.relations = head
        self.steps.append(Table(name, self.with_relations(f"SELECT * FROM {name}")))
        self.relations = [(name, ""), *rest]

    def plan(self, most: int) -> Plan:
        events = self.scope.events
        if events and self.filtered > 0:
            name = self.relations[self.filtered - 1][0]
            base = [column for column in _BASE_COLUMNS if column != "raw" or self.scope.raw]
            own = [column for _, body in self.relations[: self.filtered] for column in self.columns_of.get(body, ())]
            self.filtered_columns = [*base, *own, *self.scope.columns()]
            self.checkpoint(self.filtered)
            self.matched = f"SELECT count(*) FROM {name}"
        names = self.displayed if self.displayed is not None else self.shown
        if events and self.displayed is None and not self.fields_given:
            names = ["@timestamp", "@message", *(name for name in self.shown if name not in ("@timestamp", "@message"))]
        names = [name for name in dict.fromkeys(names) if name != "@ptr"]
        columns, selected = [], []
        for name in names:
            made = self.scope.made.get(name) or self.scope.resolve(tree.Field(tuple(name.split("."))))
            columns.append(Column(name, made.kind))
            selected.append(sql.text(made) if made.kind == "json" else made.sql)
        if events:
            selected += ["uid", "time", "seq"]
        order = f" ORDER BY {', '.join(self.ordered())}" if self.ordered() else ""
        limit = min(most, self.limit or most)
        body = f"SELECT {', '.join(selected) or '1'} FROM {self.last}{order} LIMIT {limit}"
        final = self.with_relations(body)
        steps = tuple(step._replace(select=self.based(step.select)) for step in self.pruned(final))
        return Plan(
            steps, self.based(final), tuple(columns), events, self.matched, self.diff, self.scope.raw,
            tuple(self.lookups),
        )  # fmt: skip

    def pruned(self, final: str) -> list[Table | Clusters]:
        """The steps, tables with only the columns that are named later: a message is not copied to be counted."""
        if self.filtered_columns is None:
            return self.steps
        step = self.steps[-1]
        later = set(_WORD.findall(final))
        kept = sorted(column for column in self.filtered_columns if column in later) or ["time"]
        wanted = f"SELECT {', '.join(kept)} FROM {step.name}"
        select = step.select.removesuffix(f"SELECT * FROM {step.name}") + wanted
        return [*self.steps[:-1], Table(step.name, select)]

    def based(self, select: str) -> str:
        """A statement with the relations of the events before those that begin with ``base``."""
        if not re.search(r"\bbase\b", select):
            return select
        base = self.scope.base(self.diff is not None)
        head = ", ".join([*(f"{name} AS ({body})" for name, body in base), f"base AS (SELECT * FROM {base[-1][0]})"])
        return f"WITH {head}, {select[5:]}" if select.startswith("WITH ") else f"WITH {head} {select}"

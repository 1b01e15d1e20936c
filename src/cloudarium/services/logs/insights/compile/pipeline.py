"""A query's commands, one relation after the other."""

from __future__ import annotations

import re
from functools import partial

from cloudarium.services.logs.insights.compile import (
    clustering,
    extracting,
    grouping,
    indexes,
    lookups,
    markup,
    nesting,
    relevance,
    sequences,
    sql,
    totals,
)
from cloudarium.services.logs.insights.compile.compare import ordering
from cloudarium.services.logs.insights.compile.evaluate import Evaluator
from cloudarium.services.logs.insights.compile.plan import Column, Lookup, Plan, Step, Table
from cloudarium.services.logs.insights.compile.scope import Scope
from cloudarium.services.logs.insights.compile.sql import Value
from cloudarium.services.logs.insights.language import tree
from cloudarium.services.logs.insights.language.lexer import QueryFault

DEFAULT_LIMIT = 10_000
_MOST_SQL = 500_000
"""Characters of all statements: for more, the database would need more memory than it is bound to."""
_NEWEST_FIRST = ["time DESC", "seq DESC"]
_WORD = re.compile(r"\w+")
_BASE_COLUMNS = (
    "time", "ingested", "seq", "message", "raw", "stream_name", "log", "uid", "account", "region",
)  # fmt: skip


def compiled(query: tree.Query, now: float, limit: int | None = None, window: tuple[int, int] = (0, 0)) -> Plan:
    """What is to be done for a query that begins at ``now`` (seconds since 1970) and gives at most ``limit`` results.

    ``window`` is the time range that is queried, in milliseconds, both ends inclusive. Raises ``QueryFault``, or
    ``NotThere`` for what is not built.
    """
    pipeline = Pipeline(query, now, window)
    pipeline.take_all()
    return pipeline.plan(limit)


class Pipeline:
    """A query on its way to a plan. Modules beside this one have a family of commands each, and use what is here."""

    def __init__(self, query: tree.Query, now: float, window: tuple[int, int], prefix: str = "") -> None:
        """``prefix`` is before every name that a query within another one makes."""
        self.query, self.now, self.window, self.prefix = query, now, window, prefix
        self.scope = Scope(prefix)
        self.evaluator = Evaluator(query.text, self.scope, now, window, partial(nesting.among, self))
        self.relations: list[tuple[str, str]] = []
        self.steps: list[Step] = []
        self.nested: list[nesting.Nested] = []
        self.lines: clustering.Lines | None = None
        """What the patterns were made of, while nothing else was done with them."""
        self.binned: grouping.Binned | None = None
        self.shown: list[str] = []
        self.written: dict[str, tree.Field] = {}
        """Fields as they were written, by name: a part of one may have dots in it."""
        self.displayed: list[str] | None = None
        self.fields_given = False
        self.order: list[str] = []
        self.limit: int | None = None
        self.closed = False
        self.diff: str | int | None = None
        self.shift = 0
        """How many milliseconds earlier than they are shown the events are: the offset of ``stats``."""
        self.filtered = -1
        self.filtered_columns: list[str] | None = None
        self.columns_of: dict[str, list[str]] = {}
        """The columns that a relation adds, by its SELECT."""
        self.matched = ""
        self.counted = ""
        """As ``matched``, where nothing better is known at the end."""
        self.read: markup.Read | None = None
        self.count = 0
        self.lookups: list[Lookup] = []
        self.indexed: list[tree.Expression] = []

    # -- relations -------------------------------------------------------------------------------------------------

    @property
    def last(self) -> str:
        """The relation so far."""
        return self.relations[-1][0] if self.relations else f"{self.prefix}base"

    def relation(self, select: str, *columns: str) -> None:
        """Go on with a SELECT that has ``columns`` more."""
        self.columns_of.setdefault(select, []).extend(columns)
        self.relations.append((self._name("q"), select))

    def column(self) -> str:
        """A name that no column has."""
        return self._name("c")

    def table(self) -> str:
        """A name that no table has."""
        return self._name("t")

    def _name(self, kind: str) -> str:
        self.count += 1
        return f"{self.prefix}{kind}{self.count}"

    def materialize(self, select: str) -> None:
        """Go on with a SELECT as a table: it uses what it is made of more than once."""
        if self.scope.events and self.filtered > 0:
            self.matched = f"SELECT count(*) FROM {self.relations[self.filtered - 1][0]}"
            self.checkpoint(self.filtered)
            self.filtered = -1
        name = self.table()
        self.steps.append(Table(name, self.with_relations(select)))
        self.relations = [(name, "")]

    def computed(self, made: Value) -> Value:
        """A value as a column of a relation of its own."""
        name = self.column()
        self.relation(f"SELECT *, {made.sql} AS {name} FROM {self.last}", name)
        return Value(name, made.kind)

    def ordered(self) -> list[str]:
        """ORDER BY terms for the rows as they are."""
        return [*self.order, *_NEWEST_FIRST] if self.scope.events else self.order

    # -- commands --------------------------------------------------------------------------------------------------

    def take_all(self) -> None:
        """Every command of the query."""
        for command in self.query.commands:
            self.add(command)

    def add(self, command: tree.Command) -> None:
        """One command more."""
        if self.closed and not isinstance(command, tree.Limit):
            raise QueryFault("only limit may come after dedup", command.start, command.end)
        if self.limit is not None and not isinstance(command, tree.Display):
            self.settle_limit()
        if not isinstance(command, tree.Fillmissing | tree.Sort | tree.Limit | tree.Display):
            # What comes between stats and fillmissing may have changed the rows.
            self.binned = None
        match command:
            case tree.Fields():
                self.fields(command)
            case tree.Display():
                self.displayed = [self.item(item) for item in command.items]
            case tree.Filter():
                self.filter(command)
            case tree.Sort():
                self.sort(command)
            case tree.Limit():
                self.limit = command.count
                if command.any:
                    self.take_any()
            case tree.Dedup():
                self.dedup(command)
            case tree.Stats():
                grouping.stats(self, command)
            case tree.CountFrequent():
                grouping.count_frequent(self, command)
            case tree.Fillmissing():
                grouping.fillmissing(self, command)
            case tree.Parse():
                extracting.parse(self, command)
            case tree.ParseLine():
                extracting.parse_line(self, command)
            case tree.ParseXml():
                markup.parse_xml(self, command)
            case tree.Json():
                extracting.json(self, command)
            case tree.Unnest():
                extracting.unnest(self, command)
            case tree.Expand():
                extracting.expand(self, command)
            case tree.Pattern():
                clustering.pattern(self, command.operand)
            case tree.Diff():
                clustering.compare(self, command)
            case tree.Anomaly():
                clustering.anomaly(self, command)
            case tree.Accum():
                sequences.accum(self, command)
            case tree.Autoregress():
                sequences.autoregress(self, command)
            case tree.Filldown():
                sequences.filldown(self, command)
            case tree.Sessionize():
                sequences.sessionize(self, command)
            case tree.RelevantFields():
                relevance.relevant_fields(self, command)
            case tree.Addtotals():
                totals.addtotals(self, command)
            case tree.Outlier():
                totals.outlier(self, command)
            case tree.Join():
                nesting.join(self, command)
            case tree.Appendcols():
                nesting.appendcols(self, command)
            case tree.Lookup():
                lookups.add(self, command)
            case tree.CidrLookup():
                lookups.add_cidr(self, command)

    def settle_limit(self) -> None:
        """Leave out now what ``limit`` leaves out: more commands follow."""
        order = f" ORDER BY {', '.join(self.ordered())}" if self.ordered() else ""
        self.relation(f"SELECT * FROM {self.last}{order} LIMIT {self.limit}")
        self.limit = None

    def take_any(self) -> None:
        """Go on with the first events that are found, and look at no more; an order needs all of them."""
        if not self.scope.events or self.order or self.nested:
            return
        self.relation(f"SELECT * FROM {self.last} LIMIT {self.limit}")
        self.checkpoint(len(self.relations))
        self.filtered = -1
        self.matched = f"SELECT count(*) FROM {self.last}"

    def item(self, item: tree.Item) -> str:
        """Compute an item unless it is a field as it stands; the name by which it is known."""
        plain = isinstance(item.expression, tree.Field) and not item.aliased
        if plain and isinstance(item.expression, tree.Field):
            self.written[item.name] = item.expression
        made = self.evaluator.value(item.expression)
        if not plain and not (item.name in self.scope.made and self.scope.made[item.name] == made):
            made = self.computed(made)
            self.scope.make(item.name, made.sql, made.kind)
        return item.name

    def show(self, name: str) -> None:
        """Have a field in the results."""
        if name not in self.shown:
            self.shown.append(name)

    def fields(self, command: tree.Fields) -> None:
        """``fields``."""
        for item in command.items:
            self.show(self.item(item))
        self.fields_given = self.fields_given or self.scope.events

    def filter(self, command: tree.Filter) -> None:
        """``filter`` and ``filterIndex``."""
        if command.indexed:
            self.indexed.append(command.condition)
            test = indexes.condition(command.condition, self.evaluator, self.last, f"{self.prefix}indexed")
        else:
            test = self.evaluator.condition(command.condition)
        self.relation(f"SELECT * FROM {self.last} WHERE {test}")
        if self.scope.events and self.matched == "":
            self.filtered = len(self.relations)

    def sort(self, command: tree.Sort) -> None:
        """``sort``."""
        order: list[str] = []
        for each in command.orders:
            made = self.evaluator.value(each.expression)
            if not _WORD.fullmatch(made.sql):
                made = self.computed(made)
            order += ordering(made.sql, made.kind, each.descending)
        self.order = order

    def dedup(self, command: tree.Dedup) -> None:
        """``dedup``."""
        keys = [self.evaluator.value(field).sql for field in command.fields]
        row = self.column()
        window = f"row_number() OVER (PARTITION BY {', '.join(keys)} ORDER BY {', '.join(self.ordered() or ['1'])})"
        self.relation(f"SELECT *, {window} AS {row} FROM {self.last}", row)
        # Missing values are no duplicates.
        missing = " OR ".join(f"{key} IS NULL" for key in keys)
        self.relation(f"SELECT * FROM {self.last} WHERE {row} = 1 OR {missing}")
        self.closed = True

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

    def plan(self, most: int | None) -> Plan:
        """The whole, with at most ``most`` results; without that and ``limit`` there are as many as by default."""
        events = self.scope.events
        if events and self.filtered > 0:
            name = self.relations[self.filtered - 1][0]
            base = [column for column in _BASE_COLUMNS if column != "raw" or self.scope.raw]
            own = [column for _, body in self.relations[: self.filtered] for column in self.columns_of.get(body, ())]
            self.filtered_columns = [*base, *own, *self.scope.columns()]
            self.checkpoint(self.filtered)
            self.matched = f"SELECT count(*) FROM {name}"
        columns, selected = [], []
        for name in self.names():
            made = self.named(name)
            columns.append(Column(name, made.kind))
            selected.append(sql.text(made) if made.kind == "json" else made.sql)
        if events:
            selected += ["uid", "time", "seq"]
        order = f" ORDER BY {', '.join(self.ordered())}" if self.ordered() else ""
        limit = min(most or self.limit or DEFAULT_LIMIT, self.limit or most or DEFAULT_LIMIT)
        body = f"SELECT {', '.join(selected) or '1'} FROM {self.last}{order} LIMIT {limit}"
        final = self.with_relations(body)
        inner = [step for nested in self.nested for step in nested.steps()]
        steps = [step._replace(select=self.based(step.select)) for step in self.pruned(final)]
        if sum(len(step.select) for step in (*inner, *steps)) + len(final) > _MOST_SQL:
            raise QueryFault("the query is too complex", 0, len(self.query.text))
        return Plan(
            (*inner, *steps), self.based(final), tuple(columns), events, self.matched or self.counted, self.diff,
            self.scope.raw, (*self.lookups, *(each for nested in self.nested for each in nested.pipeline.lookups)),
            tuple(nested.input() for nested in self.nested), tuple(self.indexed), self.shift,
        )  # fmt: skip

    def names(self) -> list[str]:
        """The fields of the results."""
        names = self.displayed if self.displayed is not None else self.shown
        if self.scope.events and self.displayed is None and not self.fields_given:
            names = ["@timestamp", "@message", *(name for name in self.shown if name not in ("@timestamp", "@message"))]
        return [name for name in dict.fromkeys(names) if name != "@ptr"]

    def named(self, name: str) -> Value:
        """A field of the results."""
        return self.scope.made.get(name) or self.scope.resolve(
            self.written.get(name) or tree.Field(tuple(name.split(".")))
        )

    def pruned(self, final: str) -> list[Step]:
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
        name = f"{self.prefix}base"
        if not re.search(rf"\b{name}\b", select):
            return select
        base = self.scope.base(self.diff is not None)
        head = ", ".join([*(f"{name} AS ({body})" for name, body in base), f"{name} AS (SELECT * FROM {base[-1][0]})"])
        return f"WITH {head}, {select[5:]}" if select.startswith("WITH ") else f"WITH {head} {select}"

"""CloudWatch Logs Insights: queries over any number of events, by DuckDB.

* ``language`` makes a tree of a query's text, ``compile`` makes SQL of the tree (a ``Plan``). Both are pure.
* ``source`` gives DuckDB the events of the groups as relations: the storage's batches as they are, over ``arrow``.
  There is no index and no second copy to keep: what was put a moment ago is found, and the first query after a start
  is as quick as the next.
* ``execution`` carries out a plan in a worker thread; ``patterns`` does what SQL cannot for ``pattern`` and ``diff``,
  on the few different forms that lines have. No event is looked at in Python (but for groups with a data protection
  policy, whose messages are masked before DuckDB sees them).
* ``engine`` keeps queries: records that a controller runs, results in files, all gone after seven days.

DuckDB is an extra (``cloudarium[insights]``): it is larger than everything else that is installed, and only those who
query need it. It is imported by the first query, in its thread.
"""

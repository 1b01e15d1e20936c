"""CloudFormation was moto's once. Journals of that time have its calls, and what they made must still be there.

They are made again by moto as it is, but for one thing: moto reads YAML in a way in which a template can name any
function of Python to be called, and what was refused for that is in the journal too.
"""

from __future__ import annotations

import functools


@functools.cache
def read_templates_safely() -> None:
    """Let moto read YAML with CloudFormation's tags, and without any of Python's."""
    import yaml
    from moto.cloudformation.utils import yaml_tag_constructor

    class Loader(yaml.SafeLoader):  # type: ignore[misc,unused-ignore]
        pass

    def short_form(loader: object, suffix: str, node: object) -> object:
        return yaml_tag_constructor(loader, f"!{suffix}", node)

    Loader.add_multi_constructor("!", short_form)
    yaml.Loader = Loader

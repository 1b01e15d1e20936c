"""Finding events again: pages of a stream, searches through a group, masks over what must not be seen."""

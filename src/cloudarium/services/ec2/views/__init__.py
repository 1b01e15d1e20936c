"""How records look in answers. An item is shared between answers: whoever gets one must not change it."""

"""Alarms: what is stored, how states are decided (pure), who evaluates when, and what a change sets off."""

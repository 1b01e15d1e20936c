"""Processes of the host that stand behind network interfaces."""

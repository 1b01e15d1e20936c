"""STS's operations. Those that would have to verify somebody else's tokens (web identity, SAML) are not here."""

"""Directories over LDAP: connections, logins, people and groups, directory books."""

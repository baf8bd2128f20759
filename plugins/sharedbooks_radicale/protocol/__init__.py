"""CardDAV: one module a method or report; the domain gives rows, these write bytes."""

"""How likely it is that two cards tell of one person or company; knows no database."""

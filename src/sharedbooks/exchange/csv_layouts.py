"""Whose table it is: found out by its headings, or said by a mapping."""

from collections.abc import Mapping, Sequence

from sharedbooks.errors import InvalidSource
from sharedbooks.exchange.columns import Layout, Meaning, Table, fold_heading, meaning_of, numbered
from sharedbooks.exchange.csv_google import GOOGLE
from sharedbooks.exchange.csv_outlook import OUTLOOK

LINKEDIN = Layout(
    "LinkedIn",
    {
        "first name": Meaning("N.given"),
        "last name": Meaning("N.family"),
        "url": Meaning("URL", "value", "LinkedIn", (), "LinkedIn"),
        "email address": Meaning("EMAIL", "value", "1"),
        "company": Meaning("ORG.name"),
        "position": Meaning("TITLE"),
        "connected on": Meaning("DATE", "value", "connected", (), "Connected on LinkedIn"),
    },
    "dmy",
    "url",
)

# Headings of sheets that people make, in the four languages.
_USUAL = {
    "FN": "name, full name, display name, contact, nom complet, nom et prénom, name und vorname,"
    " vollständiger name, nome completo, nominativo",
    "N.given": "first name, given name, firstname, vorname, prénom, nome",
    "N.family": "last name, family name, surname, lastname, nachname, familienname, nom,"
    " nom de famille, cognome",
    "N.prefix": "salutation, anrede, civilité",
    "ORG.name": "company, organisation, organization, firma, unternehmen, société, entreprise,"
    " società, azienda, ditta",
    "ORG.unit": "department, abteilung, service, reparto",
    "TITLE": "title, job title, position, funktion, fonction, titre, ruolo, posizione, mansione",
    "EMAIL": "email, e-mail, mail, email address, e-mail address, e-mail-adresse, courriel,"
    " adresse e-mail, adresse email, indirizzo e-mail, posta elettronica",
    "TEL": "phone, telephone, telefon, tel, tel., téléphone, tél., telefono, phone number,"
    " telefonnummer",
    "TEL;TYPE=cell": "mobile, mobile phone, cell, cell phone, mobil, mobiltelefon, handy,"
    " portable, mobile (gsm), cellulare",
    "TEL;TYPE=work": "work phone, business phone, office phone, telefon geschäftlich,"
    " téléphone professionnel, telefono ufficio",
    "TEL;TYPE=home": "home phone, telefon privat, téléphone personnel, telefono casa",
    "TEL;TYPE=fax": "fax, telefax, télécopie",
    "ADR.street": "street, address, straße, strasse, adresse, rue, via, indirizzo",
    "ADR.city": "city, town, ort, stadt, ville, città",
    "ADR.code": "zip, zip code, postal code, postcode, plz, postleitzahl, code postal, cap",
    "ADR.region": "state, region, province, bundesland, kanton, région, provincia",
    "ADR.country": "country, land, pays, paese",
    "URL": "website, web, url, web page, webseite, homepage, site web, sito web",
    "NOTE": "note, notes, comment, comments, notiz, notizen, bemerkung, bemerkungen, remarque,"
    " remarques, commentaire, commenti, osservazioni",
    "BDAY": "birthday, date of birth, geburtstag, geburtsdatum, date de naissance,"
    " data di nascita, compleanno",
    "CATEGORIES": "category, categories, group, groups, tags, kategorie, kategorien, gruppe,"
    " catégorie, catégories, groupe, categoria, categorie",
    "NICKNAME": "nickname, spitzname, surnom, soprannome",
    "UID": "uid",
}
_SHEET = Layout(
    "a sheet",
    {
        heading.strip(): meaning_of(target, heading.strip())
        for target, headings in _USUAL.items()
        for heading in headings.split(",")
    },
)
_LAYOUTS = (GOOGLE, *OUTLOOK, LINKEDIN, _SHEET)
_FEWEST_KNOWN = 2


def find_table(
    rows: Sequence[Sequence[str]], mapping: Mapping[str, str], key: str | None
) -> tuple[int, Table] | None:
    """Return the index of the heading row among the first rows, and its columns; None if not found.

    Args:
        rows: the first rows of the table; lines before the headings are allowed.
        mapping: target of a column by its heading, over what its layout says; an empty target
            leaves the column out.
        key: heading of the column that tells rows apart, or None.

    Raises:
        InvalidSource: a column of the mapping, or the key, is not there.
        ValueError: a target of the mapping is none.
    """
    assigned = {
        fold_heading(heading): meaning_of(target, fold_heading(heading)) if target else Meaning("")
        for heading, target in mapping.items()
    }
    best: tuple[int, int, Layout] | None = None
    for index, row in enumerate(rows):
        folded = numbered(row)
        for layout in _LAYOUTS:
            known = sum(
                1 for each in folded if each and (each in assigned or layout.meanings.get(each))
            )
            if known and (best is None or known > best[0]):
                best = (known, index, layout)
    if best is None or best[0] < (1 if assigned else min(_FEWEST_KNOWN, len(rows[best[1]]))):
        return None
    _, index, layout = best
    return index, _table(rows[index], layout, assigned, key)


def _table(
    headings: Sequence[str], layout: Layout, assigned: Mapping[str, Meaning], key: str | None
) -> Table:
    folded = numbered(headings)
    missing = [
        each for each in (*assigned, *([fold_heading(key)] if key else [])) if each not in folded
    ]
    if missing:
        there = ", ".join(repr(each) for each in headings if each.strip())
        raise InvalidSource(f"There is no column {missing[0]!r}; there are {there}.")
    meanings = [assigned.get(each) or layout.meanings.get(each) for each in folded]
    wanted = fold_heading(key) if key else layout.key
    if wanted is None and "uid" in folded:
        wanted = "uid"
    index = folded.index(wanted) if wanted in folded else None
    return Table(layout, list(headings), meanings, index)

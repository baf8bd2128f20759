"""The columns of Outlook's tables in English, French, German and Italian."""

from collections.abc import Iterator

from sharedbooks.exchange.columns import Layout, Meaning, fold_heading, meaning_of
from sharedbooks.exchange.contact import Contact, Entry
from sharedbooks.exchange.labels import known_types

LANGUAGES = ("English", "French", "German", "Italian")

# Target | English | French | German | Italian. "=" before a target: a field of that name.
# "-": known, and not taken. Other spellings of other versions follow after "~".
_TABLE = """
N.prefix | Title | Titre | Anrede | Titolo
N.given | First Name | Prénom | Vorname | Nome
N.additional | Middle Name | Deuxième prénom | Weitere Vornamen | Secondo nome
N.family | Last Name | Nom | Nachname | Cognome
N.suffix | Suffix | Suffixe | Suffix | Titolo straniero
ORG.name | Company | Société | Firma | Società
ORG.unit | Department | Service | Abteilung | Reparto
TITLE | Job Title | Titre#2 ~ Fonction | Position | Posizione
ADR.street WORK | Business Street | Rue (bureau) | Straße geschäftlich | Via (uff.)
ADR.street WORK | Business Street 2 | Rue (bureau) 2 | Straße geschäftlich 2 | Via (uff.) 2
ADR.street WORK | Business Street 3 | Rue (bureau) 3 | Straße geschäftlich 3 | Via (uff.) 3
ADR.city WORK | Business City | Ville (bureau) | Ort geschäftlich | Città (uff.)
ADR.region WORK | Business State | Dép/Région (bureau) | Region geschäftlich ~ Bundesland/Kanton geschäftlich | Provincia (uff.)
ADR.code WORK | Business Postal Code | Code postal (bureau) | Postleitzahl geschäftlich | CAP (uff.)
ADR.country WORK | Business Country/Region ~ Business Country | Pays/Région (bureau) ~ Pays (bureau) | Land/Region geschäftlich ~ Land geschäftlich | Paese/area geografica (uff.) ~ Paese (uff.)
ADR.street HOME | Home Street | Rue (domicile) | Straße privat | Via (ab.)
ADR.street HOME | Home Street 2 | Rue (domicile) 2 | Straße privat 2 | Via (ab.) 2
ADR.street HOME | Home Street 3 | Rue (domicile) 3 | Straße privat 3 | Via (ab.) 3
ADR.city HOME | Home City | Ville (domicile) | Ort privat | Città (ab.)
ADR.region HOME | Home State | Dép/Région (domicile) | Bundesland/Kanton privat ~ Region privat | Provincia (ab.)
ADR.code HOME | Home Postal Code | Code postal (domicile) | Postleitzahl privat | CAP (ab.)
ADR.country HOME | Home Country/Region ~ Home Country | Pays/Région (domicile) ~ Pays (domicile) | Land/Region privat ~ Land privat | Paese/area geografica (ab.) ~ Paese (ab.)
ADR.street OTHER | Other Street | Rue (autre) | Weitere Straße | Altra via
ADR.street OTHER | Other Street 2 | Rue (autre) 2 | Weitere Straße 2 | Altra via 2
ADR.street OTHER | Other Street 3 | Rue (autre) 3 | Weitere Straße 3 | Altra via 3
ADR.city OTHER | Other City | Ville (autre) | Weiterer Ort | Altra città
ADR.region OTHER | Other State | Dép/Région (autre) | Weiteres/r Bundesland/Kanton ~ Weitere Region | Altra provincia
ADR.code OTHER | Other Postal Code | Code postal (autre) | Weitere Postleitzahl | Altro CAP
ADR.country OTHER | Other Country/Region ~ Other Country | Pays/Région (autre) ~ Pays (autre) | Weiteres/e Land/Region ~ Weiteres Land | Altro paese/area geografica
TEL/Assistant | Assistant's Phone | Téléphone de l'assistant(e) | Telefon Assistent | Telefono assistente
TEL WORK,FAX | Business Fax | Télécopie (bureau) | Fax geschäftlich | Fax (uff.)
TEL WORK | Business Phone | Téléphone (bureau) | Telefon geschäftlich | Ufficio ~ Telefono (uff.)
TEL WORK | Business Phone 2 | Téléphone 2 (bureau) | Telefon geschäftlich 2 | Ufficio 2
TEL/Callback | Callback | Rappel | Rückmeldung | Richiamata automatica
TEL CAR | Car Phone | Téléphone (voiture) | Autotelefon | Telefono auto
TEL WORK,MAIN | Company Main Phone | Téléphone société | Telefon Firma | Telefono principale società
TEL HOME,FAX | Home Fax | Télécopie (domicile) | Fax privat | Fax (ab.)
TEL HOME | Home Phone | Téléphone (domicile) | Telefon privat ~ Telefon (privat) | Abitazione ~ Telefono (ab.)
TEL HOME | Home Phone 2 | Téléphone 2 (domicile) | Telefon privat 2 ~ Telefon (privat 2) | Abitazione 2
TEL ISDN | ISDN | RNIS | ISDN | ISDN
TEL CELL | Mobile Phone | Tél. mobile | Mobiltelefon | Cellulare
TEL OTHER,FAX | Other Fax | Télécopie (autre) | Weiteres Fax | Altro fax
TEL OTHER | Other Phone | Téléphone (autre) | Weiteres Telefon | Altro telefono
TEL PAGER | Pager | Récepteur de radiomessagerie | Pager | Cercapersone
TEL MAIN | Primary Phone | Téléphone principal | Haupttelefon | Telefono principale
TEL/Radio | Radio Phone | Radio téléphone | Mobiltelefon 2 | Radiotelefono
TEL TEXTPHONE | TTY/TDD Phone | Téléphone TDD/TTY | Telefon für Hörbehinderte | Telefono TTY/TDD
TEL/Telex | Telex | Télex | Telex | Telex
=Account | Account | Compte | Konto | Account
ANNIVERSARY | Anniversary | Anniversaire de mariage ou fête | Jahrestag | Anniversario
RELATED/Assistant | Assistant's Name | Nom de l'assistant(e) | Name Assistent ~ Assistent(in) | Nome assistente
=Billing Information | Billing Information | Informations facturation | Abrechnungsinformation | Dati fatturazione
BDAY | Birthday | Anniversaire | Geburtstag | Compleanno
ADR.pobox WORK | Business Address PO Box | B.P. professionnelle | Postfach geschäftlich | Indirizzo (uff.) - Casella postale
CATEGORIES | Categories | Catégories | Kategorien | Categorie
RELATED/Child | Children | Enfants | Kinder | Figli
=Directory Server | Directory Server | Serveur d'annuaire | Verzeichnisserver | Server di directory
EMAIL | E-mail Address | Adresse de messagerie ~ Adresse de courrier | E-Mail-Adresse | Indirizzo posta elettronica
- | E-mail Type | Type de messagerie | E-Mail-Typ | Tipo posta elettronica
- | E-mail Display Name | Nom complet de l'adresse de messagerie | E-Mail: Angezeigter Name | Nome visualizzato posta elettronica
EMAIL | E-mail 2 Address | Adresse de messagerie 2 ~ Adresse de courrier 2 | E-Mail 2: Adresse | Indirizzo posta elettronica 2
- | E-mail 2 Type | Type de messagerie 2 | E-Mail 2: Typ | Tipo posta elettronica 2
- | E-mail 2 Display Name | Nom complet de l'adresse de messagerie 2 | E-Mail 2: Angezeigter Name | Nome visualizzato posta elettronica 2
EMAIL | E-mail 3 Address | Adresse de messagerie 3 ~ Adresse de courrier 3 | E-Mail 3: Adresse | Indirizzo posta elettronica 3
- | E-mail 3 Type | Type de messagerie 3 | E-Mail 3: Typ | Tipo posta elettronica 3
- | E-mail 3 Display Name | Nom complet de l'adresse de messagerie 3 | E-Mail 3: Angezeigter Name | Nome visualizzato posta elettronica 3
GENDER | Gender | Sexe | Geschlecht | Sesso
=Government ID Number | Government ID Number | Code gouvernement | Regierungs-Nr. | Cod. Fisc./P. IVA
=Hobby | Hobby | Passe-temps | Hobby | Hobby
ADR.pobox HOME | Home Address PO Box | Boîte postale du domicile | Postfach privat ~ Postfach | Indirizzo (ab.) - Casella postale
=Initials | Initials | Initiales | Initialen | Iniziali
=Internet Free Busy | Internet Free Busy | Disponibilité Internet | Internet Frei/Gebucht ~ Internet-Frei/Gebucht | Disponibilità Internet
=Keywords | Keywords | Mots clés | Stichwörter | Parole chiave
=Language | Language | Langue | Sprache | Lingua
=Location | Location | Emplacement | Ort | Luogo
RELATED/Manager | Manager's Name | Responsable | Name des/der Vorgesetzten | Nome manager
=Mileage | Mileage | Kilométrage | Reisekilometer | Indennità trasferta
NOTE | Notes | Notes | Notizen | Notes ~ Note
=Office Location | Office Location | Bureau | Büro | Ubicazione ufficio
=Organizational ID Number | Organizational ID Number | Numéro d'identification de l'organisation | Organisations-Nr. | Numero ID organizzativo
ADR.pobox OTHER | Other Address PO Box | Autre boîte postale | Weiteres Postfach | Altro indirizzo - Casella postale
- | Priority | Priorité | Priorität | Priorità
- | Private | Privé | Privat | Privato
ROLE | Profession | Profession | Beruf | Professione
=Referred By | Referred By | Recommandé par | Empfohlen von | Presentato da
- | Sensitivity | Critère de diffusion | Vertraulichkeit | Riservatezza
RELATED/Spouse | Spouse | Conjoint(e) | Partner | Nome coniuge/partner
=User 1 | User 1 | Utilisateur 1 | Benutzer 1 | Utente 1
=User 2 | User 2 | Utilisateur 2 | Benutzer 2 | Utente 2
=User 3 | User 3 | Utilisateur 3 | Benutzer 3 | Utente 3
=User 4 | User 4 | Utilisateur 4 | Benutzer 4 | Utente 4
URL | Web Page | Page Web | Webseite | Pagina Web
"""  # noqa: E501


def _rows() -> Iterator[tuple[Meaning, list[list[str]]]]:
    for line in _TABLE.strip().splitlines():
        target, *columns = line.split(" | ")
        names = [[each.strip() for each in column.split(" ~ ")] for column in columns]
        yield _meaning(target, names[0][0]), names


def _meaning(target: str, heading: str) -> Meaning:
    if target == "-":
        return Meaning("")
    if target.startswith("="):
        return Meaning("FIELD", "value", heading, (), target[1:])
    name, _, label = target.partition("/")
    name, _, types = name.partition(" ")
    params = f";TYPE={types}" if types else f";LABEL={label}" if label else ""
    return meaning_of(name + params, heading)


_ROWS = list(_rows())
_DATES = {"English": "mdy", "French": "dmy", "German": "dmy", "Italian": "dmy"}

OUTLOOK = tuple(
    Layout(
        f"Outlook ({language})",
        {fold_heading(heading): meaning for meaning, names in _ROWS for heading in names[number]},
        _DATES[language],
    )
    for number, language in enumerate(LANGUAGES)
)

HEADINGS = [names[0][0] for _, names in _ROWS]
"""Of the table that Outlook in English writes, in its order."""


def row_of(contact: Contact) -> tuple[list[str], set[str]]:
    """Return a contact as a row under ``HEADINGS``, and the names of what found no column."""
    left = {name: list(entries) for name, entries in contact.lists.items()}
    addresses: dict[str, Entry] = {}
    for entry in list(left.get("ADR", ())):
        kind = next((each for each in ("WORK", "HOME") if each in entry.types), "OTHER")
        if kind not in addresses:
            addresses[kind] = entry
            left["ADR"].remove(entry)
    streets = {kind: _street_lines(entry) for kind, entry in addresses.items()}
    row = [_cell(meaning, contact, left, addresses, streets) for meaning, _ in _ROWS]
    unheld = {name for name, entries in left.items() if entries}
    held = {meaning.name for meaning, _ in _ROWS} | {"FN", "UID"}
    return row, unheld | {name for name in contact.texts if name not in held}


def _street_lines(entry: Entry) -> list[str]:
    street = "\n".join(filter(None, (entry.parts.get("extended"), entry.parts.get("street"))))
    first, *rest = street.split("\n")
    # There are three columns.
    return [first, *rest[:1], *filter(None, ["\n".join(rest[1:])])]


def _cell(
    meaning: Meaning,
    contact: Contact,
    left: dict[str, list[Entry]],
    addresses: dict[str, Entry],
    streets: dict[str, list[str]],
) -> str:
    if meaning.name == "CATEGORIES":
        return ";".join(contact.categories)
    if meaning.name == "ADR":
        kind = meaning.types[0]
        if meaning.part == "street":
            return streets[kind].pop(0) if streets.get(kind) else ""
        return addresses[kind].parts.get(meaning.part, "") if kind in addresses else ""
    if meaning.name in left:
        return _taken(left[meaning.name], meaning)
    if meaning.name == "N.given" and not _has_name(contact):
        # Outlook has no column for a name as a whole.
        return contact.texts.get("FN", "")
    return contact.texts.get(meaning.name, "")


def _taken(entries: list[Entry], meaning: Meaning) -> str:
    found = next((each for each in entries if _fits(each, meaning)), None)
    if found is None:
        return ""
    entries.remove(found)
    return found.value


def _has_name(contact: Contact) -> bool:
    return any(name.startswith("N.") for name in contact.texts) or "ORG.name" in contact.texts


def _fits(entry: Entry, meaning: Meaning) -> bool:
    if meaning.name in {"EMAIL", "URL"}:
        return True
    if meaning.label or entry.label:
        return entry.label.casefold() == meaning.label.casefold()
    types = set(known_types(entry.types)) or {"OTHER"}
    if meaning.types == ("CELL",):
        return "CELL" in types
    return types == set(meaning.types)
